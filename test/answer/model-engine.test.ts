import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import type { AnswerTool, Question } from '../../src/answer/engine.ts';
import { createExtractiveEngine } from '../../src/answer/extractive.ts';
import { createModelEngine } from '../../src/answer/model-engine.ts';
import type { ModelCall, ModelStep } from '../../src/models/model-types.ts';
import { QUESTION_DEFAULTS, readAnswer } from '../helpers/models/answers.ts';
import { createHit, createRetrieval } from '../helpers/models/hits.ts';
import { createScriptedModels, type ModelScript, type ScriptedModels } from '../helpers/models/scripted-models.ts';

const USAGE = { inputTokens: 100, cachedTokens: 0, outputTokens: 10, reasoningTokens: 0, isEstimated: false };
const text = (words: string): ModelStep => ({ type: 'text', text: words });
const end: ModelStep = { type: 'finish', reason: 'STOP', usage: USAGE };
const endWithTools: ModelStep = { type: 'finish', reason: 'TOOLS', usage: USAGE };
const callTool = (toolName: string, input: object = {}): ModelStep => ({
  type: 'tool',
  call: { type: 'tool-call', toolCallId: toolName, toolName, input: JSON.stringify(input) },
});

const retrieval = createRetrieval([createHit('Refunds are paid within ten days.')], 0.9);

/** Asks an engine with scripted models, and returns its answer and its events. */
async function ask(
  models: ScriptedModels,
  question: Partial<Question> = {},
  { fallsBackToBuiltin = false, signal }: { fallsBackToBuiltin?: boolean; signal?: AbortSignal } = {},
) {
  const settings = { totalMs: 60_000, maxOutputTokens: 100, fallsBackToBuiltin };
  const builtin = createExtractiveEngine({ delayMs: 0 });
  const engine = createModelEngine({ models, builtin, settings, logger: pino({ level: 'silent' }) });
  const answeringModel = { provider: 'openai', model: 'first' };
  const answer = await readAnswer(
    engine,
    { content: 'When are refunds paid?', retrieval, answeringModel, ...question },
    signal,
  );
  const finish = answer.events.find(({ type }) => type === 'finish');
  return { ...answer, finish, authors: answer.events.filter(({ type }) => type === 'author') };
}

/** Creates a tool that records its inputs, and refuses the first calls. */
function createTool(name: string, { notice = 'Done.', refusals = 0 } = {}) {
  const inputs: unknown[] = [];
  const tool: AnswerTool = {
    name,
    description: name,
    parameters: { type: 'object' },
    async run(input) {
      inputs.push(input);
      const hasSucceeded = inputs.length > refusals;
      return {
        hasSucceeded,
        report: hasSucceeded ? 'It was done.' : 'It was refused.',
        notice: hasSucceeded ? notice : '',
      };
    },
  };
  return { tool, inputs };
}

const resultsOf = (call: ModelCall | undefined) => JSON.stringify(call?.messages.at(-1));

describe('an answer in several rounds', () => {
  it('starts a new paragraph for each round that writes text', async () => {
    const { tool } = createTool('escalate');
    const models = createScriptedModels(
      [text('One moment.'), callTool('escalate'), endWithTools],
      [text('\n A person'), text(' will come.'), end],
    );
    const { text: answer, finish } = await ask(models, { tools: [tool] });
    expect(answer).toBe('One moment.\n\nA person will come.');
    expect(finish).toMatchObject({ reason: 'STOP', usage: { inputTokens: 200, outputTokens: 20 } });
    expect(models.closedCount).toBe(2);
  });

  it("shows the tool's notice if the model then fails, times out or writes nothing", async () => {
    for (const secondRound of [
      ['PROVIDER_UNAVAILABLE'],
      [end],
      [{ type: 'reasoning', text: 'Hm.' }, 'PROVIDER_UNAVAILABLE'],
    ]) {
      const { tool, inputs } = createTool('escalate', { notice: 'A person will come.' });
      const models = createScriptedModels([callTool('escalate'), endWithTools], secondRound as ModelScript);
      const { text: answer, finish } = await ask(models, { tools: [tool] });
      expect([answer, inputs.length]).toEqual(['A person will come.', 1]);
      expect(finish).toMatchObject({ reason: 'STOP' });
    }
  });

  it('runs each tool once, however often it is called, and at most four calls in a round', async () => {
    const { tool, inputs } = createTool('capture');
    const models = createScriptedModels(
      [...Array.from({ length: 6 }, () => callTool('capture')), endWithTools],
      [callTool('capture'), endWithTools],
      [text('All done.'), end],
    );
    const { text: answer } = await ask(models, { tools: [tool] });
    expect([answer, inputs.length]).toEqual(['All done.', 1]);
    expect(resultsOf(models.calls[1])).toContain('Too many tools at once.');
    expect(resultsOf(models.calls[2])).toContain('This tool has succeeded already');
  });

  it('lets a model retry a refused call, and allows no tools in the last round', async () => {
    const { tool, inputs } = createTool('capture', { refusals: 1 });
    const models = createScriptedModels(
      [callTool('capture', { email: 'nobody' }), endWithTools],
      [callTool('capture', { email: 'ada@example.com' }), endWithTools],
      [text('Thank you.'), callTool('capture'), endWithTools],
    );
    const { text: answer, finish } = await ask(models, { tools: [tool] });
    expect(inputs).toEqual([{ email: 'nobody' }, { email: 'ada@example.com' }]);
    expect([answer, finish]).toMatchObject(['Thank you.', { reason: 'STOP' }]);
    expect(models.calls.map(({ toolChoice }) => toolChoice)).toEqual([undefined, undefined, 'none']);
  });

  it('runs no tool of a round that ends early', async () => {
    const { tool, inputs } = createTool('capture');
    const models = createScriptedModels([
      text('I keep that'),
      callTool('capture'),
      { type: 'finish', reason: 'LENGTH', usage: USAGE },
    ]);
    const { finish } = await ask(models, { tools: [tool] });
    expect([inputs, finish]).toMatchObject([[], { reason: 'LENGTH' }]);
  });

  it('runs no further tool once the answer is stopped', async () => {
    const stop = new AbortController();
    const first = createTool('first');
    const second = createTool('second');
    const run = first.tool.run;
    const tools = [{ ...first.tool, run: (input: unknown) => run(input).finally(() => stop.abort()) }, second.tool];
    const { text: answer, finish } = await ask(
      createScriptedModels([callTool('first'), callTool('second'), endWithTools]),
      { tools },
      { signal: stop.signal },
    );
    expect([first.inputs.length, second.inputs, answer, finish]).toEqual([1, [], '', undefined]);
  });
});

