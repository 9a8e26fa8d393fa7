import { createClient } from 'graphql-ws';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { WebSocket } from 'ws';
import { createChatbot, send } from '../helpers/chatbots.ts';
import { startGatewayWithOpenReply } from '../helpers/conversations.ts';
import { createDatabase, startGateway, type TestGateway } from '../helpers/gateway.ts';
import { openRawSocket } from '../helpers/raw-sockets.ts';

const CONVERSATION_EVENTS = 'subscription ($id: ID!) { conversationEvents(conversationId: $id) { cursor } }';
const OPERATION_ID = 'operation';
const INIT = { type: 'connection_init' };
const subscribeFrame = (id: string) => ({
  type: 'subscribe',
  id: OPERATION_ID,
  payload: { query: CONVERSATION_EVENTS, variables: { id } },
});

/** How the test interferes with the official client's first socket. */
interface ClientOptions {
  readonly key?: string | undefined;
  /** The subprotocol that the first socket offers. */
  readonly protocols?: readonly string[];
  /** Whether the first socket sends nothing. */
  readonly sendsNothing?: boolean;
  /** Runs before the client reconnects, and delays it. */
  readonly beforeRetry?: () => Promise<unknown>;
}

/** Subscribes to a conversation with the official client, and reports how it reacts to the loss of its socket. */
function subscribeToConversation(
  { url, key: gatewayKey }: TestGateway,
  conversationId: string,
  { key = gatewayKey, protocols, sendsNothing, beforeRetry }: ClientOptions = {},
) {
  const sockets: WebSocket[] = [];
  class RecordedSocket extends WebSocket {
    constructor(address: string, offered: string | string[]) {
      super(address, sockets.length === 0 && protocols ? [...protocols] : offered);
      if (sendsNothing && sockets.length === 0) this.send = () => {};
      sockets.push(this);
    }
  }
  const closed = Promise.withResolvers<number>();
  const reconnected = Promise.withResolvers<'reconnected'>();
  const gaveUp = Promise.withResolvers<'gave up'>();
  const client = createClient({
    url: `${url.replace('http', 'ws')}/graphql`,
    webSocketImpl: RecordedSocket,
    ...(key === '' ? {} : { connectionParams: { authorization: `Bearer ${key}` } }),
    generateID: () => OPERATION_ID,
    retryWait: async () => void (await beforeRetry?.()),
    on: {
      connected: () => void (sockets.length > 1 && reconnected.resolve('reconnected')),
      closed: (event) => closed.resolve((event as { code: number }).code),
    },
  });
  client.subscribe(
    { query: CONVERSATION_EVENTS, variables: { id: conversationId } },
    { next: () => {}, error: () => gaveUp.resolve('gave up'), complete: () => {} },
  );
  onTestFinished(() => void client.dispose());
  return {
    /** The client's first socket. */
    firstSocket: () => sockets[0] as WebSocket,
    send: (frame: object | string) => sockets[0]?.send(typeof frame === 'string' ? frame : JSON.stringify(frame)),
    waitUntilSubscribed: (gateway: TestGateway) => vi.waitFor(() => expect(gateway.deps.bus.size).toBe(1)),
    dispose: async () => client.dispose(),
    closed: closed.promise,
    outcome: Promise.race([reconnected.promise, gaveUp.promise]),
  };
}

