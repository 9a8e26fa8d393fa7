import { randomUUID } from 'node:crypto';
import { type ChangeHint, createMemoryBus, type LiveBus, POLL_INTERVAL_MS } from '../live-bus.ts';
import type { Channels } from './channels.ts';
import type { RedisLink } from './link.ts';
import type { Outbox } from './outbox.ts';

/** A bus whose signals reach other processes. */
export interface RedisBus extends LiveBus {
  /** Wakes the listeners of this process only. */
  wake(topic: string, hint?: ChangeHint): void;
}

/** The maximum wait of a listener while every signal arrives: it finds a signal that Redis itself loses this late. */
const MAX_WAIT_MS = 5_000;

/**
 * Creates a bus that several processes share. The in-memory bus wakes listeners in the same process, with or without
 * Redis; a message on the topic's channel wakes those in other processes. A process subscribes only to topics with
 * listeners; it wakes them once when the subscription starts, and whenever a signal may have been missed.
 */
export function createRedisBus(link: RedisLink, channels: Channels, outbox: Outbox): RedisBus {
  const self = randomUUID().slice(0, 8);
  const local = createMemoryBus(link.logger);
  const heard = new Map<string, { count: number; leave: () => void }>();
  const dirty = new Map<string, ChangeHint>();
  let pending: [topic: string, news: ChangeHint][] = [];
  const haveNews = outbox.add({
    fill(batch) {
      pending = [...dirty];
      dirty.clear();
      for (const [topic, hint] of pending) batch.publish(link.nameOf(channelOf(topic)), `${self} ${hint}`);
    },
    settle(replies) {
      for (const [index, [topic, hint]] of pending.entries()) if (replies[index]?.[0]) note(topic, hint);
    },
  });

  function note(topic: string, hint: ChangeHint): void {
    if (dirty.get(topic) !== 'anything') dirty.set(topic, hint);
  }

  function hear(topic: string) {
    const onMessage = (text: string) => {
      const [sender, hint] = text.split(' ');
      if (sender !== self) local.publish(topic, hint === 'text' ? hint : 'anything');
    };
    return { count: 0, leave: channels.subscribe(channelOf(topic), { onMessage, onGap: () => local.publish(topic) }) };
  }

  return {
    publish(topic, hint = 'anything') {
      local.publish(topic, hint);
      // Listeners that miss it read by themselves; all do when Redis is back.
      if (!link.isUp) return;
      note(topic, hint);
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
      return link.isUp ? MAX_WAIT_MS : POLL_INTERVAL_MS;
    },

    get size() {
      return local.size;
    },
  };
}

const channelOf = (topic: string): string => `news:${topic}`;
