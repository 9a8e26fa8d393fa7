import { describe, expect, it, vi } from 'vitest';
import type { FailureCode } from '../../src/domain/failures.ts';
import { PROVIDERS, type Provider } from '../../src/domain/providers.ts';
import { FAMILIES } from '../../src/models/families.ts';
import { send } from '../helpers/chatbots.ts';
import type { TestGateway } from '../helpers/gateway.ts';
import type { RefusalReason } from '../helpers/models/fake-providers/answer.ts';
import type { ProviderResponse, StreamFault } from '../helpers/models/fake-providers/fake-provider.ts';
import {
  type HostedGateway,
  listSecretLocations,
  providerKeyOf,
  sendAndWait,
  startHostedGateway,
} from '../helpers/models/hosted-gateway.ts';
import { readMessage, type StreamMessage, webSocket } from '../helpers/streams.ts';

/** Short, so that a test with a silent model does not take long. */
const SHORT_TIMEOUTS = { MODEL_FIRST_BYTE_SECONDS: '1', MODEL_SILENCE_SECONDS: '1', MODEL_TOTAL_SECONDS: '5' };
const TEXT = ['Refunds are', ' paid within', ' ten days.'];
/** Makes the gateway retry after 10 ms. */
const headers = { 'retry-after-ms': '10' };

const REFUSALS: Record<RefusalReason, FailureCode> = {
  invalidKey: 'PROVIDER_MISCONFIGURED',
  unknownModel: 'PROVIDER_MISCONFIGURED',
  rateLimit: 'PROVIDER_RATE_LIMITED',
  quota: 'PROVIDER_RATE_LIMITED',
  serverError: 'PROVIDER_UNAVAILABLE',
  promptTooLong: 'CONTEXT_TOO_LONG',
  filtered: 'CONTENT_FILTERED',
};
const MIDSTREAM_FAULTS = ['stuck', 'ended', 'reset', 'garbage', 'error'] as const satisfies StreamFault[];

/** Sends a message, and checks that the last event has the stored reply and that no secret was stored or logged. */
async function askOnce(
  { gateway, fakeProviders, createChatbot }: HostedGateway,
  provider: Provider,
  reply: ProviderResponse,
) {
  fakeProviders[provider]?.respondWith(reply);
  const chatbotId = await createChatbot(provider);
  const { reader, replyId } = await sendAndWait(gateway, chatbotId);
  const message = await readMessage(gateway, replyId);
  expect(reader.errors).toEqual([]);
  expect(reader.events.at(-1)?.message).toEqual(message);
  expect(reader.text).toBe(message.content);
  expect(await listSecretLocations(gateway, providerKeyOf(provider))).toEqual([]);
  return message;
}

const failedMessage = (code: FailureCode, content: string) => ({
  status: 'FAILED',
  finishReason: 'ERROR',
  content,
  error: { code, message: expect.any(String) },
});

async function messagesUsed(gateway: TestGateway): Promise<number> {
  const { data } = await gateway.graphql<{ viewer: { account: { usage: { messages: number } } } }>(
    '{ viewer { account { usage { messages } } } }',
  );
  return data.viewer.account.usage.messages;
}

