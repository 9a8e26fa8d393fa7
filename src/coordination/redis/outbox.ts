import type { ChainableCommander } from 'ioredis';
import type { RedisLink } from './link.ts';

/** What Redis says to one command. */
export type Reply = readonly [error: Error | null, result: unknown];

/** One who has something to tell other processes now and then, by functions without `this`. */
export interface Sender {
  /** Puts what there is to tell into a batch, and forgets it. */
  fill(batch: ChainableCommander): void;
  /** Hears what became of it, a reply to each command; before the next `fill`. */
  settle(replies: readonly Reply[]): void;
}

/** What this process tells others, gathered. */
export interface Outbox {
  /** Adds a sender: they are asked in the order in which they were added. @returns a function that says it has news. */
  add(sender: Sender): () => void;
  /** Sends what there is, and resolves when it was answered; within a second. */
  flush(): Promise<void>;
}

const MAX_PAUSE_MS = 20;

/**
 * Makes the outbox of a link. News go out at once; a batch that took X ms until it was answered is followed by a pause of X ms,
 * at most 20, so that under load batches become fewer and larger. There is never more than one under way, so that nothing
 * piles up before a Redis that is slow; while it is away nobody is asked, and all are when it is back.
 */
export function createOutbox(link: RedisLink): Outbox {
  const senders: Sender[] = [];
  let restUntil = 0;
  let isScheduled = false;
  let sending: Promise<void> | undefined;
  let isWaiting = false;
  let isRefused = false;

  async function send(): Promise<void> {
    const batch = link.commands.pipeline();
    const ends = senders.map((sender) => {
      link.notify(sender.fill, batch);
      return batch.length;
    });
    if (batch.length === 0) return;
    const replies = await execute(batch);
    let start = 0;
    for (const [index, sender] of senders.entries()) {
      const end = ends[index] ?? start;
      if (end > start) link.notify(sender.settle, replies.slice(start, end));
      start = end;
    }
  }

  /** A batch that is rejected as a whole is one whose every command failed: the senders tell it again with what comes next. */
  async function execute(batch: ChainableCommander): Promise<readonly Reply[]> {
    const { length } = batch;
    try {
      const replies = await batch.exec();
      isRefused = false;
      return replies ?? [];
    } catch (err) {
      if (!isRefused) link.logger.error({ err }, 'Redis refused a batch; going on');
      isRefused = true;
      return Array.from({ length }, (): Reply => [err as Error, null]);
    }
  }

  async function flush(): Promise<void> {
    isScheduled = false;
    await sending;
    if (!isWaiting || !link.isUp) return;
    isWaiting = false;
    const startedAt = performance.now();
    sending = send();
    await sending;
    sending = undefined;
    const now = performance.now();
    restUntil = now + Math.min(now - startedAt, MAX_PAUSE_MS);
    if (isWaiting) schedule();
  }

  function schedule(): void {
    isWaiting = true;
    if (isScheduled || sending !== undefined || !link.isUp) return;
    isScheduled = true;
    const rest = restUntil - performance.now();
    if (rest > 1) setTimeout(flush, rest);
    else setImmediate(flush);
  }

  link.onChange((isUp) => {
    if (isUp) schedule();
  });

  return {
    add(sender) {
      senders.push(sender);
      return schedule;
    },
    flush,
  };
}
