import type { Socket } from 'node:net';
import type { Deps } from '../deps.ts';

/** A response or a socket whose bytes may wait in memory for the client. */
export interface PendingOutput {
  /** The connection that sends it. */
  readonly connection: Socket;
  /** The client that it counts for: a key, or the network of an address if no key is known. */
  readonly client: Client;
  /** Its bytes that the connection has not sent yet. */
  countBytes(): number;
  /** How many of them may wait at most; absent: the client's limit. */
  readonly maxBytes?: number;
  /** Closes it: `stalled` after 30 seconds without progress, `too much` above a limit. */
  cut(reason: CutReason): void;
}

/** The client that buffered bytes count for. Clients without a key share a quarter of the total limit. */
export interface Client {
  readonly name: string;
  readonly hasKey: boolean;
}

/** Why a response was closed; also the label in the metrics. */
export type CutReason = 'stalled' | 'too much';

/** Limits the bytes buffered in memory for clients. */
export interface PendingBytes {
  /** Watches it until the returned function is called. */
  watch(sending: PendingOutput): () => void;
  /** Counts newly buffered bytes, and checks the limits at once if they are many. */
  note(bytes: number): void;
  /** Stops watching. */
  close(): void;
}

/** A client's progress in reading a response. */
interface Progress {
  bytes: number;
  /** When its bytes began to wait; meaningless without any. */
  waitingSince: number;
  /** The bytes that the connection has sent, and since when it has sent no more. */
  taken: number;
  takenAt: number;
}

const STALL_MS = 30_000;
const CHECK_MS = 1_000;
/** A share of the total limit: after so many new bytes the limits are checked at once. */
const NOTED_SHARE = 1 / 16;
const SHARE_WITHOUT_KEY = 1 / 4;

/**
 * Limits the memory of one process for responses that clients do not read: HTTP responses, streams and WebSockets. It
 * checks once a second, and at once after many new bytes. It refuses no requests. Above a limit it closes the responses
 * that have waited longest: of that client, of all clients without a key, or of all clients.
 */
export function createPendingBytes({ clock, config, metrics, logger }: PendingDeps): PendingBytes {
  const sendings = new Map<PendingOutput, Progress>();
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

  /** Closes the responses that have waited longest until the rest is within `maxBytes`. */
  function holdTo(maxBytes: number, waiting: readonly (readonly [PendingOutput, Progress])[]): void {
    const left = waiting.filter(([sending]) => sendings.has(sending));
    let total = left.reduce((sum, [, { bytes }]) => sum + bytes, 0);
    if (total <= maxBytes) return;
    for (const [sending, { bytes }] of left.toSorted(([, a], [, b]) => a.waitingSince - b.waitingSince)) {
      if (total <= maxBytes) return;
      cut(sending, 'too much');
      total -= bytes;
    }
  }

  function cut(sending: PendingOutput, reason: CutReason): void {
    const progress = sendings.get(sending);
    if (!sendings.delete(sending)) return;
    metrics.cutResponses.inc({ reason });
    logger.info(
      { client: sending.client.name, bytes: progress?.bytes, reason },
      'closed a response that its client does not read',
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

function update({ connection, countBytes }: PendingOutput, progress: Progress, now: number): void {
  const bytes = countBytes();
  if (progress.bytes === 0) progress.waitingSince = now;
  progress.bytes = bytes;
  const taken = connection.bytesWritten - connection.writableLength;
  if (bytes === 0 || taken !== progress.taken) Object.assign(progress, { taken, takenAt: now });
}
