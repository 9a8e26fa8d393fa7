import { describe, expect, it, vi } from 'vitest';
import type { FailureCode } from '../../src/domain/failures.ts';
import { PROVIDERS, type Provider } from '../../src/domain/providers.ts';
import { MAX_ANSWER_CHARS } from '../../src/models/stream-parts.ts';
import type { RefusalReason } from '../helpers/models/fake-providers/answer.ts';
import { SIGNATURE } from '../helpers/models/fake-providers/answer.ts';
import type { StreamFault } from '../helpers/models/fake-providers/fake-provider.ts';
import { findSecrets, KEY, QUESTION, readSteps, startProviderClient, TOOL } from './support.ts';

const REFUSALS: Record<Exclude<RefusalReason, 'rateLimit' | 'serverError'>, FailureCode> = {
  invalidKey: 'PROVIDER_MISCONFIGURED',
  unknownModel: 'PROVIDER_MISCONFIGURED',
  quota: 'PROVIDER_RATE_LIMITED',
  promptTooLong: 'CONTEXT_TOO_LONG',
  filtered: 'CONTENT_FILTERED',
};
const CHAT_PROVIDERS: readonly Provider[] = ['deepseek', 'qwen', 'glm', 'open'];
const STREAM_FAULTS = ['ended', 'reset', 'garbage', 'error'] as const satisfies StreamFault[];
const TEXT = ['Paris', ' is', ' the capital', ' of France. 👍🏽', ' É'];

