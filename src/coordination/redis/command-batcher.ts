import type { ChainableCommander } from 'ioredis';
import type { RedisLink } from './link.ts';

/** The reply of Redis to one command. */
export type RedisReply = readonly [error: Error | null, result: unknown];

/** A source of Redis commands. Its functions must not use `this`. */
export interface CommandSource {
  /** Adds the pending commands to a batch, and clears them. */
  addCommands(batch: ChainableCommander): void;
  /** Receives the reply to each of its commands, before the next `addCommands`. */
  handleReplies(replies: readonly RedisReply[]): void;
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
 * Creates the batcher of a link. It sends commands at once, except during a pause: a batch whose replies took X ms is
 * followed by a pause of X ms, at most 20, so that under load batches become fewer and larger. One batch is in progress
 * at a time, so commands do not queue up in front of a slow Redis. While Redis is unavailable, the batcher calls no
 * source; when Redis is back, it calls all of them.
 */
export function createCommandBatcher(link: RedisLink): CommandBatcher {
  const sources: CommandSource[] = [];
  let pauseUntil = 0;
  let isScheduled = false;
  let sending: Promise<void> | undefined;
  let isRequested = false;
  let isRefusalLogged = false;

  async function send(): Promise<void> {
    const batch = link.commands.pipeline();
    const ends = sources.map((source) => {
      link.notify(source.addCommands, batch);
      return batch.length;
    });
    if (batch.length === 0) return;
    const replies = await execute(batch);
    let start = 0;
    for (const [index, source] of sources.entries()) {
      const end = ends[index] ?? start;
      if (end > start) link.notify(source.handleReplies, replies.slice(start, end));
      start = end;
    }
  }

  /** If Redis rejects the whole batch, every command counts as failed: the sources retry with their next commands. */
  async function execute(batch: ChainableCommander): Promise<readonly RedisReply[]> {
    const { length } = batch;
    try {
      const replies = await batch.exec();
      isRefusalLogged = false;
      return replies ?? [];
    } catch (err) {
      if (!isRefusalLogged) link.logger.error({ err }, 'Redis refused a batch; continuing without it');
      isRefusalLogged = true;
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
