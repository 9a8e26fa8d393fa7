import type { Logger } from 'pino';
import type { Clock } from '../domain/time.ts';
import { type Announcements, createMemoryAnnouncements } from './announcements.ts';
import { createMemoryBus, type LiveBus } from './live-bus.ts';
import { createMemoryTexts, type LiveTexts } from './live-texts.ts';
import { createMemoryRateLimiter, type RateLimiter } from './rate-limiter.ts';
import { createRedisAnnouncements } from './redis/announcements.ts';
import { createChannels } from './redis/channels.ts';
import { createCommandBatcher } from './redis/command-batcher.ts';
import { openRedis, type RedisOptions } from './redis/link.ts';
import { createRedisBus } from './redis/live-bus.ts';
import { createRedisTexts } from './redis/live-texts.ts';
import { watchProcessCount } from './redis/process-count.ts';
import { createRedisRateLimiter } from './redis/rate-limiter.ts';

/** The services through which several processes coordinate their work. */
export interface Coordination {
  readonly bus: LiveBus;
  readonly liveTexts: LiveTexts;
  readonly announcements: Announcements;
  readonly limiter: RateLimiter;
  /** Whether the processes can reach each other; absent for a single process. */
  readonly isUp?: () => boolean;
  /** Sends pending announcements, and closes the connections. */
  close(): Promise<void>;
}

/** Creates the coordination of a single process. */
export function createMemoryCoordination(clock: Clock, logger?: Logger): Coordination {
  return {
    bus: createMemoryBus(logger),
    liveTexts: createMemoryTexts(),
    announcements: createMemoryAnnouncements(),
    limiter: createMemoryRateLimiter(clock),
    async close() {},
  };
}

/**
 * Opens the coordination of processes that share a Redis. Redis only makes changes visible sooner: without it each
 * process continues alone, and the store has all data.
 * @param rateLimitTimeoutMs how long the limiter waits for Redis; absent: 50.
 * @throws StartupError when Redis refuses the credentials.
 */
export async function openRedisCoordination(
  clock: Clock,
  { rateLimitTimeoutMs, ...options }: RedisOptions & { rateLimitTimeoutMs?: number },
): Promise<Coordination> {
  const link = await openRedis(options);
  const channels = createChannels(link);
  const batcher = createCommandBatcher(link);
  // The batcher sends in the order of these calls, so that a signal follows the data that it announces.
  const announcements = createRedisAnnouncements(link, channels, batcher);
  const liveTexts = createRedisTexts(link, channels, batcher, (topic) => bus.wake(topic, 'text'));
  const bus = createRedisBus(link, channels, batcher);
  const processes = watchProcessCount(link);
  return {
    bus,
    liveTexts,
    announcements,
    limiter: createRedisRateLimiter(link, { clock, countProcesses: processes.count, timeoutMs: rateLimitTimeoutMs }),
    isUp: () => link.isUp,
    async close() {
      await batcher.flush();
      for (const part of [processes, liveTexts, announcements, link]) part.close();
    },
  };
}
