import type { Socket } from 'node:net';
import type { Writable } from 'node:stream';
import type { WebSocket } from 'ws';
import { createFeed } from '../domain/feed.ts';
import type { SubscriptionResults } from './executor.ts';
import type { SerializeResult } from './shared-results.ts';

/**
 * Sends the results of a subscription, each when the connection has capacity. Returns a feed for graphql-ws in place of
 * the results. That feed has no items, and ends when the results end.
 * @param connection the connection of the socket.
 */
export function sendResults(
  socket: WebSocket,
  connection: Socket,
  id: string,
  { results, serialize }: { results: SubscriptionResults; serialize: SerializeResult },
): SubscriptionResults {
  const messagePrefix = `{"id":${JSON.stringify(id)},"type":"next","payload":`;
  return createFeed(
    () =>
      results.pushTo((result) => {
        socket.send(`${messagePrefix}${serialize(result)}}`);
        return connection.writableNeedDrain ? waitForDrain(connection) : undefined;
      }),
    () => void results.return(),
  );
}

const drains = new WeakMap<Writable, Promise<void>>();

/**
 * Resolves when a connection has sent its buffer, or is closed. The operations of a connection share one listener: Node
 * reports more than ten as a leak.
 */
export function waitForDrain(connection: Writable): Promise<void> {
  const waiting = drains.get(connection);
  if (waiting !== undefined) return waiting;
  const drained = new Promise<void>((resolve) => {
    const done = () => {
      connection.off('drain', done).off('close', done);
      drains.delete(connection);
      resolve();
    };
    connection.on('drain', done).on('close', done);
  });
  drains.set(connection, drained);
  return drained;
}
