import type { Socket } from 'node:net';
import type { Deps } from '../deps.ts';

/** An answer or a socket whose bytes may have to wait for the client. */
export interface Sending {
  /** The connection that carries it. */
  readonly connection: Socket;
  /** The client it counts for: a key, or the network of an address where no key is known. */
  readonly client: Client;
  /** Bytes of it that the connection has not taken yet. */
  countBytes(): number;
  /** How many of them may wait at most; absent: as many as the client may keep waiting. */
  readonly maxBytes?: number;
  /** Gives it up: `stalled` when nothing was taken for 30 seconds, `too much` when more waits than may. */
  cut(reason: CutReason): void;
}

/** Whom bytes are kept for. Clients without a key share a quarter of what may wait in all. */
export interface Client {
  readonly name: string;
  readonly hasKey: boolean;
}

/** Why an answer was given up; also its name in the metrics. */
export type CutReason = 'stalled' | 'too much';

/** Bounds what waits in memory for clients to take it. */
export interface PendingBytes {
  /** Watches until the returned function is called. */
  watch(sending: Sending): () => void;
  /** Counts bytes that have just begun to wait, and checks the bounds at once where they are many. */
  note(bytes: number): void;
  /** Watches no longer. */
  close(): void;
}

/** How far a client has come with what it is sent. */
interface Progress {
  bytes: number;
  /** When its bytes began to wait; meaningless while there are none. */
  waitingSince: number;
  /** Bytes that the connection has taken, and since when it has taken no more. */
  taken: number;
  takenAt: number;
}

const STALL_MS = 30_000;
const CHECK_MS = 1_000;
/** A part of all that may wait: when that much has come since the last look, it is time for another. */
const NOTED_SHARE = 1 / 16;
const SHARE_WITHOUT_KEY = 1 / 4;

/**
 * Bounds the memory of one process that holds what clients have asked for and do not read: HTTP answers, streams and
 * WebSockets. It checks once a second, and at once where many bytes come together. No request is refused for bytes that
 * wait: over a bound, the answers that have waited longest are cut, of the client whose bound it is, of all clients
 * without a key, or of all clients.
 */
export function createPendingBytes({ clock, config, metrics, logger }: PendingDeps): PendingBytes {
  const sendings = new Map<Sending, Progress>();
  const timer = setInterval(check, CHECK_MS).unref();
  let noted = 0;

  function check(): void {
    noted = 0;
    const now = clock.monotonicMs();
    for (const [sending, progress] of sendings) {
      update(sending, progress, now);
      if (now - progress.takenAt >= STALL_MS) cut(sending, 'stalled');
      else if (progress.bytes > (sending.maxBytes ?? Number.POSITIVE_INFINITY)) cut(sending, 'too much');
    }
    const waiting = [...sendings].filter(([, { bytes }]) => bytes > 0);
    for (const ofOne of Map.groupBy(waiting, ([{ client }]) => client.name).values()) {
      holdTo(config.maxPendingBytesPerClient, ofOne);
    }
    const withoutKey = waiting.filter(([{ client }]) => !client.hasKey);
    holdTo(config.maxPendingBytes * SHARE_WITHOUT_KEY, withoutKey);
    holdTo(config.maxPendingBytes, waiting);
    let total = 0;
    for (const { bytes } of sendings.values()) total += bytes;
    metrics.pendingBytes.set(total);
  }

  /** Cuts what has waited longest until the rest is within `maxBytes`. */
  function holdTo(maxBytes: number, waiting: readonly (readonly [Sending, Progress])[]): void {
    const left = waiting.filter(([sending]) => sendings.has(sending));
    let total = left.reduce((sum, [, { bytes }]) => sum + bytes, 0);
    if (total <= maxBytes) return;
    for (const [sending, { bytes }] of left.toSorted(([, a], [, b]) => a.waitingSince - b.waitingSince)) {
      if (total <= maxBytes) return;
      cut(sending, 'too much');
      total -= bytes;
    }
  }

  function cut(sending: Sending, reason: CutReason): void {
    const progress = sendings.get(sending);
    if (!sendings.delete(sending)) return;
    metrics.cutAnswers.inc({ reason });
    logger.info(
      { client: sending.client.name, bytes: progress?.bytes, reason },
      'cut an answer that its client does not take',
    );
    sending.cut(reason);
  }

  return {
    watch(sending) {
      const now = clock.monotonicMs();
      sendings.set(sending, { bytes: 0, waitingSince: now, taken: 0, takenAt: now });
      return () => sendings.delete(sending);
    },

    note(bytes) {
      noted += bytes;
      if (noted > config.maxPendingBytes * NOTED_SHARE) check();
    },

    close: () => clearInterval(timer),
  };
}

type PendingDeps = Pick<Deps, 'clock' | 'config' | 'logger' | 'metrics'>;

function update({ connection, countBytes }: Sending, progress: Progress, now: number): void {
  const bytes = countBytes();
  if (progress.bytes === 0) progress.waitingSince = now;
  progress.bytes = bytes;
  const taken = connection.bytesWritten - connection.writableLength;
  if (bytes === 0 || taken !== progress.taken) Object.assign(progress, { taken, takenAt: now });
}
