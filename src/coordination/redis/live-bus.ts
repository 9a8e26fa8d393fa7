import { randomUUID } from 'node:crypto';
import { type ChangeHint, createMemoryBus, type LiveBus, POLL_INTERVAL_MS } from '../live-bus.ts';
import type { Channels } from './channels.ts';
import type { CommandBatcher } from './command-batcher.ts';
import type { RedisLink } from './link.ts';

/** A bus whose signals reach other processes. */
export interface RedisBus extends LiveBus {
  /** Wakes the listeners of this process only. */
  wake(topic: string, hint?: ChangeHint): void;
}

/** The maximum wait of a listener while Redis is available, and so its delay when Redis loses a signal. */
const MAX_WAIT_MS = 5_000;

/**
 * Creates a bus that several processes share. The in-memory bus wakes listeners in the same process, with or without
 * Redis; a message on the topic's channel wakes those in other processes. A process subscribes only to topics with
 * listeners; it wakes these once when the subscription starts, and whenever they may have missed a signal.
 */
export function createRedisBus(link: RedisLink, channels: Channels, batcher: CommandBatcher): RedisBus {
  const senderId = randomUUID().slice(0, 8);
  const local = createMemoryBus(link.logger);
  const subscriptions = new Map<string, { listenerCount: number; unsubscribe: () => void }>();
  const dirty = new Map<string, ChangeHint>();
  let pending: [topic: string, hint: ChangeHint][] = [];
  const requestFlush = batcher.add({
    addCommands(batch) {
      pending = [...dirty];
      dirty.clear();
      for (const [topic, hint] of pending) batch.publish(link.nameOf(channelOf(topic)), `${senderId} ${hint}`);
    },
    handleReplies(replies) {
      for (const [index, [topic, hint]] of pending.entries()) if (replies[index]?.[0]) markDirty(topic, hint);
    },
  });

  function markDirty(topic: string, hint: ChangeHint): void {
    if (dirty.get(topic) !== 'anything') dirty.set(topic, hint);
  }

  function subscribeTopic(topic: string) {
    const onMessage = (text: string) => {
      const [sender, hint] = text.split(' ');
      if (sender !== senderId) local.publish(topic, hint === 'text' ? hint : 'anything');
    };
    const onGap = () => local.publish(topic);
    return { listenerCount: 0, unsubscribe: channels.subscribe(channelOf(topic), { onMessage, onGap }) };
  }

  return {
    publish(topic, hint = 'anything') {
      local.publish(topic, hint);
      // Listeners in other processes read without a signal meanwhile, and are woken when Redis is back.
      if (!link.isUp) return;
      markDirty(topic, hint);
      requestFlush();
    },

    subscribe(topic, listener) {
      const unsubscribe = local.subscribe(topic, listener);
      const subscription = subscriptions.get(topic) ?? subscribeTopic(topic);
      subscriptions.set(topic, subscription);
      subscription.listenerCount++;
      let isListening = true;
      return () => {
        unsubscribe();
        if (!isListening) return;
        isListening = false;
        subscription.listenerCount--;
        if (subscription.listenerCount > 0) return;
        subscriptions.delete(topic);
        subscription.unsubscribe();
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