it("cites by the marks of the prompt, and keeps the sources' own brackets", async () => {
  const retrieval = createRetrieval([createHit('Refunds are paid within ten days【2】, see article [1].')], 0.9);
  const quoting = createScriptedModels([text('Within ten days【2】, see article [1] of the refunds.'), end]);
  const quoted = await ask(quoting, { retrieval });
  expect([quoted.text, quoted.citations]).toEqual(['Within ten days【2】, see article [1] of the refunds.', []]);
  expect(JSON.stringify(quoting.calls[0]?.messages)).toMatch(/【[a-z]{4}-1】 /);

  const citing = createScriptedModels([text('Refunds are paid within ten days【1】.'), end]);
  const cited = await ask(citing);
  expect([cited.text, cited.citations.length]).toEqual(['Refunds are paid within ten days.', 1]);
  expect(JSON.stringify(citing.calls[0]?.messages)).toContain('【1】 ');
});

describe('a model that fails', () => {
  const answering = { ...QUESTION_DEFAULTS.answering, fallbackModels: [{ provider: 'google', model: 'second' }] };

  it('is replaced by the next model if it has written only white space and reasoning', async () => {
    const models = createScriptedModels(
      [text('\n\n'), { type: 'reasoning', text: 'Hm.' }, 'PROVIDER_UNAVAILABLE'],
      [text('Ten days.'), end],
    );
    const { text: answer, events, authors } = await ask(models, { answering });
    expect(answer).toBe('Ten days.');
    expect(authors.map((event) => event.type === 'author' && event.author.model)).toEqual(['first', 'second']);
    expect(events.filter(({ type }) => type === 'failed')).toMatchObject([
      { model: { provider: 'openai', model: 'first' }, usage: { isEstimated: true } },
    ]);
  });

  it('is replaced if it wrote only reasoning, and its usage counts', async () => {
    const thoughts: ModelScript = [
      { type: 'reasoning', text: 'Hm.' },
      { type: 'finish', reason: 'LENGTH', usage: USAGE },
    ];
    const { text: answer, events } = await ask(createScriptedModels(thoughts, [text('Ten days.'), end]), { answering });
    expect(answer).toBe('Ten days.');
    expect(events.filter(({ type }) => type === 'failed')).toMatchObject([{ usage: USAGE }]);
  });

  it('is replaced if it called an unknown tool', async () => {
    const models = createScriptedModels(
      [callTool('nothing'), endWithTools],
      ['PROVIDER_UNAVAILABLE'],
      [text('Ten days.'), end],
    );
    expect((await ask(models, { answering })).text).toBe('Ten days.');
  });

  it('fails the answer if it has already written a word', async () => {
    const models = createScriptedModels([text('Ten'), 'PROVIDER_UNAVAILABLE'], [text('Ten days.'), end]);
    await expect(ask(models, { answering })).rejects.toMatchObject({ code: 'PROVIDER_UNAVAILABLE' });
    expect([models.calls.length, models.closedCount]).toEqual([1, 1]);
  });

  it('is replaced by the built-in engine if the settings allow it; otherwise the last failure is thrown', async () => {
    const createFailingModels = () => createScriptedModels(['PROVIDER_RATE_LIMITED'], ['CONTEXT_TOO_LONG']);
    const { text: answer } = await ask(createFailingModels(), { answering }, { fallsBackToBuiltin: true });
    expect(answer).toBe('Refunds are paid within ten days.');
    await expect(ask(createFailingModels(), { answering })).rejects.toMatchObject({ code: 'CONTEXT_TOO_LONG' });
  });
});

it('limits each round to the characters that earlier rounds have left', async () => {
  const { tool } = createTool('capture');
  const models = createScriptedModels([text('x'.repeat(1_000)), callTool('capture'), endWithTools], [text('y'), end]);
  await ask(models, { tools: [tool] });
  expect(models.calls.map(({ maxChars }) => maxChars)).toEqual([200_000, 199_000]);
});
