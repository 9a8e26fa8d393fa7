import { ANNOUNCEMENTS } from './announcements.ts';
import type { RedisLink } from './link.ts';

/** How many processes share a Redis. */
export interface ProcessCount {
  /** As many as there were when it was last asked; at least 2 before that, because who has a Redis is seldom alone. */
  count(): number;
  close(): void;
}

const INTERVAL_MS = 5_000;

/** Counts the processes every few seconds: each listens to announcements for as long as it lives. */
export function watchProcessCount(link: RedisLink): ProcessCount {
  const channel = link.nameOf(ANNOUNCEMENTS);
  let count = 2;

  async function look(): Promise<void> {
    if (!link.isUp) return;
    const [, listeners] = (await link.commands.pubsub('NUMSUB', channel)) as [string, number];
    // Just after Redis was started not all have come back.
    count = Math.max(1, listeners);
  }

  const timer = setInterval(() => void look().catch(() => {}), INTERVAL_MS).unref();
  return { count: () => count, close: () => clearInterval(timer) };
}
