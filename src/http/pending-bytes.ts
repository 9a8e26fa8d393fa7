import type { Socket } from 'node:net';
import type { Deps } from '../deps.ts';

/** A response or a socket whose bytes may be buffered in memory until the client reads them. */
export interface PendingOutput {
  /** The connection that sends the output. */
  readonly connection: Socket;
  /** The client to whose limit the output is charged: a key, or the network of an address if no key is known. */
  readonly client: Client;
  /** Counts the bytes that the connection has not sent yet. */
  countBytes(): number;
  /** The maximum number of buffered bytes of this output; absent: the output has no limit of its own. */
  readonly maxBytes?: number;
  /** Closes the output: `stalled` after 30 seconds without progress, `too much` above a limit. */
  close(reason: CloseReason): void;
}

/** The client to whose limit buffered bytes are charged. Clients without a key share a quarter of the total limit. */
export interface Client {
  readonly name: string;
  readonly hasKey: boolean;
}

/** The reason why a response was closed; also its label in the metrics. */
export type CloseReason = 'stalled' | 'too much';

/** Limits the bytes buffered in memory for clients. */
export interface PendingBytes {
  /** Watches an output until the returned function is called. */
  watch(output: PendingOutput): () => void;
  /** Counts newly buffered bytes; after many of them, checks the limits at once. */
  addBytes(bytes: number): void;
  /** Stops checking the limits. */
  close(): void;
}

/** A client's progress in reading a response. */
interface Progress {
  bytes: number;
  /** The time since when bytes have been buffered; meaningless while `bytes` is 0. */
  waitingSince: number;
  /** The number of bytes that the connection has sent, and the time when that number last grew. */
  sentBytes: number;
  lastSentAt: number;
}

const STALL_MS = 30_000;
const CHECK_MS = 1_000;
/** When the newly buffered bytes exceed this share of the total limit, the limits are checked at once. */
const CHECK_SHARE = 1 / 16;
const SHARE_WITHOUT_KEY = 1 / 4;

/**
 * Limits the memory of one process for responses that clients do not read: HTTP responses, streams and WebSockets. It
 * checks once a second, and at once after many new bytes. It refuses no requests. Above a limit it closes the responses
 * that have been buffered longest: among those of the client, of all clients without a key, or of all clients.
 */
export function createPendingBytes({ clock, config, metrics, logger }: PendingDeps): PendingBytes {
  const outputs = new Map<PendingOutput, Progress>();
  const timer = setInterval(check, CHECK_MS).unref();
  let newBytes = 0;

  function check(): void {
    newBytes = 0;
    const now = clock.monotonicMs();
    for (const [output, progress] of outputs) {
      update(output, progress, now);
      if (now - progress.lastSentAt >= STALL_MS) closeOutput(output, 'stalled');
      else if (progress.bytes > (output.maxBytes ?? Number.POSITIVE_INFINITY)) closeOutput(output, 'too much');
    }
    const waiting = [...outputs].filter(([, { bytes }]) => bytes > 0);
    for (const ofClient of Map.groupBy(waiting, ([{ client }]) => client.name).values()) {
      enforceLimit(config.maxPendingBytesPerClient, ofClient);
    }
    const withoutKey = waiting.filter(([{ client }]) => !client.hasKey);
    enforceLimit(config.maxPendingBytes * SHARE_WITHOUT_KEY, withoutKey);
    enforceLimit(config.maxPendingBytes, waiting);
    let total = 0;
    for (const { bytes } of outputs.values()) total += bytes;
    metrics.pendingBytes.set(total);
  }

  /** Closes the responses that have been buffered longest until the others are within `maxBytes`. */
  function enforceLimit(maxBytes: number, waiting: readonly (readonly [PendingOutput, Progress])[]): void {
    const open = waiting.filter(([output]) => outputs.has(output));
    let total = open.reduce((sum, [, { bytes }]) => sum + bytes, 0);
    if (total <= maxBytes) return;
    for (const [output, { bytes }] of open.toSorted(([, a], [, b]) => a.waitingSince - b.waitingSince)) {
      if (total <= maxBytes) return;
      closeOutput(output, 'too much');
      total -= bytes;
    }
  }

  function closeOutput(output: PendingOutput, reason: CloseReason): void {
    const progress = outputs.get(output);
    if (!outputs.delete(output)) return;
    metrics.closedResponses.inc({ reason });
    logger.info(
      { client: output.client.name, bytes: progress?.bytes, reason },
      'closed a response that its client does not read',
    );
    output.close(reason);
  }

  return {
    watch(output) {
      const now = clock.monotonicMs();
      outputs.set(output, { bytes: 0, waitingSince: now, sentBytes: 0, lastSentAt: now });
      return () => outputs.delete(output);
    },

    addBytes(bytes) {
      newBytes += bytes;
      if (newBytes > config.maxPendingBytes * CHECK_SHARE) check();
    },

    close: () => clearInterval(timer),
  };
}

type PendingDeps = Pick<Deps, 'clock' | 'config' | 'logger' | 'metrics'>;

function update({ connection, countBytes }: PendingOutput, progress: Progress, now: number): void {
  const bytes = countBytes();
  if (progress.bytes === 0) progress.waitingSince = now;
  progress.bytes = bytes;
  const sentBytes = connection.bytesWritten - connection.writableLength;
  if (bytes === 0 || sentBytes !== progress.sentBytes) Object.assign(progress, { sentBytes, lastSentAt: now });
}
