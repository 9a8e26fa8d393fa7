import { describe, expect, it, vi } from 'vitest';
import type { FailureCode } from '../../src/domain/failures.ts';
import { PROVIDERS, type Provider } from '../../src/domain/providers.ts';
import { send } from '../helpers/chatbots.ts';
import type { TestGateway } from '../helpers/gateway.ts';
import { askAndFollow, findSecret, type Hosted, secretOf, startHosted } from '../helpers/models/hosted.ts';
import type { Refusal } from '../helpers/models/vendors/answer.ts';
import type { Mishap, Reply } from '../helpers/models/vendors/vendor.ts';
import { readMessage, type StreamMessage, webSocket } from '../helpers/streams.ts';

/** Short, so that a test with a silent model does not take long. */
const IMPATIENT = { MODEL_FIRST_BYTE_SECONDS: '1', MODEL_SILENCE_SECONDS: '1', MODEL_TOTAL_SECONDS: '5' };
const TEXT = ['Refunds are', ' paid within', ' ten days.'];
/** Retries follow as soon as possible. */
const headers = { 'retry-after-ms': '10' };

const REFUSALS: Record<Refusal, FailureCode> = {
  key: 'PROVIDER_MISCONFIGURED',
  model: 'PROVIDER_MISCONFIGURED',
  limit: 'PROVIDER_RATE_LIMITED',
  quota: 'PROVIDER_RATE_LIMITED',
  broken: 'PROVIDER_UNAVAILABLE',
  long: 'CONTEXT_TOO_LONG',
  filtered: 'CONTENT_FILTERED',
};
const IN_MIDSTREAM = ['stuck', 'ended', 'reset', 'garbage', 'error'] as const satisfies Mishap[];

/** Sends a message, and checks what must hold for any failure: the reply ends as its events say, without secrets. */
async function askOnce({ gateway, vendors, createChatbot }: Hosted, provider: Provider, reply: Reply) {
  vendors[provider]?.reply(reply);
  const chatbotId = await createChatbot(provider);
  const { reader, replyId } = await askAndFollow(gateway, chatbotId);
  const message = await readMessage(gateway, replyId);
  expect(reader.errors).toEqual([]);
  expect(reader.events.at(-1)?.message).toEqual(message);
  expect(reader.text).toBe(message.content);
  expect(await findSecret(gateway, secretOf(provider))).toEqual([]);
  return message;
}

const failed = (code: FailureCode, content: string) => ({
  status: 'FAILED',
  finishReason: 'ERROR',
  content,
  error: { code, message: expect.any(String) },
});

async function countUsed(gateway: TestGateway): Promise<number> {
  const { data } = await gateway.graphql<{ viewer: { account: { usage: { messages: number } } } }>(
    '{ viewer { account { usage { messages } } } }',
  );
  return data.viewer.account.usage.messages;
}

describe.each(PROVIDERS)('a reply by %s', (provider) => {
  const closed = async ({ vendors }: Hosted) =>
    vi.waitFor(() => expect(vendors[provider]?.openSockets).toBe(0), { timeout: 6_000 });

  it.each(Object.entries(REFUSALS) as [Refusal, FailureCode][])(
    'fails when the provider refuses for %s, with %s, and costs nothing',
    async (refusal, code) => {
      const hosted = await startHosted([provider], IMPATIENT);
      const passes = refusal === 'limit' || refusal === 'broken';
      const message = await askOnce(hosted, provider, { refusal, ...(passes && { headers }) });
      expect(message).toMatchObject(failed(code, ''));
      expect(await countUsed(hosted.gateway)).toBe(0);
      expect(hosted.vendors[provider]?.requests).toHaveLength(passes ? 3 : 1);
    },
  );

  it('fails when the provider never responds, and refunds the quota', async () => {
    const hosted = await startHosted([provider], IMPATIENT);
    const message = await askOnce(hosted, provider, { mishap: 'silent' });
    expect(message).toMatchObject(failed('PROVIDER_UNAVAILABLE', ''));
    expect(hosted.vendors[provider]?.requests).toHaveLength(1);
    expect(await countUsed(hosted.gateway)).toBe(0);
    await closed(hosted);
  });

  it.each(IN_MIDSTREAM)('keeps its text when it is %s midway, and does not call the model again', async (mishap) => {
    const hosted = await startHosted([provider], IMPATIENT);
    const message = await askOnce(hosted, provider, { text: TEXT, mishap });
    expect(message).toMatchObject(failed('PROVIDER_UNAVAILABLE', TEXT[0] ?? ''));
    expect(hosted.vendors[provider]?.requests).toHaveLength(1);
    expect(await countUsed(hosted.gateway)).toBe(1);
    if (mishap === 'stuck') await closed(hosted);
  });

  it('ends at its maximum length even if the provider continues', async () => {
    const hosted = await startHosted([provider], { ...IMPATIENT, MODEL_TOTAL_SECONDS: '60' });
    const message = await askOnce(hosted, provider, { text: ['Refunds are paid. '.repeat(500)], mishap: 'endless' });
    expect(message).toMatchObject({ status: 'COMPLETED', finishReason: 'LENGTH', error: null });
    expect(message.content.length).toBeLessThanOrEqual(200_000);
    expect(message.content.length).toBeGreaterThan(190_000);
    await closed(hosted);
  });

  it('is the same when the provider sends it byte by byte', async () => {
    const hosted = await startHosted([provider], IMPATIENT);
    const text = ['Refunds 👍🏽 are paid within', ' ten days [1', '].'];
    const message = await askOnce(hosted, provider, { text, isSliced: true });
    expect(message).toMatchObject({ status: 'COMPLETED', content: 'Refunds 👍🏽 are paid within ten days.' });
    expect(message.citations).toHaveLength(1);
  });
});

