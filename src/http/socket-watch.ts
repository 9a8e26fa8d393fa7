import type { Socket } from 'node:net';
import type { WebSocket } from 'ws';
import type { Deps } from '../deps.ts';

/** Sheds sockets whose other end does not take what it asked for. */
export interface SocketWatch {
  /** Watches a socket until it is closed. @param connection what carries it. */
  watch(client: WebSocket, connection: Socket): void;
  /** Watches no longer. */
  close(): void;
}

const MAX_BUFFERED_BYTES = 4 * 1024 * 1024;
const STALL_MS = 30_000;
const CHECK_MS = 1_000;
const CLOSE_TIMEOUT_MS = 2_000;
const OVERLOAD = 1013;

/** How far a peer has come with what it is sent. */
interface Progress {
  readonly connection: Socket;
  /** Bytes that the connection has taken, and since when it has taken no more. */
  taken: number;
  since: number;
}

/**
 * Makes the watch of one process. A subscription sends its next event when the last one was taken, so one that is not
 * read grows by no more than that. Everything else is written as it is asked for: queries, pongs. A peer that lets more
 * than 4 MB pile up, or takes nothing of something for 30 seconds, is closed with 1013: it shall come back, and go on
 * from where it was. One that does not even read that is cut off two seconds later.
 */
export function createSocketWatch({ clock, logger }: Pick<Deps, 'clock' | 'logger'>): SocketWatch {
  const watched = new Map<WebSocket, Progress>();
  const timer = setInterval(() => watched.forEach(check), CHECK_MS).unref();

  function check(progress: Progress, client: WebSocket): void {
    const { connection } = progress;
    const taken = connection.bytesWritten - connection.writableLength;
    const now = clock.monotonicMs();
    if (client.bufferedAmount === 0 || taken !== progress.taken) Object.assign(progress, { taken, since: now });
    if (now - progress.since >= STALL_MS) shed(client);
    else checkSize(client);
  }

  function checkSize(client: WebSocket): void {
    if (client.bufferedAmount > MAX_BUFFERED_BYTES) shed(client);
  }

  function shed(client: WebSocket): void {
    if (!watched.delete(client)) return;
    logger.info({ bufferedBytes: client.bufferedAmount }, 'a socket takes too little');
    client.close(OVERLOAD, 'Too slow');
    setTimeout(() => client.terminate(), CLOSE_TIMEOUT_MS).unref();
  }

  return {
    watch(client, connection) {
      watched.set(client, { connection, taken: 0, since: clock.monotonicMs() });
      // It grows by what the peer asks for: between two looks of the timer that can be a lot.
      client.on('message', () => checkSize(client));
      client.on('ping', () => checkSize(client));
      client.once('close', () => watched.delete(client));
    },

    close: () => clearInterval(timer),
  };
}
