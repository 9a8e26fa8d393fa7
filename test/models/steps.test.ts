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
const textDelta = (delta: string, id = '0') => ({ type: 'text-delta', id, delta }) as const;
const reasoningDelta = (delta: string, id = '0') => ({ type: 'reasoning-delta', id, delta }) as const;
const toolCall = (input: string) => ({ type: 'tool-call', toolCallId: 'c', toolName: 't', input }) as const;

/** Opens the steps of a stream that contains `parts`. The returned `push` adds a part later. */
function startSteps(parts: readonly LanguageModelV4StreamPart[] = [], options: Partial<StepSource> = {}) {
  let controller: ReadableStreamDefaultController<LanguageModelV4StreamPart> | undefined;
  const cancel = vi.fn<() => void>();
  const stream = new ReadableStream<LanguageModelV4StreamPart>({
    start(streamController) {
      controller = streamController;
      for (const part of parts) streamController.enqueue(part);
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
    createFailure: (code, detail, retryHint) => new ModelFailure(code, detail, retryHint),
    ...options,
  });
  const readAll = async () => {
    const received = [];
    while (received.at(-1)?.type !== 'finish') received.push(await steps.next());
    return received;
  };
  return { steps, readAll, onEnd, cancel, push: (part: LanguageModelV4StreamPart) => controller?.enqueue(part) };
}

describe('readModelSteps', () => {
  it('returns buffered text before later steps', async () => {
    const { readAll } = startSteps([
      textDelta('a <|im'),
      { type: 'text-end', id: '0' },
      toolCall('{}'),
      finish('tool-calls'),
    ]);
    const steps = await readAll();
    expect(steps.map((step) => ('text' in step ? step.text : step.type))).toEqual(['a ', '<|im', 'tool', 'finish']);
  });

  it('returns the text so far before the failure of a stream that breaks off', async () => {
    const { steps } = startSteps([textDelta('a <|im'), finish('other')]);
    expect([await steps.next(), await steps.next()]).toMatchObject([{ text: 'a ' }, { text: '<|im' }]);
    await expect(steps.next()).rejects.toMatchObject({ code: 'PROVIDER_UNAVAILABLE' });
  });

  it('cancels a stream that is closed before its end, even one that starts late', async () => {
    const { steps, cancel } = startSteps([textDelta('a')]);
    await steps.next();
    steps.close();
    expect(cancel).toHaveBeenCalledOnce();

    const { promise, resolve } = Promise.withResolvers<{ stream: ReadableStream<LanguageModelV4StreamPart> }>();
    const late = startSteps([], { start: () => promise });
    const nextStep = late.steps.next();
    late.steps.close();
    await expect(nextStep).rejects.toThrow('The answer was closed.');
    const lateCancel = vi.fn<() => void>();
    resolve({ stream: new ReadableStream({ cancel: lateCancel }) });
    await vi.waitFor(() => expect(lateCancel).toHaveBeenCalledOnce());
  });

  it('ends at a stop marker, and hides it', async () => {
    const { steps, readAll, onEnd } = startSteps([textDelta('Paris.<|im'), textDelta('_end|>user'), textDelta('more')]);
    expect(await readAll()).toEqual([
      { type: 'text', text: 'Paris.' },
      { type: 'finish', reason: 'STOP', usage: null },
    ]);
    expect(steps.assistantMessage.content).toEqual([{ type: 'text', text: 'Paris.' }]);
    expect(onEnd.mock.calls).toEqual([[undefined]]);
  });

  it("collects the output with the provider's metadata", async () => {
    const withSeal = (type: 'reasoning-end' | 'text-start', id: string) =>
      ({ type, id, providerMetadata: { v: { seal: id } } }) as const;
    const { steps, readAll } = startSteps([
      { type: 'stream-start', warnings: [] },
      ...[
        { type: 'reasoning-start', id: 'r' } as const,
        reasoningDelta('Hm', 'r'),
        reasoningDelta('m.', 'r'),
        withSeal('reasoning-end', 'r'),
      ],
      ...[withSeal('text-start', 't'), textDelta('One ', 't'), textDelta('moment.', 't')],
      { ...toolCall('{"a":1}'), providerMetadata: { v: { seal: 'c' } } },
      // The provider reuses the id.
      ...[{ type: 'text-start', id: 't' } as const, { type: 'text-end', id: 't' } as const],
      ...[{ type: 'text-start', id: 't' } as const, textDelta('Done.', 't')],
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

  it.each(['', '[1]', '{"a":', 'null'])('replaces the tool input %j with an empty object', async (input) => {
    const { steps, readAll } = startSteps([toolCall(input), finish('stop')]);
    expect((await readAll()).at(-1)).toMatchObject({ reason: 'TOOLS' });
    expect(steps.assistantMessage.content).toMatchObject([{ input: {} }]);
  });

  it.each([
    ['sensitive', 'CONTENT_FILTER'],
    ['model_context_window_exceeded', 'LENGTH'],
  ])('maps the finish reason %s', async (raw, reason) => {
    expect((await startSteps([textDelta('a'), finish('other', raw)]).readAll()).at(-1)).toMatchObject({ reason });
  });

  it('drops every NUL, also from the input of tools', async () => {
    const { readAll } = startSteps([
      ...[reasoningDelta('\0'), reasoningDelta('H\0m'), textDelta('\0a<|im\0_'), textDelta('\0b')],
      ...[toolCall('{"a\\u0000":"\\u0000b\\\\u0000","c":"\\ud800"}'), finish('stop')],
    ]);
    expect(
      (await readAll()).map((step) => ('text' in step ? step.text : step.type === 'tool' && step.call.input)),
    ).toEqual([...['Hm', 'a', '<|im_b', '{"a":"b\\\\u0000","c":"\\ud800"}', false]]);
  });

  it.each(['eos', 'end_turn', 'COMPLETE'])(
    'treats the finish reason %s as the end of a complete answer',
    async (raw) => {
      expect((await startSteps([textDelta('a'), finish('other', raw)]).readAll()).at(-1)).toMatchObject({
        reason: 'STOP',
      });
    },
  );

  it('treats a finish reason that names a failure as a broken stream', async () => {
    const { steps, readAll } = startSteps([textDelta('a'), finish('other', 'abort')]);
    await expect(readAll()).rejects.toMatchObject({ code: 'PROVIDER_UNAVAILABLE' });
    expect(steps.assistantMessage.content).toEqual([{ type: 'text', text: 'a' }]);
  });

  it('limits reasoning and tool input like text', async () => {
    const long = 'x'.repeat(MAX_ANSWER_CHARS);
    const reasons = await Promise.all(
      [
        [reasoningDelta(long), reasoningDelta('x')],
        [{ type: 'tool-input-delta', id: 'c', delta: `${long}x` } as const],
        [textDelta(`${long.slice(1)}👍🏽`), textDelta('x')],
      ].map(async (parts) => (await startSteps(parts).readAll()).at(-1)),
    );
    expect(reasons).toEqual(Array(3).fill({ type: 'finish', reason: 'LENGTH', usage: null }));
  });

  it('truncates text and reasoning at their limits, even within one long delta', async () => {
    const long = await startSteps([textDelta('ab'), textDelta('<|im'), textDelta('x'.repeat(1_000_000))], {
      maxChars: 8,
    }).readAll();
    expect(long.map((step) => ('text' in step ? step.text : step))).toEqual([
      ...['ab', '<|imxx'],
      { type: 'finish', reason: 'LENGTH', usage: null },
    ]);
    const result = await startSteps([textDelta('abcd'), finish('stop')], { maxChars: 4 }).readAll();
    expect(result.at(-1)).toMatchObject({ reason: 'STOP' });
    const [reasoning] = await startSteps([reasoningDelta('x'.repeat(1_000_000))]).readAll();
    expect(reasoning).toEqual({ type: 'reasoning', text: 'x'.repeat(MAX_ANSWER_CHARS) });
  });

  it('rejects in time, even if the package ignores the abort signal', async () => {
    const neverStarts = { start: () => new Promise<never>(() => {}) };
    await expect(startSteps([], neverStarts).steps.next()).rejects.toMatchObject({
      code: 'PROVIDER_UNAVAILABLE',
      isTransient: false,
    });
    const stop = new AbortController();
    const nextStep = startSteps([], { ...neverStarts, signal: stop.signal }).steps.next();
    stop.abort();
    await expect(nextStep).rejects.toMatchObject({ code: 'PROVIDER_UNAVAILABLE' });
    await expect(startSteps([], { signal: AbortSignal.abort() }).steps.next()).rejects.toBeInstanceOf(ModelFailure);
  });

  it('has a separate timeout for the first part, and measures time only while `next` is pending', async () => {
    const { steps, push } = startSteps([{ type: 'stream-start', warnings: [] }]);
    const first = steps.next();
    setTimeout(push, 200, textDelta('a'));
    expect(await first).toEqual({ type: 'text', text: 'a' });
    // This wait is longer than `silenceMs`.
    await new Promise((resolve) => setTimeout(resolve, 250));
    push(textDelta('b'));
    expect(await steps.next()).toEqual({ type: 'text', text: 'b' });
    const startedAt = performance.now();
    await expect(steps.next()).rejects.toThrow('Nothing arrived for 100 ms.');
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(99);
    expect(performance.now() - startedAt).toBeLessThan(250);
  });

  it('rejects calls after the end with its reason, and calls onEnd once', async () => {
    const { steps, readAll, onEnd } = startSteps([textDelta('a'), finish('stop')]);
    await readAll();
    steps.close();
    await expect(steps.next()).rejects.toThrow('The answer has ended.');
    expect(onEnd).toHaveBeenCalledOnce();
  });
});