describe('the time limit of an answer', () => {
  it('covers the whole answer, however slowly the model continues', async () => {
    const hosted = await startHosted(['openai'], { ...IMPATIENT, MODEL_TOTAL_SECONDS: '1' });
    const message = await askOnce(hosted, 'openai', { text: ['On and ', 'on and '], mishap: 'endless', paceMs: 50 });
    expect(message).toMatchObject({ status: 'FAILED', error: { code: 'PROVIDER_UNAVAILABLE' } });
    expect(message.content).toMatch(/^On and /);
  });
});

describe('fallbacks', () => {
  const first = { refusal: 'broken', headers } as const;
  const fallbackModels = [{ provider: 'anthropic', model: 'model-2' }, { provider: 'google' }];

  async function askWithFallbacks(env: Record<string, string>, replies: Partial<Record<Provider, Reply>>) {
    const hosted = await startHosted(['openai', 'anthropic', 'google'], { ...IMPATIENT, ...env });
    for (const [provider, reply] of Object.entries(replies) as [Provider, Reply][]) {
      hosted.vendors[provider]?.reply(reply);
    }
    const chatbotId = await hosted.createChatbot('openai', { answering: { fallbackModels } });
    const { replyId } = await askAndFollow(hosted.gateway, chatbotId);
    const { data } = await hosted.gateway.graphql<{ node: StreamMessage & { generation: object } }>(
      'query ($id: ID!) { node(id: $id) { ... on Message { status content error { code } generation { provider model } } } }',
      { id: replyId },
    );
    return { ...hosted, message: data.node };
  }

  it('are called in order when a model fails before its first text', async () => {
    const { message, vendors } = await askWithFallbacks({}, { openai: first, anthropic: { text: ['Ten days.'] } });
    expect(message).toMatchObject({
      status: 'COMPLETED',
      content: 'Ten days.',
      generation: { provider: 'anthropic', model: 'model-2' },
    });
    expect(vendors.google?.requests).toEqual([]);
  });

  it('are called when a model reasons and then writes nothing', async () => {
    const { message } = await askWithFallbacks(
      {},
      { openai: { reasoning: ['Hm.'], text: [] }, anthropic: { mishap: 'silent' }, google: { text: ['Ten days.'] } },
    );
    expect(message).toMatchObject({ content: 'Ten days.', generation: { provider: 'google' } });
  });

  it('are not called after the first text', async () => {
    const { message, vendors } = await askWithFallbacks({}, { openai: { text: TEXT, mishap: 'reset' } });
    expect(message).toMatchObject({ status: 'FAILED', content: TEXT[0], generation: { provider: 'openai' } });
    expect(vendors.anthropic?.requests).toEqual([]);
  });

  it('end with the built-in engine, unless the operator disables that', async () => {
    const replies = { openai: first, anthropic: { refusal: 'key' }, google: { refusal: 'model' } } as const;
    const { message } = await askWithFallbacks({ MODEL_FALLBACK_BUILTIN: 'true' }, replies);
    expect(message).toMatchObject({
      status: 'COMPLETED',
      content: 'Refunds are paid within ten days of the return.',
      generation: { provider: 'builtin', model: null },
    });
    expect((await askWithFallbacks({}, replies)).message).toMatchObject({
      status: 'FAILED',
      error: { code: 'PROVIDER_MISCONFIGURED' },
    });
  });

  it('skip a provider that has failed too often, for all chatbots with the same provider key', async () => {
    const { gateway, vendors, createChatbot } = await startHosted(['openai'], IMPATIENT);
    vendors.openai?.reply({ refusal: 'broken', headers });
    const chatbotId = await createChatbot('openai');
    for (let i = 0; i < 8; i++) await askAndFollow(gateway, chatbotId);
    // Each question calls the model up to three times; after five failures in a row there are no more calls.
    expect(vendors.openai?.requests).toHaveLength(15);
  });
});

it('answers a message in time that is queued behind a hanging reply', async () => {
  const hosted = await startHosted(['openai'], IMPATIENT);
  hosted.vendors.openai?.reply({ mishap: 'silent' }, { text: ['Ten days.'] });
  const chatbotId = await hosted.createChatbot('openai');
  const { conversationId } = await send(hosted.gateway, { chatbotId, content: 'When are refunds paid?' });
  const { replyId } = await send(hosted.gateway, { conversationId, content: 'When are refunds paid at last?' });
  const reader = webSocket.subscribe(hosted.gateway, { messageId: replyId });
  await reader.ended;
  expect(reader.text).toBe('Ten days.');
});
