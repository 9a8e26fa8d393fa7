import type { IncomingMessage } from 'node:http';
import { CloseCode, makeServer, type ServerOptions } from 'graphql-ws';
import type { Extra } from 'graphql-ws/use/ws';
import type { WebSocket } from 'ws';

/**
 * Makes what speaks graphql-transport-ws on each socket it is given, and pings it. It stands in for the `useServer` of
 * graphql-ws, which prints to the console what a client did wrong, and takes a write that fails because the client left
 * for a fault of ours.
 * @param onError told of what went wrong with a message; its socket is closed.
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
        // Resolves when the connection has taken it, or will take nothing more.
        send: (text) => new Promise((resolve) => socket.send(text, () => resolve())),
        close: (code, reason) => socket.close(code, reason),
        onMessage: (listen) =>
          socket.on('message', (data) => {
            listen(String(data)).catch((error) => {
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

/** Pings every so often; who has not answered by the next time is gone. */
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