describe.each(PROVIDERS)('a reply by %s', (provider) => {
  const waitForClosedSockets = async ({ fakeProviders }: HostedGateway) =>
    vi.waitFor(() => expect(fakeProviders[provider]?.openSockets).toBe(0), { timeout: 6_000 });

  it.each(Object.entries(REFUSALS) as [RefusalReason, FailureCode][])(
    'fails when the provider answers with the refusal "%s": its error code is %s, and it costs nothing',
    async (refusal, code) => {
      const hosted = await startHostedGateway([provider], SHORT_TIMEOUTS);
      const isRetried = refusal === 'rateLimit' || refusal === 'serverError';
      const message = await askOnce(hosted, provider, { refusal, ...(isRetried && { headers }) });
      expect(message).toMatchObject(failedMessage(code, ''));
      expect(await messagesUsed(hosted.gateway)).toBe(0);
      expect(hosted.fakeProviders[provider]?.requests).toHaveLength(isRetried ? 3 : 1);
    },
  );

  it('fails when the provider never responds, and refunds the quota', async () => {
    const hosted = await startHostedGateway([provider], SHORT_TIMEOUTS);
    const message = await askOnce(hosted, provider, { fault: 'silent' });
    expect(message).toMatchObject(failedMessage('PROVIDER_UNAVAILABLE', ''));
    expect(hosted.fakeProviders[provider]?.requests).toHaveLength(1);
    expect(await messagesUsed(hosted.gateway)).toBe(0);
    await waitForClosedSockets(hosted);
  });

  it.each(MIDSTREAM_FAULTS)('keeps its text after the fault "%s", and does not call the model again', async (fault) => {
    const hosted = await startHostedGateway([provider], SHORT_TIMEOUTS);
    const message = await askOnce(hosted, provider, { text: TEXT, fault });
    // In OpenAI's chat protocol, the proper end of a response ends the answer.
    const isWhole = fault === 'ended' && ['deepseek', 'qwen', 'glm', 'open'].includes(provider);
    expect(message).toMatchObject(
      isWhole ? { status: 'COMPLETED', content: TEXT[0] } : failedMessage('PROVIDER_UNAVAILABLE', TEXT[0] ?? ''),
    );
    expect(hosted.fakeProviders[provider]?.requests).toHaveLength(1);
    expect(await messagesUsed(hosted.gateway)).toBe(1);
    if (fault === 'stuck') await waitForClosedSockets(hosted);
  });

  it('ends at its maximum length even if the provider continues', async () => {
    const hosted = await startHostedGateway([provider], { ...SHORT_TIMEOUTS, MODEL_TOTAL_SECONDS: '60' });
    const message = await askOnce(hosted, provider, { text: ['Refunds are paid. '.repeat(500)], fault: 'endless' });
    expect(message).toMatchObject({ status: 'COMPLETED', finishReason: 'LENGTH', error: null });
    expect(message.content.length).toBeLessThanOrEqual(200_000);
    expect(message.content.length).toBeGreaterThan(190_000);
    await waitForClosedSockets(hosted);
  });

  it('is the same when the provider sends it byte by byte', async () => {
    const hosted = await startHostedGateway([provider], SHORT_TIMEOUTS);
    const text = ['Refunds 👍🏽 are paid within', ' ten days [1', '].'];
    const message = await askOnce(hosted, provider, { text, isSliced: true });
    expect(message).toMatchObject({ status: 'COMPLETED', content: 'Refunds 👍🏽 are paid within ten days.' });
    expect(message.citations).toHaveLength(1);
  });
});

describe('the time limit of an answer', () => {
  it('covers the whole answer, however slowly the model continues', async () => {
    const hosted = await startHostedGateway(['openai'], { ...SHORT_TIMEOUTS, MODEL_TOTAL_SECONDS: '1' });
    const message = await askOnce(hosted, 'openai', { text: ['On and ', 'on and '], fault: 'endless', delayMs: 50 });
    expect(message).toMatchObject({ status: 'FAILED', error: { code: 'PROVIDER_UNAVAILABLE' } });
    expect(message.content).toMatch(/^On and /);
  });
});

/** What explains a reply to a viewer with MANAGE. */
interface Explained {
  readonly error: { code: string; detail: string | null } | null;
  readonly generation: {
    readonly attempts: readonly {
      readonly error: { code: string; detail: string | null } | null;
      readonly startedAt: string;
      readonly durationMs: number;
    }[];
  };
}

