import type { LanguageModelV4StreamPart } from '@ai-sdk/provider';
import { describe, expect, it, vi } from 'vitest';
import { ModelFailure, toModelFailure } from '../../src/models/failure.ts';
import { readModelSteps, type StepSource } from '../../src/models/steps.ts';
import { MAX_ANSWER_CHARS } from '../../src/models/stream-parts.ts';

const NO_USAGE = {
  inputTokens: { total: undefined, noCache: undefined, cacheRead: undefined, cacheWrite: undefined },
  outputTokens: { total: undefined, text: undefined, reasoning: undefined },
};
const finish = (unified: 'stop' | 'length' | 'content-filter' | 'tool-calls' | 'other', raw?: string) =>
  ({ type: 'finish', finishReason: { unified, raw }, usage: NO_USAGE }) as const;
const write = (delta: string, id = '0') => ({ type: 'text-delta', id, delta }) as const;
const think = (delta: string, id = '0') => ({ type: 'reasoning-delta', id, delta }) as const;
const call = (input: string) => ({ type: 'tool-call', toolCallId: 'c', toolName: 't', input }) as const;

/** Reads parts as a package would stream them; a test can push more later. */
function start(parts: readonly LanguageModelV4StreamPart[] = [], more: Partial<StepSource> = {}) {
  let controller: ReadableStreamDefaultController<LanguageModelV4StreamPart> | undefined;
  const cancel = vi.fn<() => void>();
  const stream = new ReadableStream<LanguageModelV4StreamPart>({
    start(given) {
      controller = given;
      for (const part of parts) given.enqueue(part);
    },
    cancel,
  });
  const onEnd = vi.fn<StepSource['onEnd']>();
  const steps = readModelSteps({
    start: async () => ({ stream }),
    ...{
      firstByteMs: 300,
      silenceMs: 100,
      hidesStopMarkers: true,
      maxChars: MAX_ANSWER_CHARS,
      signal: new AbortController().signal,
      onEnd,
    },
    toFailure: (error) => toModelFailure(error, String),
    createFailure: (code, detail, passing) => new ModelFailure(code, detail, passing),
    ...more,
  });
  const readAll = async () => {
    const read = [];
    while (read.at(-1)?.type !== 'finish') read.push(await steps.next());
    return read;
  };
  return { steps, readAll, onEnd, cancel, give: (part: LanguageModelV4StreamPart) => controller?.enqueue(part) };
}