describe('the official client gives up', () => {
  it('after 4401: its key is revoked', async () => {
    const { gateway, conversationId } = await startGatewayWithOpenReply({});
    const key = await gateway.createKey(gateway.accountId, ['READ']);
    const client = subscribeToConversation(gateway, conversationId, { key });
    await client.waitUntilSubscribed(gateway);
    const { data } = await gateway.graphql<{ viewer: { apiKey: { id: string } } }>(
      '{ viewer { apiKey { id } } }',
      {},
      key,
    );
    await gateway.graphql('mutation ($id: ID!) { revokeApiKey(input: { id: $id }) { __typename } }', {
      id: data.viewer.apiKey.id,
    });
    expect([await client.closed, await client.outcome]).toEqual([4401, 'gave up']);
  });

  it('after 4401: its key is invalid', async () => {
    const { gateway, conversationId } = await startGatewayWithOpenReply({});
    const client = subscribeToConversation(gateway, conversationId, { key: 'nonsense' });
    expect([await client.closed, await client.outcome]).toEqual([4401, 'gave up']);
  });

  it.each<[number, string, (conversationId: string) => object | string]>([
    [4400, 'it sent an invalid message', () => 'nonsense'],
    [4409, 'it used an operation id twice', subscribeFrame],
    [4429, 'it sent connection_init twice', () => INIT],
    [1009, 'it sent a message that is too large', () => 'x'.repeat(300 * 1024)],
  ])('after %i: %s', async (code, _what, frameOf) => {
    const { gateway, conversationId } = await startGatewayWithOpenReply({});
    const client = subscribeToConversation(gateway, conversationId);
    await client.waitUntilSubscribed(gateway);
    client.send(frameOf(conversationId));
    expect([await client.closed, await client.outcome]).toEqual([code, 'gave up']);
  });

  it('after 4406: it offered no supported subprotocol', async () => {
    const { gateway, conversationId } = await startGatewayWithOpenReply({});
    const client = subscribeToConversation(gateway, conversationId, { protocols: [] });
    expect([await client.closed, await client.outcome]).toEqual([4406, 'gave up']);
  });
});

describe('the official client reconnects', () => {
  it('after 1012: the gateway restarts', async () => {
    const database = await createDatabase();
    const gateway = await startGateway({ database });
    const chatbotId = await createChatbot(gateway);
    const { conversationId } = await send(gateway, { chatbotId, content: 'Well?' });
    const restarted = Promise.withResolvers<void>();
    const client = subscribeToConversation(gateway, conversationId, { beforeRetry: () => restarted.promise });
    await client.waitUntilSubscribed(gateway);
    await gateway.close();
    expect(await client.closed).toBe(1012);
    const next = await startGateway({ database, env: { PORT: new URL(gateway.url).port } });
    onTestFinished(() => next.close());
    restarted.resolve();
    expect(await client.outcome).toBe('reconnected');
    await client.waitUntilSubscribed(next);
    await client.dispose();
  });

  it('after 1013: its address had too many open sockets', async () => {
    const { gateway, conversationId } = await startGatewayWithOpenReply({});
    const others = Array.from({ length: 20 }, () => openRawSocket(gateway));
    await Promise.all(others.map((other) => other.init()));
    const closeOtherSocket = async () => {
      others[0]?.close();
      await others[0]?.closed;
      await vi.waitFor(async () => expect(await countSockets(gateway)).toBeLessThan(20));
    };
    const client = subscribeToConversation(gateway, conversationId, { key: '', beforeRetry: closeOtherSocket });
    expect([await client.closed, await client.outcome]).toEqual([1013, 'reconnected']);
  });

  it('after 1006: the connection was lost', async () => {
    const { gateway, conversationId } = await startGatewayWithOpenReply({});
    const client = subscribeToConversation(gateway, conversationId);
    await client.waitUntilSubscribed(gateway);
    client.firstSocket().terminate();
    expect([await client.closed, await client.outcome]).toEqual([1006, 'reconnected']);
    await client.waitUntilSubscribed(gateway);
  });

  it('after 4408: it sent no connection_init in time', async () => {
    const { gateway, conversationId } = await startGatewayWithOpenReply({});
    const client = subscribeToConversation(gateway, conversationId, { sendsNothing: true });
    expect([await client.closed, await client.outcome]).toEqual([4408, 'reconnected']);
  });
});

async function countSockets(gateway: TestGateway): Promise<number> {
  const { values } = await gateway.deps.metrics.sockets.get();
  return values[0]?.value ?? 0;
}
