import type { RedisLink } from './link.ts';

/** A listener of a channel. Its functions must not use `this`. */
export interface ChannelListener {
  onMessage(message: string): void;
  /**
   * Called when messages may have been missed: when the subscription is established, when it is lost, and once for a
   * listener that joins an established subscription.
   */
  onGap(): void;
}

/** The Redis channels that this process subscribes to. */
export interface Channels {
  /** Subscribes to a channel, as its only listener in this process, until the returned function is called. */
  subscribe(name: string, listener: ChannelListener): () => void;
}

interface Channel {
  listener: ChannelListener | undefined;
  state: 'new' | 'requested' | 'established';
}

/** How long a subscription without a listener is kept: clients often leave a conversation and return. */
const LINGER_MS = 1_000;

/**
 * Creates the channels of a link. One command subscribes to all channels that got a listener in one turn of the
 * event loop.
 */
export function createChannels(link: RedisLink): Channels {
  const { subscriber, notify } = link;
  const channels = new Map<string, Channel>();
  let isSubscribeScheduled = false;
  let isUnsubscribeScheduled = false;

  function subscribePending(): void {
    isSubscribeScheduled = false;
    if (!link.isUp) return;
    const requested = [...channels].filter(([, { state, listener }]) => state === 'new' && listener !== undefined);
    if (requested.length === 0) return;
    for (const [, channel] of requested) channel.state = 'requested';
    subscriber.subscribe(...requested.map(([name]) => name)).then(
      () => {
        for (const [, channel] of requested) {
          if (channel.state !== 'requested') continue;
          channel.state = 'established';
          if (channel.listener) notify(channel.listener.onGap, undefined);
        }
      },
      // The state of the subscriptions is unknown now, so a new connection starts from scratch.
      () => subscriber.stream.destroy(),
    );
  }

  function unsubscribeIdle(): void {
    isUnsubscribeScheduled = false;
    const idle = [...channels].filter(([, { listener }]) => listener === undefined);
    for (const [name] of idle) channels.delete(name);
    const names = idle.filter(([, { state }]) => state !== 'new').map(([name]) => name);
    if (names.length > 0 && link.isUp) subscriber.unsubscribe(...names).catch(() => subscriber.stream.destroy());
  }

  function release(channel: Channel): void {
    channel.listener = undefined;
    if (isUnsubscribeScheduled) return;
    isUnsubscribeScheduled = true;
    setTimeout(unsubscribeIdle, LINGER_MS).unref();
  }

  subscriber.on('message', (name: string, message: string) => {
    const listener = channels.get(name)?.listener;
    if (listener) notify(listener.onMessage, message);
  });
  link.onChange((isUp) => {
    for (const channel of channels.values()) {
      channel.state = 'new';
      if (!isUp && channel.listener) notify(channel.listener.onGap, undefined);
    }
    if (isUp) subscribePending();
  });

  return {
    subscribe(name, listener) {
      const existing = channels.get(link.nameOf(name));
      const channel: Channel = existing ?? { listener, state: 'new' };
      channel.listener = listener;
      channels.set(link.nameOf(name), channel);
      if (channel.state === 'established') {
        setImmediate(() => {
          if (channel.listener === listener && channel.state === 'established') notify(listener.onGap, undefined);
        });
      } else if (!isSubscribeScheduled) {
        isSubscribeScheduled = true;
        setImmediate(subscribePending);
      }
      return () => {
        if (channel.listener === listener) release(channel);
      };
    },
  };
}
