import { setImmediate } from 'node:timers/promises';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { createChatbot, send } from '../helpers/chatbots.ts';
import type { TestGateway } from '../helpers/gateway.ts';
import { openSharedGateway } from '../helpers/shared-gateway.ts';

interface Conversation {
  readonly gateway: TestGateway;
  readonly conversationId: string;
}

async function openConversation(): Promise<Conversation> {
  const gateway = await openSharedGateway();
  const chatbotId = await createChatbot(gateway);
  return { gateway, ...(await send(gateway, { chatbotId, content: 'Hello?' })) };
}

const follow = (accept: string) => (conversation: Conversation) => subscribe(conversation, accept);

function subscribe({ gateway, conversationId }: Conversation, accept: string, key = gateway.key): Promise<Response> {
  return gateway.fetch('/graphql', {
    method: 'POST',
    headers: { accept, 'content-type': 'application/json', authorization: `Bearer ${key}` },
    body: JSON.stringify({
      query: `subscription { conversationEvents(conversationId: "${conversationId}") { __typename } }`,
    }),
  });
}

async function openSingleConnection({ gateway }: Conversation): Promise<Response> {
  const headers = { authorization: `Bearer ${gateway.key}` };
  const token = await (await gateway.fetch('/graphql', { method: 'PUT', headers })).text();
  return gateway.fetch('/graphql', { headers: { ...headers, 'x-graphql-event-stream-token': token } });
}

function openRestEvents({ gateway, conversationId }: Conversation): Promise<Response> {
  const headers = { authorization: `Bearer ${gateway.key}` };
  return gateway.fetch(`/v1/conversations/${conversationId}/events`, { headers });
}

describe.each([
  ['GraphQL over server-sent events', follow('text/event-stream'), ':\n\n'],
  ['GraphQL over multipart/mixed', follow('multipart/mixed;subscriptionSpec=1.0'), '\r\n\r\n{}\r\n---'],
  ['a single connection of GraphQL', openSingleConnection, ':\n\n'],
  ['REST events', openRestEvents, ':\n\n'],
] as const)('a stream of %s', (_name, open, heartbeat) => {
  it('has headers that tell proxies not to store, buffer or compress it', async () => {
    const response = await open(await openConversation());
    onTestFinished(async () => void (await response.body?.cancel()));
    expect(response.status).toBe(200);
    expect(response.headers.get('cache-control')).toBe('private, no-store, no-transform');
    expect(response.headers.get('x-accel-buffering')).toBe('no');
    expect(response.headers.get('content-encoding') ?? 'none').toBe('none');
  });

  it('has a heartbeat in less than 15 seconds', async () => {
    const conversation = await openConversation();
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] });
    onTestFinished(() => void vi.useRealTimers());
    const response = await open(conversation);
    const reader = (response.body ?? new ReadableStream<Uint8Array>()).getReader();
    onTestFinished(() => reader.cancel());
    let text = '';
    let isDone = false;
    const reading = (async () => {
      // The first heartbeat of some streams is their first bytes.
      for (let chunk = await reader.read(); !isDone && !chunk.done; chunk = await reader.read())
        text += Buffer.from(chunk.value);
    })();
    await setImmediate();
    const count = () => text.split(heartbeat).length;
    for (let second = 0; second < 28; second++) {
      vi.advanceTimersByTime(1_000);
      for (let turn = 0; turn < 20; turn++) await setImmediate();
    }
    isDone = true;
    expect(count()).toBeGreaterThanOrEqual(3);
    await reader.cancel();
    await reading;
  });
});

it.each(['text/event-stream', 'multipart/mixed'])(
  'a refusal in a stream of %s has the same headers',
  async (accept) => {
    const { headers, status } = await subscribe(await openConversation(), accept, 'unknown');
    expect(status).toBe(401);
    expect(headers.get('cache-control')).toBe('private, no-store, no-transform');
    expect(headers.get('x-accel-buffering')).toBe('no');
  },
);

it('connections stay open longer than those of common proxies', async () => {
  const gateway = await openSharedGateway();
  expect((await gateway.fetch('/health')).headers.get('keep-alive')).toBe('timeout=75');
});
