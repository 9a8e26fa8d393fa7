import type { Socket } from 'node:net';
import type { WebSocket } from 'ws';
import type { Client, PendingBytes } from './pending-bytes.ts';

const MAX_BUFFERED_BYTES = 4 * 1024 * 1024;
const CLOSE_TIMEOUT_MS = 5_000;
const OVERLOAD = 1013;

/**
 * Bounds what waits for the peer of a WebSocket. A subscription sends its next event when the last one was taken, so one
 * that is not read grows by no more than that. Everything else is written as it is asked for: queries, pongs. A peer that
 * lets more than 4 MB pile up, or takes nothing of something for 30 seconds, is closed with 1013: it shall come back, and
 * go on from where it was. One that does not even read that is cut off five seconds later.
 * @param connection what carries the socket.
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
  // It grows by what the peer asks for: between two looks of the timer that can be a lot.
  const checkSize = () => {
    if (socket.bufferedAmount > MAX_BUFFERED_BYTES) pendingBytes.note(Number.POSITIVE_INFINITY);
  };
  socket.on('message', checkSize);
  socket.on('ping', checkSize);
  socket.once('close', leave);
}
