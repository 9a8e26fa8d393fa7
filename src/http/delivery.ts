import type { Socket } from 'node:net';
import type { WebSocket } from 'ws';
import { createFeed } from '../domain/feed.ts';
import type { Results } from './executor.ts';
import type { WriteResult } from './sharing.ts';

/**
 * Sends the results of a subscription, each when the connection has capacity. graphql-ws receives the returned feed in
 * place of the results: it has no items, and ends with them.
 * @param connection the connection of the socket.
 */
export function sendResults(
  socket: WebSocket,
  connection: Socket,
  id: string,
  { results, write }: { results: Results; write: WriteResult },
): Results {
  const head = `{"id":${JSON.stringify(id)},"type":"next","payload":`;
  return createFeed(
    () =>
      results.pushTo((result) => {
        socket.send(`${head}${write(result)}}`);
        return connection.writableNeedDrain ? waitForDrain(connection) : undefined;
      }),
    () => void results.return(),
  );
}

/** Resolves when a connection has sent its buffer, or is closed. */
function waitForDrain(connection: Socket): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      connection.off('drain', done).off('close', done);
      resolve();
    };
    connection.on('drain', done).on('close', done);
  });
}
