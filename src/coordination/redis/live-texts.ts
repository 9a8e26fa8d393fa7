import type { LiveTexts } from '../live-texts.ts';
import type { Channels } from './channels.ts';
import type { RedisLink } from './link.ts';
import type { Outbox } from './outbox.ts';
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
  outbox: Outbox,
  wake: (topic: string) => void,
): LiveTexts & { close(): void } {
  return { ...createTextWriter(link, outbox), ...createTextMirrors(link, channels, wake) };
}