describe.each(PROVIDERS)('a model of %s', (provider) => {
  it('streams text, reasoning and usage in order', async () => {
    const { fakeProvider, open, outcomes } = await startProviderClient(provider);
    fakeProvider.respondWith({ reasoning: ['Let me', ' think.'], text: TEXT });

    const answer = await readSteps(open());

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
    const [request] = fakeProvider.requests;
    expect(JSON.stringify(request?.headers)).toContain(KEY);
    expect(JSON.stringify(request?.body)).toContain('What is the capital of France?');
    expect(JSON.stringify(request?.body)).toContain('500');
  });

  it('calls a tool, and continues with its result', async () => {
    const { fakeProvider, open } = await startProviderClient(provider);
    const input = { reason: 'The visitor asks for a person.' };
    fakeProvider.respondWith(
      { reasoning: ['A person.'], text: ['One moment.'], tool: { name: TOOL.name, input } },
      { text: ['Done.'] },
    );

    const first = await readSteps(open({ tools: [TOOL] }));
    expect(first.calls).toMatchObject([{ toolName: TOOL.name, input: JSON.stringify(input) }]);
    expect(first.finish?.reason).toBe('TOOLS');

    const { toolCallId = '', toolName = '' } = first.calls[0] ?? {};
    const output = { type: 'text', value: 'A person was asked.' } as const;
    const second = await readSteps(
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
    const secondRequest = JSON.stringify(fakeProvider.requests[1]?.body);
    for (const content of ['One moment.', input.reason, 'A person was asked.'])
      expect(secondRequest).toContain(content);
    // A provider that signs or encrypts its reasoning receives it back.
    if (['openai', 'xai', 'anthropic', 'google'].includes(provider)) expect(secondRequest).toContain(SIGNATURE);
    if (provider === 'deepseek') expect(secondRequest).toContain('"reasoning_content":"A person."');
  });

  it('can write stop markers as text, unless its provider serves open models, whose answers end at them', async () => {
    const { fakeProvider, open } = await startProviderClient(provider);
    const isOpenModel = CHAT_PROVIDERS.includes(provider);
    const text = ['Llama 3 ends its turn with `<|eot', '_id|>`, HTML a line with </s', '>, Qwen with <|im', '_end|>.'];
    fakeProvider.respondWith({ text });
    const shown = 'Llama 3 ends its turn with `<|eot_id|>`, HTML a line with </s>, Qwen with ';
    expect((await readSteps(open())).text).toBe(isOpenModel ? shown : text.join(''));
    fakeProvider.respondWith({ text: ['It costs <s>3 €</s> 2 €.', '</s>', '\n'] });
    expect((await readSteps(open())).text).toBe(`It costs <s>3 €</s> 2 €.${isOpenModel ? '' : '</s>\n'}`);
  });

  it('reports the reason LENGTH for a truncated answer, and null usage if the provider sent none', async () => {
    const { fakeProvider, open } = await startProviderClient(provider);
    fakeProvider.respondWith({ text: TEXT, finish: 'length', usage: null });
    const { text, finish } = await readSteps(open());
    expect([text, finish]).toEqual([TEXT.join(''), { type: 'finish', reason: 'LENGTH', usage: null }]);
  });

  it('distinguishes an answer that is filtered midway from an answer that is withheld completely', async () => {
    const { fakeProvider, open, outcomes } = await startProviderClient(provider);
    fakeProvider.respondWith({ text: TEXT, finish: 'filter' });
    expect((await readSteps(open())).finish?.reason).toBe('CONTENT_FILTER');
    fakeProvider.respondWith({ finish: 'filter' });
    expect((await readSteps(open())).code).toBe('CONTENT_FILTERED');
    expect(outcomes.map(({ failure }) => failure)).toEqual([null, 'CONTENT_FILTERED']);
  });

  it.each(Object.entries(REFUSALS) as [RefusalReason, FailureCode][])(
    'that refuses for %s fails with %s, and is not called again',
    async (refusal, code) => {
      const { fakeProvider, open, outcomes } = await startProviderClient(provider);
      fakeProvider.respondWith({ refusal });

      const { failure, code: failureCode } = await readSteps(open());

      expect([failureCode, failure]).toEqual([code, expect.any(Error)]);
      expect(findSecrets(failure)).toEqual([]);
      expect(fakeProvider.requests).toHaveLength(1);
      expect(outcomes.map((outcome) => outcome.failure)).toEqual([code]);
    },
  );

  it('is called again after a transient error, once its Retry-After has passed', async () => {
    const { fakeProvider, open } = await startProviderClient(provider);
    const headers = { 'retry-after-ms': '20' };
    fakeProvider.respondWith({ refusal: 'rateLimit', headers }, { refusal: 'serverError', headers }, { text: TEXT });

    expect((await readSteps(open())).text).toBe(TEXT.join(''));
    expect(fakeProvider.requests).toHaveLength(3);
  });

  it.each([
    ['rateLimit', 'PROVIDER_RATE_LIMITED'],
    ['serverError', 'PROVIDER_UNAVAILABLE'],
  ] as const)('fails after three responses with %s', async (refusal, code) => {
    const { fakeProvider, open } = await startProviderClient(provider);
    fakeProvider.respondWith({ refusal, headers: { 'retry-after': '0' } });

    const { failure, code: failureCode } = await readSteps(open());

    expect(failureCode).toBe(code);
    expect(findSecrets(failure)).toEqual([]);
    expect(fakeProvider.requests).toHaveLength(3);
  });

  it('is not retried when its Retry-After exceeds 10 s', async () => {
    const { fakeProvider, open } = await startProviderClient(provider);
    fakeProvider.respondWith({ refusal: 'rateLimit', headers: { 'retry-after': '11' } });
    expect((await readSteps(open())).code).toBe('PROVIDER_RATE_LIMITED');
    expect(fakeProvider.requests).toHaveLength(1);
  });

  it.each(['silent', 'stuck'] as const)('times out when it is %s, and is not called again', async (fault) => {
    const { fakeProvider, open } = await startProviderClient(provider, { timeoutMs: 200 });
    fakeProvider.respondWith({ text: TEXT, fault });
    const startedAt = performance.now();

    const { text, code } = await readSteps(open());

    expect([text, code]).toEqual([fault === 'stuck' ? TEXT[0] : '', 'PROVIDER_UNAVAILABLE']);
    expect(performance.now() - startedAt).toBeLessThan(1_500);
    expect(fakeProvider.requests).toHaveLength(1);
    await vi.waitFor(() => expect(fakeProvider.openSockets).toBe(0));
  });

  it.each(STREAM_FAULTS)('that breaks off (%s) yields the text so far, and then the failure', async (fault) => {
    const { fakeProvider, open } = await startProviderClient(provider);
    fakeProvider.respondWith({ text: TEXT, fault });

    const { text, failure, code } = await readSteps(open());

    // In OpenAI's chat protocol, the proper end of a response ends the answer.
    const isWhole = fault === 'ended' && CHAT_PROVIDERS.includes(provider);
    expect([text, code]).toEqual([TEXT[0], isWhole ? undefined : 'PROVIDER_UNAVAILABLE']);
    expect(findSecrets(failure)).toEqual([]);
    expect(fakeProvider.requests).toHaveLength(1);
  });

  it("is called again when it streams an error before any text, except in OpenAI's chat protocol", async () => {
    const { fakeProvider, open } = await startProviderClient(provider);
    fakeProvider.respondWith({ fault: 'error' }, { text: TEXT });
    const { text, code } = await readSteps(open());
    const isChat = CHAT_PROVIDERS.includes(provider);
    expect([text, code]).toEqual(isChat ? ['', 'PROVIDER_UNAVAILABLE'] : [TEXT.join(''), undefined]);
    expect(fakeProvider.requests).toHaveLength(isChat ? 1 : 2);
    await vi.waitFor(() => expect(fakeProvider.openResponses).toBe(0));
  });

  it('is read correctly when its response arrives byte by byte', async () => {
    const { fakeProvider, open } = await startProviderClient(provider, { timeoutMs: 5_000 });
    fakeProvider.respondWith({ reasoning: ['Ünd'], text: TEXT, isSliced: true });
    const { text, reasoning, finish } = await readSteps(open());
    expect([reasoning, text, finish?.reason]).toEqual(['Ünd', TEXT.join(''), 'STOP']);
  });

  it('is truncated at 200 kB when its answer does not end, and its connection is closed', async () => {
    const { fakeProvider, open } = await startProviderClient(provider);
    fakeProvider.respondWith({ text: ['x'.repeat(50_000)], fault: 'endless' });
    const { text, finish } = await readSteps(open());
    expect([text.length, finish]).toEqual([MAX_ANSWER_CHARS, { type: 'finish', reason: 'LENGTH', usage: null }]);
    await vi.waitFor(() => expect(fakeProvider.openSockets).toBe(0));
  });

  it.each(['endless-line', 'endless-event'] as const)(
    'is disconnected when an event does not end (%s), and not called again',
    async (fault) => {
      const { fakeProvider, open } = await startProviderClient(provider);
      fakeProvider.respondWith({ text: TEXT, fault });
      const { text, failure } = await readSteps(open());
      const message = expect.stringContaining('An event is longer than 1048576 bytes.');
      expect([text, failure]).toEqual([TEXT[0], expect.objectContaining({ code: 'PROVIDER_UNAVAILABLE', message })]);
      expect(fakeProvider.requests).toHaveLength(1);
      await vi.waitFor(() => expect(fakeProvider.openSockets).toBe(0));
    },
  );

  it('fails when its error response does not end', async () => {
    const { fakeProvider, open } = await startProviderClient(provider);
    fakeProvider.respondWith({ refusal: 'invalidKey', isEndless: true });
    const { failure } = await readSteps(open());
    const message = expect.stringContaining('longer than 1048576 bytes');
    expect(failure).toMatchObject({ code: 'PROVIDER_UNAVAILABLE', message });
    await vi.waitFor(() => expect(fakeProvider.openSockets).toBe(0));
  });

  it('receives its tools, with the tool choice `none` if it must not call any', async () => {
    const { fakeProvider, open } = await startProviderClient(provider);
    await readSteps(open({ tools: [TOOL], toolChoice: 'none' }));
    const body = JSON.stringify(fakeProvider.requests[0]?.body);
    expect(body).toContain(TOOL.name);
    expect(body.toLowerCase()).toMatch(/"(tool_choice|toolconfig)":("none"|[^,]*"none")/);
  });

  it('is truncated at the requested length', async () => {
    const { fakeProvider, open } = await startProviderClient(provider);
    fakeProvider.respondWith({ text: ['0123', '456789'], fault: 'endless' });
    const { text, finish } = await readSteps(open({ maxChars: 7 }));
    expect([text, finish?.reason]).toEqual(['0123012', 'LENGTH']);
  });

  it('is disconnected when the caller aborts', async () => {
    const { fakeProvider, open } = await startProviderClient(provider);
    fakeProvider.respondWith({ text: TEXT, fault: 'endless' });
    const closedStream = await open();
    await closedStream.next();
    closedStream.close();
    await vi.waitFor(() => expect(fakeProvider.openSockets).toBe(0));

    const caller = new AbortController();
    const abortedStream = await open({}, caller.signal);
    caller.abort();
    const { code } = await readSteps(Promise.resolve(abortedStream));
    expect(code).toBe('PROVIDER_UNAVAILABLE');
    await vi.waitFor(() => expect(fakeProvider.openSockets).toBe(0));
  });
});
