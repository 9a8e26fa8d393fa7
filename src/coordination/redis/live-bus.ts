import { randomUUID } from 'node:crypto';
import { type ChangeHint, createMemoryBus, type LiveBus, POLL_INTERVAL_MS } from '../live-bus.ts';
import type { Channels } from './channels.ts';
import type { RedisLink } from './link.ts';
import type { Outbox } from './outbox.ts';

/** A bus whose signals reach other processes. */
export interface RedisBus extends LiveBus {
  /** Wakes the listeners of this process only. */
  wake(topic: string, news?: ChangeHint): void;
}

/** How long a reader waits while every signal reaches it: only one that Redis itself loses is found out so late. */
const PATIENCE_MS = 5_000;

/**
 * Makes a bus that many processes share. Those who listen in the process of the news are woken as by the bus in memory,
 * Redis or no Redis; others by a message on the topic's channel. A process hears only the topics that someone listens to
 * there; they are woken once when it begins to hear, and whenever something may have been missed.
 */
export function createRedisBus(link: RedisLink, channels: Channels, outbox: Outbox): RedisBus {
  const self = randomUUID().slice(0, 8);
  const local = createMemoryBus(link.logger);
  const heard = new Map<string, { count: number; leave: () => void }>();
  const dirty = new Map<string, ChangeHint>();
  let told: [topic: string, news: ChangeHint][] = [];
  const haveNews = outbox.add({
    fill(batch) {
      told = [...dirty];
      dirty.clear();
      for (const [topic, news] of told) batch.publish(link.nameOf(channelOf(topic)), `${self} ${news}`);
    },
    settle(replies) {
      for (const [index, [topic, news]] of told.entries()) if (replies[index]?.[0]) note(topic, news);
    },
  });

  function note(topic: string, news: ChangeHint): void {
    if (dirty.get(topic) !== 'anything') dirty.set(topic, news);
  }

  function hear(topic: string) {
    const onMessage = (text: string) => {
      const [sender, news] = text.split(' ');
      if (sender !== self) local.publish(topic, news === 'text' ? news : 'anything');
    };
    return { count: 0, leave: channels.join(channelOf(topic), { onMessage, onGap: () => local.publish(topic) }) };
  }

  return {
    publish(topic, news = 'anything') {
      local.publish(topic, news);
      // Who missed it looks by itself, and all do when Redis is back.
      if (!link.isUp) return;
      note(topic, news);
      haveNews();
    },

    subscribe(topic, listener) {
      const unsubscribe = local.subscribe(topic, listener);
      const hearing = heard.get(topic) ?? hear(topic);
      heard.set(topic, hearing);
      hearing.count++;
      let isListening = true;
      return () => {
        unsubscribe();
        if (!isListening) return;
        isListening = false;
        hearing.count--;
        if (hearing.count > 0) return;
        heard.delete(topic);
        hearing.leave();
      };
    },

    wake: local.publish,

    get maxWaitMs() {
      return link.isUp ? PATIENCE_MS : POLL_INTERVAL_MS;
    },

    get size() {
      return local.size;
    },
  };
}

const channelOf = (topic: string): string => `news:${topic}`;
