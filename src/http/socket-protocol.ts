import type { IncomingMessage } from 'node:http';
import { CloseCode, makeServer, type ServerOptions } from 'graphql-ws';
import type { Extra } from 'graphql-ws/use/ws';
import type { WebSocket } from 'ws';
import { isJsonObject } from '../domain/json.ts';

/**
 * Creates the function that runs graphql-transport-ws on a socket, with pings. It replaces `useServer` of graphql-ws,
 * which prints client errors to the console, and treats a failed write to a disconnected client as an internal error.
 * @param onError called with an error in the handling of a message, whose socket is then closed.
 */
export function createProtocol<E extends Record<PropertyKey, unknown>>(
  options: ServerOptions<Record<string, unknown>, Extra & Partial<E>>,
  { pingIntervalMs, onError }: { pingIntervalMs: number; onError(error: unknown): void },
): (socket: WebSocket, request: IncomingMessage) => void {
  const server = makeServer(options);
  return (socket, request) => {
    const stopPinging = startPinging(socket, pingIntervalMs);
    const closed = server.opened(
      {
        protocol: socket.protocol,
        // Resolves when the text has been sent, or the connection is closed.
        send: (text) => new Promise((resolve) => socket.send(text, () => resolve())),
        close: (code, reason) => socket.close(code, reason),
        onMessage: (listen) =>
          socket.on('message', (data) => {
            listen(withQuery(String(data))).catch((error) => {
              onError(error);
              socket.close(CloseCode.InternalServerError, 'Internal server error');
            });
          }),
      },
      { socket, request } as Extra & Partial<E>,
    );
    socket.once('close', (code, reason) => {
      stopPinging();
      closed(code, String(reason)).catch(onError);
    });
  };
}

/**
 * Adds an empty `query` to a `subscribe` message that only names its document: the library accepts no message without
 * one. Any other message is returned as it is.
 */
function withQuery(text: string): string {
  if (!NAMES_DOCUMENT.test(text)) return text;
  try {
    const message = JSON.parse(text);
    if (!isJsonObject(message?.payload) || message.payload.query != null) return text;
    return JSON.stringify({ ...message, payload: { ...message.payload, query: '' } });
  } catch {
    // The library closes the socket.
    return text;
  }
}

const NAMES_DOCUMENT = /"(?:documentId|persistedQuery)"/;

/** Pings at intervals; terminates a socket that has not answered a ping before the next one is due. */
function startPinging(socket: WebSocket, intervalMs: number): () => void {
  let isAlive = true;
  socket.on('pong', () => {
    isAlive = true;
  });
  const timer = setInterval(() => {
    if (!isAlive) return socket.terminate();
    isAlive = false;
    socket.ping();
  }, intervalMs);
  return () => clearInterval(timer);
}
