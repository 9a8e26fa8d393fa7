import { randomUUID } from 'node:crypto';
import type { AnnouncementKind, Announcements } from '../announcements.ts';
import type { Channels } from './channels.ts';
import type { CommandBatcher } from './command-batcher.ts';
import type { RedisLink } from './link.ts';

/** The channel that every process subscribes to as long as it runs. */
export const ANNOUNCEMENT_CHANNEL = 'announcements';

const MISSED_INTERVAL_MS = 10_000;

/**
 * Creates the announcements of processes that share a Redis. While Redis is unavailable, announcements are dropped,
 * because they may be meaningless later. When it is available again, the other processes are notified that they missed
 * some.
 */
export function createRedisAnnouncements(
  link: RedisLink,
  channels: Channels,
  batcher: CommandBatcher,
): Announcements & { close(): void } {
  const senderId = randomUUID().slice(0, 8);
  const listeners = new Map<AnnouncementKind, Set<(text: string) => void>>();
  const missedListeners = new Set<() => void>();
  const channelName = link.nameOf(ANNOUNCEMENT_CHANNEL);
  let pending: string[] = [];
  let hasDropped = false;

  const requestFlush = batcher.add({
    addCommands(batch) {
      for (const message of pending) batch.publish(channelName, message);
      pending = [];
      if (hasDropped) batch.publish(channelName, `${senderId} missed `);
      hasDropped = false;
    },
    handleReplies(replies) {
      hasDropped ||= replies.some(([error]) => error !== null);
    },
  });

  const notifyMissed = () => {
    for (const listener of missedListeners) link.notify(listener, undefined);
  };
  channels.subscribe(ANNOUNCEMENT_CHANNEL, {
    onMessage(message) {
      const { sender, kind = '', text = '' } = /^(?<sender>\S+) (?<kind>\S+) (?<text>.*)$/s.exec(message)?.groups ?? {};
      if (sender === senderId) return;
      if (kind === 'missed') notifyMissed();
      for (const listener of listeners.get(kind as AnnouncementKind) ?? []) link.notify(listener, text);
    },
    onGap: notifyMissed,
  });
  const timer = setInterval(() => {
    if (!link.isUp) notifyMissed();
  }, MISSED_INTERVAL_MS).unref();

  return {
    announce(kind, text) {
      if (link.isUp) pending.push(`${senderId} ${kind} ${text}`);
      else hasDropped = true;
      requestFlush();
    },
    on: (kind, listener) => void listeners.set(kind, (listeners.get(kind) ?? new Set()).add(listener)),
    onMissed: (listener) => void missedListeners.add(listener),
    close: () => clearInterval(timer),
  };
}
