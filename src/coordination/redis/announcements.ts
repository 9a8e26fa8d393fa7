import { randomUUID } from 'node:crypto';
import type { AnnouncementKind, Announcements } from '../announcements.ts';
import type { Channels } from './channels.ts';
import type { RedisLink } from './link.ts';
import type { Outbox } from './outbox.ts';

/** The channel that every process subscribes to for its whole life. */
export const ANNOUNCEMENTS = 'announcements';

const LOOK_AGAIN_MS = 10_000;

/**
 * Creates the announcements of processes that share a Redis. While Redis is unavailable announcements are dropped: they
 * may be meaningless later. When it is available again, the other processes are notified that they have missed some.
 */
export function createRedisAnnouncements(
  link: RedisLink,
  channels: Channels,
  outbox: Outbox,
): Announcements & { close(): void } {
  const self = randomUUID().slice(0, 8);
  const listeners = new Map<AnnouncementKind, Set<(text: string) => void>>();
  const missing = new Set<() => void>();
  const full = link.nameOf(ANNOUNCEMENTS);
  let waiting: string[] = [];
  let hasDropped = false;

  const haveNews = outbox.add({
    fill(batch) {
      for (const message of waiting) batch.publish(full, message);
      waiting = [];
      if (hasDropped) batch.publish(full, `${self} missed `);
      hasDropped = false;
    },
    settle(replies) {
      hasDropped ||= replies.some(([error]) => error !== null);
    },
  });

  const tellMissed = () => {
    for (const listener of missing) link.notify(listener, undefined);
  };
  channels.subscribe(ANNOUNCEMENTS, {
    onMessage(message) {
      const { sender, kind = '', text = '' } = /^(?<sender>\S+) (?<kind>\S+) (?<text>.*)$/s.exec(message)?.groups ?? {};
      if (sender === self) return;
      if (kind === 'missed') tellMissed();
      for (const listener of listeners.get(kind as AnnouncementKind) ?? []) link.notify(listener, text);
    },
    onGap: tellMissed,
  });
  const timer = setInterval(() => {
    if (!link.isUp) tellMissed();
  }, LOOK_AGAIN_MS).unref();

  return {
    announce(kind, text) {
      if (link.isUp) waiting.push(`${self} ${kind} ${text}`);
      else hasDropped = true;
      haveNews();
    },
    on: (kind, listener) => void listeners.set(kind, (listeners.get(kind) ?? new Set()).add(listener)),
    onMissed: (listener) => void missing.add(listener),
    close: () => clearInterval(timer),
  };
}
