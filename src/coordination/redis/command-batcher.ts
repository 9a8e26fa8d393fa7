import type { ChainableCommander } from 'ioredis';
import type { RedisLink } from './link.ts';

/** The reply of Redis to one command. */
export type RedisReply = readonly [error: Error | null, result: unknown];

/** A source of Redis commands. Its functions are called without a `this`. */
export interface CommandSource {
  /** Adds the pending commands to a batch, and clears them. */
  fill(batch: ChainableCommander): void;
  /** Receives a reply to each command, before the next `fill`. */
  settle(replies: readonly RedisReply[]): void;
}

/** The commands of this process, collected into batches. */
export interface CommandBatcher {
  /**
   * Adds a source; sources fill a batch in the order in which they were added.
   * @returns a function that requests a batch.
   */
  add(source: CommandSource): () => void;
  /** Sends the pending commands. Resolves when Redis has replied to them, or after a second without replies. */
  flush(): Promise<void>;
}

const MAX_PAUSE_MS = 20;

/**
 * Creates the batcher of a link. Commands are sent immediately; a batch whose replies took X ms is followed by a pause
 * of X ms, at most 20, so that under load batches become fewer and larger. One batch is in progress at a time, so
 * commands do not queue up in front of a slow Redis. While Redis is unavailable, no source is called; when it is back,
 * all are.
 */
export function createCommandBatcher(link: RedisLink): CommandBatcher {
  const sources: CommandSource[] = [];
  let pauseUntil = 0;
  let isScheduled = false;
  let sending: Promise<void> | undefined;
  let isRequested = false;
  let isRefused = false;

  async function send(): Promise<void> {
    const batch = link.commands.pipeline();
    const ends = sources.map((source) => {
      link.notify(source.fill, batch);
      return batch.length;
    });
    if (batch.length === 0) return;
    const replies = await execute(batch);
    let start = 0;
    for (const [index, source] of sources.entries()) {
      const end = ends[index] ?? start;
      if (end > start) link.notify(source.settle, replies.slice(start, end));
      start = end;
    }
  }

  /** If Redis rejects the whole batch, every command counts as failed: the sources retry with their next commands. */
  async function execute(batch: ChainableCommander): Promise<readonly RedisReply[]> {
    const { length } = batch;
    try {
      const replies = await batch.exec();
      isRefused = false;
      return replies ?? [];
    } catch (err) {
      if (!isRefused) link.logger.error({ err }, 'Redis refused a batch; continuing without it');
      isRefused = true;
      return Array.from({ length }, (): RedisReply => [err as Error, null]);
    }
  }

  async function flush(): Promise<void> {
    isScheduled = false;
    await sending;
    if (!isRequested || !link.isUp) return;
    isRequested = false;
    const startedAt = performance.now();
    sending = send();
    await sending;
    sending = undefined;
    const now = performance.now();
    pauseUntil = now + Math.min(now - startedAt, MAX_PAUSE_MS);
    if (isRequested) schedule();
  }

  function schedule(): void {
    isRequested = true;
    if (isScheduled || sending !== undefined || !link.isUp) return;
    isScheduled = true;
    const pauseMs = pauseUntil - performance.now();
    if (pauseMs > 1) setTimeout(flush, pauseMs);
    else setImmediate(flush);
  }

  link.onChange((isUp) => {
    if (isUp) schedule();
  });

  return {
    add(source) {
      sources.push(source);
      return schedule;
    },
    flush,
  };
}
