import type { Socket } from 'node:net';
import type { WebSocket } from 'ws';
import type { Client, PendingBytes } from './pending-bytes.ts';

const MAX_BUFFERED_BYTES = 4 * 1024 * 1024;
const CLOSE_TIMEOUT_MS = 5_000;
const OVERLOAD = 1013;

/**
 * Limits the buffered bytes of a WebSocket. A subscription sends its next event after the last was sent, so an unread
 * one adds nothing more. Everything else is written on demand: queries, pongs. A peer with more than 4 MB buffered, or
 * without progress for 30 seconds, is closed with 1013: it should reconnect and resume. If it does not even read that,
 * its connection is cut five seconds later.
 * @param connection the connection of the socket.
 */
export function watchSocket(
  pendingBytes: PendingBytes,
  socket: WebSocket,
  { connection, clientOf }: { connection: Socket; clientOf: () => Client },
): void {
  const cut = () => {
    socket.close(OVERLOAD, 'Too slow');
    setTimeout(() => socket.terminate(), CLOSE_TIMEOUT_MS).unref();
  };
  const leave = pendingBytes.watch({
    connection,
    maxBytes: MAX_BUFFERED_BYTES,
    get client() {
      return clientOf();
    },
    countBytes: () => socket.bufferedAmount,
    cut,
  });
  // The peer's own requests fill the buffer: a lot between two checks of the timer.
  const checkSize = () => {
    if (socket.bufferedAmount > MAX_BUFFERED_BYTES) pendingBytes.note(Number.POSITIVE_INFINITY);
  };
  socket.on('message', checkSize);
  socket.on('ping', checkSize);
  socket.once('close', leave);
}
