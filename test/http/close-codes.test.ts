import { createClient } from 'graphql-ws';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { WebSocket } from 'ws';
import { createChatbot, send } from '../helpers/chatbots.ts';
import { createDatabase, startGateway, type TestGateway } from '../helpers/gateway.ts';
import { connect } from '../helpers/raw-sockets.ts';
import { startReply } from '../helpers/streams.ts';

const FOLLOW = 'subscription ($id: ID!) { conversationEvents(conversationId: $id) { cursor } }';
const INIT = { type: 'connection_init' };
const again = (id: string) => ({ type: 'subscribe', id: 'follow', payload: { query: FOLLOW, variables: { id } } });

/** How the test interferes with the official client's first socket. */
interface Options {
  readonly key?: string | undefined;
  /** The subprotocol that the first socket offers. */
  readonly protocols?: readonly string[];
  /** Whether the first socket sends nothing. */
  readonly isMute?: boolean;
  /** Delays the client before it reconnects. */
  readonly until?: () => Promise<unknown>;
}

/** The official client following a conversation, with its reaction to the loss of its socket. */
function follow(
  { url, key: first }: TestGateway,
  conversationId: string,
  { key = first, protocols, isMute, until }: Options = {},
) {
  const sockets: WebSocket[] = [];
  class OwnSocket extends WebSocket {
    constructor(address: string, offered: string | string[]) {
      super(address, sockets.length === 0 && protocols ? [...protocols] : offered);
      if (isMute && sockets.length === 0) this.send = () => {};
      sockets.push(this);
    }
  }
  const closed = Promise.withResolvers<number>();
  const cameBack = Promise.withResolvers<'came back'>();
  const gaveUp = Promise.withResolvers<'gave up'>();
  const client = createClient({
    url: `${url.replace('http', 'ws')}/graphql`,
    webSocketImpl: OwnSocket,
    ...(key === '' ? {} : { connectionParams: { authorization: `Bearer ${key}` } }),
    generateID: () => 'follow',
    retryWait: async () => void (await until?.()),
    on: {
      connected: () => void (sockets.length > 1 && cameBack.resolve('came back')),
      closed: (event) => closed.resolve((event as { code: number }).code),
    },
  });
  client.subscribe(
    { query: FOLLOW, variables: { id: conversationId } },
    { next: () => {}, error: () => gaveUp.resolve('gave up'), complete: () => {} },
  );
  onTestFinished(() => void client.dispose());
  return {
    /** The client's first socket. */
    raw: () => sockets[0] as WebSocket,
    send: (frame: object | string) => sockets[0]?.send(typeof frame === 'string' ? frame : JSON.stringify(frame)),
    following: (gateway: TestGateway) => vi.waitFor(() => expect(gateway.deps.bus.size).toBe(1)),
    leave: async () => client.dispose(),
    closed: closed.promise,
    outcome: Promise.race([cameBack.promise, gaveUp.promise]),
  };
}

describe('the official client gives up', () => {
  it('after 4401: its key is revoked', async () => {
    const { gateway, conversationId } = await startReply();
    const key = await gateway.createKey(gateway.accountId, ['READ']);
    const client = follow(gateway, conversationId, { key });
    await client.following(gateway);
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
    const { gateway, conversationId } = await startReply();
    const client = follow(gateway, conversationId, { key: 'nonsense' });
    expect([await client.closed, await client.outcome]).toEqual([4401, 'gave up']);
  });

  it.each<[number, string, (conversationId: string) => object | string]>([
    [4400, 'it sent nonsense', () => 'nonsense'],
    [4409, 'it used an id twice', again],
    [4429, 'it introduced itself twice', () => INIT],
    [1009, 'it sent too much', () => 'x'.repeat(300 * 1024)],
  ])('after %i: %s', async (code, _what, frameOf) => {
    const { gateway, conversationId } = await startReply();
    const client = follow(gateway, conversationId);
    await client.following(gateway);
    client.send(frameOf(conversationId));
    expect([await client.closed, await client.outcome]).toEqual([code, 'gave up']);
  });

  it('after 4406: it speaks another protocol', async () => {
    const { gateway, conversationId } = await startReply();
    const client = follow(gateway, conversationId, { protocols: [] });
    expect([await client.closed, await client.outcome]).toEqual([4406, 'gave up']);
  });
});

describe('the official client reconnects', () => {
  it('after 1012: the gateway restarts', async () => {
    const database = await createDatabase();
    const gateway = await startGateway({ database });
    const chatbotId = await createChatbot(gateway);
    const { conversationId } = await send(gateway, { chatbotId, content: 'Well?' });
    const up = Promise.withResolvers<void>();
    const client = follow(gateway, conversationId, { until: () => up.promise });
    await client.following(gateway);
    await gateway.close();
    expect(await client.closed).toBe(1012);
    const next = await startGateway({ database, env: { PORT: new URL(gateway.url).port } });
    onTestFinished(() => next.close());
    up.resolve();
    expect(await client.outcome).toBe('came back');
    await client.following(next);
    await client.leave();
  });

  it('after 1013: its address had too many sockets', async () => {
    const { gateway, conversationId } = await startReply();
    const others = Array.from({ length: 20 }, () => connect(gateway));
    await Promise.all(others.map((other) => other.init()));
    const free = async () => {
      others[0]?.close();
      await others[0]?.closed;
      await vi.waitFor(async () => expect(await countSockets(gateway)).toBeLessThan(20));
    };
    const client = follow(gateway, conversationId, { key: '', until: free });
    expect([await client.closed, await client.outcome]).toEqual([1013, 'came back']);
  });

  it('after 1006: the connection was lost', async () => {
    const { gateway, conversationId } = await startReply();
    const client = follow(gateway, conversationId);
    await client.following(gateway);
    client.raw().terminate();
    expect([await client.closed, await client.outcome]).toEqual([1006, 'came back']);
    await client.following(gateway);
  });

  it('after 4408: it sent no connection_init in time', async () => {
    const { gateway, conversationId } = await startReply();
    const client = follow(gateway, conversationId, { isMute: true });
    expect([await client.closed, await client.outcome]).toEqual([4408, 'came back']);
  });
});

async function countSockets(gateway: TestGateway): Promise<number> {
  const { values } = await gateway.deps.metrics.sockets.get();
  return values[0]?.value ?? 0;
}
