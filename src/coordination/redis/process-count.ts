import { ANNOUNCEMENT_CHANNEL } from './announcements.ts';
import type { RedisLink } from './link.ts';

/** The number of processes that share a Redis. */
export interface ProcessCount {
  /** The last known number; 2 before the first count, because an installation with Redis usually has several. */
  count(): number;
  close(): void;
}

const INTERVAL_MS = 5_000;

/** Counts the processes every five seconds, by their subscriptions to the announcements. */
export function watchProcessCount(link: RedisLink): ProcessCount {
  const channel = link.nameOf(ANNOUNCEMENT_CHANNEL);
  let count = 2;

  async function refresh(): Promise<void> {
    if (!link.isUp) return;
    const [, listeners] = (await link.commands.pubsub('NUMSUB', channel)) as [string, number];
    // Just after a restart of Redis, some processes have not reconnected yet.
    count = Math.max(1, listeners);
  }

  const timer = setInterval(() => void refresh().catch(() => {}), INTERVAL_MS).unref();
  return { count: () => count, close: () => clearInterval(timer) };
}
