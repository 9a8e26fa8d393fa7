import type { LiveTexts } from '../live-texts.ts';
import type { Channels } from './channels.ts';
import type { CommandBatcher } from './command-batcher.ts';
import type { RedisLink } from './link.ts';
import { createTextMirrors } from './text-mirrors.ts';
import { createTextWriter } from './text-writer.ts';

/**
 * Creates the live texts of processes that share a Redis. The generating process stores the full answer in Redis and
 * publishes each delta. Another process first subscribes to the channel, then reads the full answer, then appends the
 * deltas.
 * @param wake signals a topic in this process only.
 */
export function createRedisTexts(
  link: RedisLink,
  channels: Channels,
  batcher: CommandBatcher,
  wake: (topic: string) => void,
): LiveTexts & { close(): void } {
  return { ...createTextWriter(link, batcher), ...createTextMirrors(link, channels, wake) };
}
