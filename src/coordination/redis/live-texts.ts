import type { LiveTexts } from '../live-texts.ts';
import type { Channels } from './channels.ts';
import type { RedisLink } from './link.ts';
import type { Outbox } from './outbox.ts';
import { createTextMirrors } from './text-mirrors.ts';
import { createTextWriter } from './text-writer.ts';

/**
 * Makes the texts of all who share a Redis. The writer keeps the whole of an answer there, and tells what is new of it;
 * a reader hears the channel first, then takes the whole, then what is told.
 * @param wake signals a topic in this process.
 */
export function createRedisTexts(
  link: RedisLink,
  channels: Channels,
  outbox: Outbox,
  wake: (topic: string) => void,
): LiveTexts & { close(): void } {
  return { ...createTextWriter(link, outbox), ...createTextMirrors(link, channels, wake) };
}
