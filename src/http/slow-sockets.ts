import type { Socket } from 'node:net';
import type { WebSocket } from 'ws';
import type { Client, PendingBytes } from './pending-bytes.ts';

const MAX_BUFFERED_BYTES = 4 * 1024 * 1024;
const CLOSE_TIMEOUT_MS = 5_000;
const OVERLOAD = 1013;

/**
 * Limits the buffered bytes of a WebSocket. A subscription sends an event only after the previous one was sent, so an
 * unread subscription buffers at most one. Query results and pongs are buffered without that limit. A socket with more
 * than 4 MB buffered, or without progress for 30 seconds, is closed with 1013: its client should reconnect and resume.
 * If the client does not read the close frame either, its connection is terminated five seconds later.
 * @param connection the connection of the socket.
 */
export function watchSocket(
  pendingBytes: PendingBytes,
  socket: WebSocket,
  { connection, clientOf }: { connection: Socket; clientOf: () => Client },
): void {
  const closeSlowSocket = () => {
    socket.close(OVERLOAD, 'Too slow');
    setTimeout(() => socket.terminate(), CLOSE_TIMEOUT_MS).unref();
  };
  const stopWatching = pendingBytes.watch({
    connection,
    maxBytes: MAX_BUFFERED_BYTES,
    get client() {
      return clientOf();
    },
    countBytes: () => socket.bufferedAmount,
    close: closeSlowSocket,
  });
  // The responses to a client can fill the buffer between two checks of the timer, so each message from the client also
  // checks the size of the buffer.
  const checkSize = () => {
    if (socket.bufferedAmount > MAX_BUFFERED_BYTES) pendingBytes.addBytes(Number.POSITIVE_INFINITY);
  };
  socket.on('message', checkSize);
  socket.on('ping', checkSize);
  socket.once('close', stopWatching);
}
