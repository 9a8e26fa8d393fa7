import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { expect, it, onTestFinished, vi } from 'vitest';
import { type WebSocket, WebSocketServer } from 'ws';
import { followConversation } from '../../../src/web/chat/follow.ts';

// What a browser has and Node lacks; nothing goes online in these tests.
for (const name of ['addEventListener', 'removeEventListener']) vi.stubGlobal(name, () => {});

/** Follows a conversation of a server that closes the connection as `close` does. */
async function follow(close: (socket: WebSocket, unsubscribe: () => void) => void) {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', handleProtocols: () => 'graphql-transport-ws' });
  onTestFinished(() => server.close());
  await once(server, 'listening');
  vi.stubGlobal('location', { origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
  const session = {
    grant: { token: 'token', conversationId: '', chatbot: { id: '', name: '' }, maxMessageChars: 1, examples: [] },
    renew: async () => {},
    expire: vi.fn(),
  };
  const listener = { onConnected() {}, onConnectionLost: vi.fn(), onConversationDeleted() {}, onEvent() {} };
  const unsubscribe = followConversation(session, 'conversation', listener);
  onTestFinished(unsubscribe);
  const [socket] = (await once(server, 'connection')) as [WebSocket];
  const closed = once(socket, 'close');
  await once(socket, 'message');
  close(socket, unsubscribe);
  await closed;
  return { session, listener };
}

it('ends the session when the gateway refuses its token', async () => {
  const { session, listener } = await follow((socket) => socket.close(4401));
  await vi.waitFor(() => expect(session.expire).toHaveBeenCalledTimes(1));
  expect(listener.onConnectionLost).not.toHaveBeenCalled();
});

it('reconnects when the connection is lost, and keeps the session', async () => {
  const { session, listener } = await follow((socket) => socket.terminate());
  await vi.waitFor(() => expect(listener.onConnectionLost).toHaveBeenCalledTimes(1));
  expect(session.expire).not.toHaveBeenCalled();
});

it.each([4401, 1012])('keeps the session when the connection ends with %i after the unsubscription', async (code) => {
  const { session, listener } = await follow((socket, unsubscribe) => {
    unsubscribe();
    socket.close(code);
  });
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(session.expire).not.toHaveBeenCalled();
  expect(listener.onConnectionLost).not.toHaveBeenCalled();
});