describe('readModelSteps', () => {
  it('returns buffered text before later steps', async () => {
    const { readAll } = start([write('a <|im'), { type: 'text-end', id: '0' }, call('{}'), finish('tool-calls')]);
    const steps = await readAll();
    expect(steps.map((step) => ('text' in step ? step.text : step.type))).toEqual(['a ', '<|im', 'tool', 'finish']);
  });

  it('returns the text so far before the failure of a stream that breaks off', async () => {
    const { steps } = start([write('a <|im'), finish('other')]);
    expect([await steps.next(), await steps.next()]).toMatchObject([{ text: 'a ' }, { text: '<|im' }]);
    await expect(steps.next()).rejects.toMatchObject({ code: 'PROVIDER_UNAVAILABLE' });
  });

  it('cancels a stream that is closed before its end, even one that starts late', async () => {
    const { steps, cancel } = start([write('a')]);
    await steps.next();
    steps.close();
    expect(cancel).toHaveBeenCalledOnce();

    const { promise, resolve } = Promise.withResolvers<{ stream: ReadableStream<LanguageModelV4StreamPart> }>();
    const late = start([], { start: () => promise });
    const asked = late.steps.next();
    late.steps.close();
    await expect(asked).rejects.toThrow('The answer was closed.');
    const lateCancel = vi.fn<() => void>();
    resolve({ stream: new ReadableStream({ cancel: lateCancel }) });
    await vi.waitFor(() => expect(lateCancel).toHaveBeenCalledOnce());
  });

  it('ends at a stop marker, and hides it', async () => {
    const { steps, readAll, onEnd } = start([write('Paris.<|im'), write('_end|>user'), write('more')]);
    expect(await readAll()).toEqual([
      { type: 'text', text: 'Paris.' },
      { type: 'finish', reason: 'STOP', usage: null },
    ]);
    expect(steps.assistantMessage.content).toEqual([{ type: 'text', text: 'Paris.' }]);
    expect(onEnd.mock.calls).toEqual([[undefined]]);
  });

  it("collects the output with the provider's metadata", async () => {
    const sealed = (type: 'reasoning-end' | 'text-start', id: string) =>
      ({ type, id, providerMetadata: { v: { seal: id } } }) as const;
    const { steps, readAll } = start([
      { type: 'stream-start', warnings: [] },
      ...[
        { type: 'reasoning-start', id: 'r' } as const,
        think('Hm', 'r'),
        think('m.', 'r'),
        sealed('reasoning-end', 'r'),
      ],
      ...[sealed('text-start', 't'), write('One ', 't'), write('moment.', 't')],
      { ...call('{"a":1}'), providerMetadata: { v: { seal: 'c' } } },
      // The provider reuses the id.
      ...[{ type: 'text-start', id: 't' } as const, { type: 'text-end', id: 't' } as const],
      ...[{ type: 'text-start', id: 't' } as const, write('Done.', 't')],
      finish('tool-calls'),
    ]);
    await readAll();
    expect(steps.assistantMessage).toEqual({
      role: 'assistant',
      content: [
        { type: 'reasoning', text: 'Hmm.', providerOptions: { v: { seal: 'r' } } },
        { type: 'text', text: 'One moment.', providerOptions: { v: { seal: 't' } } },
        { type: 'tool-call', toolCallId: 'c', toolName: 't', input: { a: 1 }, providerOptions: { v: { seal: 'c' } } },
        { type: 'text', text: 'Done.' },
      ],
    });
  });

  it.each(['', '[1]', '{"a":', 'null'])('replaces the tool input %j by an empty object', async (input) => {
    const { steps, readAll } = start([call(input), finish('stop')]);
    expect((await readAll()).at(-1)).toMatchObject({ reason: 'TOOLS' });
    expect(steps.assistantMessage.content).toMatchObject([{ input: {} }]);
  });

  it.each([
    ['sensitive', 'CONTENT_FILTER'],
    ['model_context_window_exceeded', 'LENGTH'],
  ])('maps the finish reason %s', async (raw, reason) => {
    expect((await start([write('a'), finish('other', raw)]).readAll()).at(-1)).toMatchObject({ reason });
  });

  it('treats an unknown finish reason as a broken stream', async () => {
    const { steps, readAll } = start([write('a'), finish('other', 'abort')]);
    await expect(readAll()).rejects.toMatchObject({ code: 'PROVIDER_UNAVAILABLE' });
    expect(steps.assistantMessage.content).toEqual([{ type: 'text', text: 'a' }]);
  });

  it('limits reasoning and tool input as it limits text', async () => {
    const long = 'x'.repeat(MAX_ANSWER_CHARS);
    const reasons = await Promise.all(
      [
        [think(long), think('x')],
        [{ type: 'tool-input-delta', id: 'c', delta: `${long}x` } as const],
        [write(`${long.slice(1)}👍🏽`), write('x')],
      ].map(async (parts) => (await start(parts).readAll()).at(-1)),
    );
    expect(reasons).toEqual(Array(3).fill({ type: 'finish', reason: 'LENGTH', usage: null }));
  });

  it('cuts text and reasoning at their limits, even within one long delta', async () => {
    const long = await start([write('ab'), write('<|im'), write('x'.repeat(1_000_000))], { maxChars: 8 }).readAll();
    expect(long.map((step) => ('text' in step ? step.text : step))).toEqual([
      ...['ab', '<|imxx'],
      { type: 'finish', reason: 'LENGTH', usage: null },
    ]);
    const result = await start([write('abcd'), finish('stop')], { maxChars: 4 }).readAll();
    expect(result.at(-1)).toMatchObject({ reason: 'STOP' });
    const [thought] = await start([think('x'.repeat(1_000_000))]).readAll();
    expect(thought).toEqual({ type: 'reasoning', text: 'x'.repeat(MAX_ANSWER_CHARS) });
  });

  it('rejects in time, even if the package ignores the abort signal', async () => {
    const deaf = { start: () => new Promise<never>(() => {}) };
    await expect(start([], deaf).steps.next()).rejects.toMatchObject({
      code: 'PROVIDER_UNAVAILABLE',
      isTransient: false,
    });
    const stop = new AbortController();
    const asked = start([], { ...deaf, signal: stop.signal }).steps.next();
    stop.abort();
    await expect(asked).rejects.toMatchObject({ code: 'PROVIDER_UNAVAILABLE' });
    await expect(start([], { signal: AbortSignal.abort() }).steps.next()).rejects.toBeInstanceOf(ModelFailure);
  });

  it('has its own timeout for the first part, and measures only while `next` is pending', async () => {
    const { steps, give } = start([{ type: 'stream-start', warnings: [] }]);
    const first = steps.next();
    setTimeout(give, 200, write('a'));
    expect(await first).toEqual({ type: 'text', text: 'a' });
    // Longer than `silenceMs`.
    await new Promise((resolve) => setTimeout(resolve, 250));
    give(write('b'));
    expect(await steps.next()).toEqual({ type: 'text', text: 'b' });
    const startedAt = performance.now();
    await expect(steps.next()).rejects.toThrow('Nothing arrived for 100 ms.');
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(99);
    expect(performance.now() - startedAt).toBeLessThan(250);
  });

  it('rejects later calls with the reason of the end, and ends once', async () => {
    const { steps, readAll, onEnd } = start([write('a'), finish('stop')]);
    await readAll();
    steps.close();
    await expect(steps.next()).rejects.toThrow('The answer has ended.');
    expect(onEnd).toHaveBeenCalledOnce();
  });
});
