import { describe, expect, it, vi } from 'vitest';
import type { FailureCode } from '../../src/domain/failures.ts';
import { PROVIDERS } from '../../src/domain/providers.ts';
import { MAX_ANSWER_CHARS } from '../../src/models/stream-parts.ts';
import type { Refusal } from '../helpers/models/vendors/answer.ts';
import { SIGNATURE } from '../helpers/models/vendors/answer.ts';
import type { Mishap } from '../helpers/models/vendors/vendor.ts';
import { findSecrets, KEY, openLine, QUESTION, readAll, TOOL } from './support.ts';

const REFUSALS: Record<Exclude<Refusal, 'limit' | 'broken'>, FailureCode> = {
  key: 'PROVIDER_MISCONFIGURED',
  model: 'PROVIDER_MISCONFIGURED',
  quota: 'PROVIDER_RATE_LIMITED',
  long: 'CONTEXT_TOO_LONG',
  filtered: 'CONTENT_FILTERED',
};
const CUTS = ['ended', 'reset', 'garbage', 'error'] as const satisfies Mishap[];
const TEXT = ['Paris', ' is', ' the capital', ' of France. 👍🏽', ' É'];

describe.each(PROVIDERS)('a model of %s', (provider) => {
  it('streams text, reasoning and usage in order', async () => {
    const { vendor, open, outcomes } = await openLine(provider);
    vendor.reply({ reasoning: ['Let me', ' think.'], text: TEXT });

    const answer = await readAll(open());

    expect(answer.failure).toBeUndefined();
    expect(answer.steps.map(({ type }) => type)).toEqual([
      ...['reasoning', 'reasoning'],
      ...TEXT.map(() => 'text'),
      'finish',
    ]);
    expect(answer.reasoning).toBe('Let me think.');
    expect(answer.text).toBe(TEXT.join(''));
    expect(answer.finish).toEqual({
      type: 'finish',
      reason: 'STOP',
      usage: { inputTokens: 120, cachedTokens: 40, outputTokens: 30, reasoningTokens: 10, isEstimated: false },
    });
    expect(answer.stream).toMatchObject({ provider, model: 'm' });
    expect(outcomes).toEqual([{ accountId: 'account', model: 'm', failure: null }]);
    const [request] = vendor.requests;
    expect(JSON.stringify(request?.headers)).toContain(KEY);
    expect(JSON.stringify(request?.body)).toContain('What is the capital of France?');
    expect(JSON.stringify(request?.body)).toContain('500');
  });

  it('calls a tool, and continues with its result', async () => {
    const { vendor, open } = await openLine(provider);
    const input = { reason: 'The visitor asks for a person.' };
    vendor.reply(
      { reasoning: ['A person.'], text: ['One moment.'], tool: { name: TOOL.name, input } },
      { text: ['Done.'] },
    );

    const first = await readAll(open({ tools: [TOOL] }));
    expect(first.calls).toMatchObject([{ toolName: TOOL.name, input: JSON.stringify(input) }]);
    expect(first.finish?.reason).toBe('TOOLS');

    const { toolCallId = '', toolName = '' } = first.calls[0] ?? {};
    const output = { type: 'text', value: 'A person was asked.' } as const;
    const second = await readAll(
      open({
        tools: [TOOL],
        messages: [
          ...QUESTION.messages,
          ...(first.stream ? [first.stream.assistantMessage] : []),
          { role: 'tool', content: [{ type: 'tool-result', toolCallId, toolName, output }] },
        ],
      }),
    );

    expect(second.text).toBe('Done.');
    const again = JSON.stringify(vendor.requests[1]?.body);
    for (const said of ['One moment.', input.reason, 'A person was asked.']) expect(again).toContain(said);
    // A provider that signs or seals its reasoning gets it back.
    if (['openai', 'xai', 'anthropic', 'google'].includes(provider)) expect(again).toContain(SIGNATURE);
    if (provider === 'deepseek') expect(again).toContain('"reasoning_content":"A person."');
  });

  it('may write stop markers as text, and ends at one only in an open-model family', async () => {
    const { vendor, open } = await openLine(provider);
    const isOpen = ['deepseek', 'qwen', 'glm', 'open'].includes(provider);
    const text = ['Llama 3 ends its turn with `<|eot', '_id|>`, HTML a line with </s', '>.'];
    vendor.reply({ text });
    expect((await readAll(open())).text).toBe(isOpen ? 'Llama 3 ends its turn with `' : text.join(''));
    vendor.reply({ text: ['It costs <s>3 €</s> 2 €.', '</s>', '\n'] });
    expect((await readAll(open())).text).toBe(`It costs <s>3 €</s> 2 €.${isOpen ? '' : '</s>\n'}`);
  });

  it('reports LENGTH when the answer was cut, and null when the provider sent no usage', async () => {
    const { vendor, open } = await openLine(provider);
    vendor.reply({ text: TEXT, finish: 'length', usage: null });
    const { text, finish } = await readAll(open());
    expect([text, finish]).toEqual([TEXT.join(''), { type: 'finish', reason: 'LENGTH', usage: null }]);
  });

  it('distinguishes an answer filtered midway from one withheld completely', async () => {
    const { vendor, open, outcomes } = await openLine(provider);
    vendor.reply({ text: TEXT, finish: 'filter' });
    expect((await readAll(open())).finish?.reason).toBe('CONTENT_FILTER');
    vendor.reply({ finish: 'filter' });
    expect((await readAll(open())).code).toBe('CONTENT_FILTERED');
    expect(outcomes.map(({ failure }) => failure)).toEqual([null, 'CONTENT_FILTERED']);
  });

  it.each(Object.entries(REFUSALS) as [Refusal, FailureCode][])(
    'that refuses for %s fails with %s, and is not called again',
    async (refusal, code) => {
      const { vendor, open, outcomes } = await openLine(provider);
      vendor.reply({ refusal });

      const { failure, code: seen } = await readAll(open());

      expect([seen, failure]).toEqual([code, expect.any(Error)]);
      expect(findSecrets(failure)).toEqual([]);
      expect(vendor.requests).toHaveLength(1);
      expect(outcomes.map((outcome) => outcome.failure)).toEqual([code]);
    },
  );

  it('is called again after a transient error, after its Retry-After', async () => {
    const { vendor, open } = await openLine(provider);
    const headers = { 'retry-after-ms': '20' };
    vendor.reply({ refusal: 'limit', headers }, { refusal: 'broken', headers }, { text: TEXT });

    expect((await readAll(open())).text).toBe(TEXT.join(''));
    expect(vendor.requests).toHaveLength(3);
  });

  it.each([
    ['limit', 'PROVIDER_RATE_LIMITED'],
    ['broken', 'PROVIDER_UNAVAILABLE'],
  ] as const)('is given up after three responses with %s', async (refusal, code) => {
    const { vendor, open } = await openLine(provider);
    vendor.reply({ refusal, headers: { 'retry-after': '0' } });

    const { failure, code: seen } = await readAll(open());

    expect(seen).toBe(code);
    expect(findSecrets(failure)).toEqual([]);
    expect(vendor.requests).toHaveLength(3);
  });

  it('is not retried when its Retry-After exceeds 10 s', async () => {
    const { vendor, open } = await openLine(provider);
    vendor.reply({ refusal: 'limit', headers: { 'retry-after': '11' } });
    expect((await readAll(open())).code).toBe('PROVIDER_RATE_LIMITED');
    expect(vendor.requests).toHaveLength(1);
  });

  it.each(['silent', 'stuck'] as const)('times out when it is %s, and is not called again', async (mishap) => {
    const { vendor, open } = await openLine(provider, { timeoutMs: 200 });
    vendor.reply({ text: TEXT, mishap });
    const startedAt = performance.now();

    const { text, code } = await readAll(open());

    expect([text, code]).toEqual([mishap === 'stuck' ? TEXT[0] : '', 'PROVIDER_UNAVAILABLE']);
    expect(performance.now() - startedAt).toBeLessThan(1_500);
    expect(vendor.requests).toHaveLength(1);
    await vi.waitFor(() => expect(vendor.openSockets).toBe(0));
  });

  it.each(CUTS)('that breaks off (%s) yields its text so far, and then the failure', async (mishap) => {
    const { vendor, open } = await openLine(provider);
    vendor.reply({ text: TEXT, mishap });

    const { text, failure, code } = await readAll(open());

    expect([text, code]).toEqual([TEXT[0], 'PROVIDER_UNAVAILABLE']);
    expect(findSecrets(failure)).toEqual([]);
    expect(vendor.requests).toHaveLength(1);
  });

  it('is called again when it streams an error before any text', async () => {
    const { vendor, open } = await openLine(provider);
    vendor.reply({ mishap: 'error' }, { text: TEXT });
    expect((await readAll(open())).text).toBe(TEXT.join(''));
    expect(vendor.requests).toHaveLength(2);
    await vi.waitFor(() => expect(vendor.underWay).toBe(0));
  });

  it('is read the same when its response arrives byte by byte', async () => {
    const { vendor, open } = await openLine(provider, { timeoutMs: 5_000 });
    vendor.reply({ reasoning: ['Ünd'], text: TEXT, isSliced: true });
    const { text, reasoning, finish } = await readAll(open());
    expect([reasoning, text, finish?.reason]).toEqual(['Ünd', TEXT.join(''), 'STOP']);
  });

  it('is cut at 200 kB when it does not end, and its connection is closed', async () => {
    const { vendor, open } = await openLine(provider);
    vendor.reply({ text: ['x'.repeat(50_000)], mishap: 'endless' });
    const { text, finish } = await readAll(open());
    expect([text.length, finish]).toEqual([MAX_ANSWER_CHARS, { type: 'finish', reason: 'LENGTH', usage: null }]);
    await vi.waitFor(() => expect(vendor.openSockets).toBe(0));
  });

  it.each(['line', 'lines'] as const)(
    'is disconnected when an event does not end (%s), and not called again',
    async (mishap) => {
      const { vendor, open } = await openLine(provider);
      vendor.reply({ text: TEXT, mishap });
      const { text, failure } = await readAll(open());
      const message = expect.stringContaining('An event is longer than 1048576 bytes.');
      expect([text, failure]).toEqual([TEXT[0], expect.objectContaining({ code: 'PROVIDER_UNAVAILABLE', message })]);
      expect(vendor.requests).toHaveLength(1);
      await vi.waitFor(() => expect(vendor.openSockets).toBe(0));
    },
  );

  it('fails when its error response does not end', async () => {
    const { vendor, open } = await openLine(provider);
    vendor.reply({ refusal: 'key', isEndless: true });
    const { failure } = await readAll(open());
    const message = expect.stringContaining('longer than 1048576 bytes');
    expect(failure).toMatchObject({ code: 'PROVIDER_UNAVAILABLE', message });
    await vi.waitFor(() => expect(vendor.openSockets).toBe(0));
  });

  it('gets its tools with the instruction to use none when it must not call any', async () => {
    const { vendor, open } = await openLine(provider);
    await readAll(open({ tools: [TOOL], toolChoice: 'none' }));
    const body = JSON.stringify(vendor.requests[0]?.body);
    expect(body).toContain(TOOL.name);
    expect(body.toLowerCase()).toMatch(/"(tool_choice|toolconfig)":("none"|[^,]*"none")/);
  });

  it('writes no more than the requested length', async () => {
    const { vendor, open } = await openLine(provider);
    vendor.reply({ text: ['0123', '456789'], mishap: 'endless' });
    const { text, finish } = await readAll(open({ maxChars: 7 }));
    expect([text, finish?.reason]).toEqual(['0123012', 'LENGTH']);
  });

  it('is disconnected when the caller aborts', async () => {
    const { vendor, open } = await openLine(provider);
    vendor.reply({ text: TEXT, mishap: 'endless' });
    const closed = await open();
    await closed.next();
    closed.close();
    await vi.waitFor(() => expect(vendor.openSockets).toBe(0));

    const stop = new AbortController();
    const stopped = await open({}, stop.signal);
    stop.abort();
    const { code } = await readAll(Promise.resolve(stopped));
    expect(code).toBe('PROVIDER_UNAVAILABLE');
    await vi.waitFor(() => expect(vendor.openSockets).toBe(0));
  });
});