describe('fallbacks', () => {
  const unavailable = { refusal: 'serverError', headers } as const;
  const fallbackModels = [{ provider: 'anthropic', model: 'model-2' }, { provider: 'google' }];

  async function askWithFallbacks(env: Record<string, string>, replies: Partial<Record<Provider, ProviderResponse>>) {
    const hosted = await startHostedGateway(['openai', 'anthropic', 'google'], { ...SHORT_TIMEOUTS, ...env });
    for (const [provider, reply] of Object.entries(replies) as [Provider, ProviderResponse][]) {
      hosted.fakeProviders[provider]?.respondWith(reply);
    }
    const chatbotId = await hosted.createChatbot('openai', { answering: { fallbackModels } });
    const { replyId } = await sendAndWait(hosted.gateway, chatbotId);
    const { data } = await hosted.gateway.graphql<{ node: StreamMessage & Explained }>(
      `query ($id: ID!) { node(id: $id) { ... on Message {
        status content error { code detail }
        generation { provider model attempts { provider model error { code message detail } startedAt durationMs } }
      } } }`,
      { id: replyId },
    );
    return { ...hosted, message: data.node };
  }

  it('are called in order when a model fails before its first text', async () => {
    const { message, fakeProviders } = await askWithFallbacks(
      {},
      { openai: unavailable, anthropic: { text: ['Ten days.'] } },
    );
    expect(message).toMatchObject({
      status: 'COMPLETED',
      content: 'Ten days.',
      generation: {
        provider: 'anthropic',
        model: 'model-2',
        attempts: [
          { provider: 'openai', error: { code: 'PROVIDER_UNAVAILABLE', message: expect.any(String) } },
          { provider: 'anthropic', model: 'model-2', error: null },
        ],
      },
    });
    expect(fakeProviders.google?.requests).toEqual([]);
  });

  it('are called when a model reasons and then writes nothing', async () => {
    const { message } = await askWithFallbacks(
      {},
      { openai: { reasoning: ['Hm.'], text: [] }, anthropic: { fault: 'silent' }, google: { text: ['Ten days.'] } },
    );
    expect(message).toMatchObject({ content: 'Ten days.', generation: { provider: 'google' } });
  });

  it('are not called after the first text', async () => {
    const { message, fakeProviders } = await askWithFallbacks({}, { openai: { text: TEXT, fault: 'reset' } });
    expect(message).toMatchObject({
      status: 'FAILED',
      content: TEXT[0],
      generation: { provider: 'openai', attempts: [{ model: 'model-1', error: { code: 'PROVIDER_UNAVAILABLE' } }] },
    });
    expect(fakeProviders.anthropic?.requests).toEqual([]);
  });

  it('end with the built-in engine if MODEL_FALLBACK_BUILTIN is true', async () => {
    const replies = {
      openai: unavailable,
      anthropic: { refusal: 'invalidKey' },
      google: { refusal: 'unknownModel' },
    } as const;
    const { message } = await askWithFallbacks({ MODEL_FALLBACK_BUILTIN: 'true' }, replies);
    expect(message).toMatchObject({
      status: 'COMPLETED',
      content: 'Refunds are paid within ten days of the return.',
      generation: {
        provider: 'builtin',
        model: null,
        attempts: [{ provider: 'openai' }, { provider: 'anthropic' }, { provider: 'google' }, { error: null }],
      },
    });
    expect((await askWithFallbacks({}, replies)).message).toMatchObject({
      status: 'FAILED',
      error: { code: 'PROVIDER_MISCONFIGURED' },
    });
  });

  it("are listed with their times, and with their errors in the providers' own words", async () => {
    const { message } = await askWithFallbacks(
      {},
      { openai: { refusal: 'invalidKey' }, anthropic: { refusal: 'filtered' }, google: { refusal: 'unknownModel' } },
    );
    const [first, second, last, ...others] = message.generation.attempts;
    expect([first, second, last, others]).toMatchObject([
      { provider: 'openai', model: 'model-1', error: { code: 'PROVIDER_MISCONFIGURED' } },
      { provider: 'anthropic', model: 'model-2', error: { code: 'CONTENT_FILTERED' } },
      { provider: 'google', model: FAMILIES.google.defaultModel, error: { code: 'PROVIDER_MISCONFIGURED' } },
      [],
    ]);
    expect(first?.error?.detail).toMatch(/^openai\/model-1: 401 .*Incorrect API key provided: \[redacted\]/);
    expect(second?.error?.detail).toContain('Output blocked by content filtering policy');
    expect(message.error).toEqual({ code: 'PROVIDER_MISCONFIGURED', detail: last?.error?.detail });
    for (const { startedAt, durationMs } of message.generation.attempts) {
      expect([Date.now() - Date.parse(startedAt) < 60_000, durationMs >= 0]).toEqual([true, true]);
    }
  });

  it('skip a provider that has failed too often', async () => {
    const { gateway, fakeProviders, createChatbot } = await startHostedGateway(['openai'], SHORT_TIMEOUTS);
    fakeProviders.openai?.respondWith({ refusal: 'serverError', headers });
    const chatbotId = await createChatbot('openai');
    for (let i = 0; i < 8; i++) await sendAndWait(gateway, chatbotId);
    // Each question calls the model three times. After five failed questions in a row, the gateway stops calling it.
    expect(fakeProviders.openai?.requests).toHaveLength(15);
  });
});

it('answers a queued message in time when the reply before it hangs', async () => {
  const hosted = await startHostedGateway(['openai'], SHORT_TIMEOUTS);
  hosted.fakeProviders.openai?.respondWith({ fault: 'silent' }, { text: ['Ten days.'] });
  const chatbotId = await hosted.createChatbot('openai');
  const { conversationId } = await send(hosted.gateway, { chatbotId, content: 'When are refunds paid?' });
  const { replyId } = await send(hosted.gateway, { conversationId, content: 'When are refunds paid at last?' });
  const reader = webSocket.subscribe(hosted.gateway, { messageId: replyId });
  await reader.ended;
  expect(reader.text).toBe('Ten days.');
});
