import type { RedisLink } from './link.ts';

/** A listener of a channel; its functions use no `this`. */
export interface ChannelListener {
  onMessage(message: string): void;
  /**
   * Messages may have been missed. Called once all messages arrive from now on, which a new listener also waits for,
   * and when that ends.
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
  state: 'new' | 'asked' | 'heard';
}

/** How long a subscription without a listener stays: readers of a conversation often leave and return. */
const LINGER_MS = 1_000;

/** Creates the channels of a link. One command subscribes to all channels joined in one turn of the event loop. */
export function createChannels(link: RedisLink): Channels {
  const { subscriber, notify } = link;
  const channels = new Map<string, Channel>();
  let isAsking = false;
  let isTidying = false;

  function ask(): void {
    isAsking = false;
    if (!link.isUp) return;
    const asked = [...channels].filter(([, { state, listener }]) => state === 'new' && listener !== undefined);
    if (asked.length === 0) return;
    for (const [, channel] of asked) channel.state = 'asked';
    subscriber.subscribe(...asked.map(([name]) => name)).then(
      () => {
        for (const [, channel] of asked) {
          if (channel.state !== 'asked') continue;
          channel.state = 'heard';
          if (channel.listener) notify(channel.listener.onGap, undefined);
        }
      },
      // The state of the subscriptions is unknown now; a new connection starts afresh.
      () => subscriber.stream.destroy(),
    );
  }

  function tidy(): void {
    isTidying = false;
    const idle = [...channels].filter(([, { listener }]) => listener === undefined);
    for (const [name] of idle) channels.delete(name);
    const asked = idle.filter(([, { state }]) => state !== 'new').map(([name]) => name);
    if (asked.length > 0 && link.isUp) subscriber.unsubscribe(...asked).catch(() => subscriber.stream.destroy());
  }

  function leave(channel: Channel): void {
    channel.listener = undefined;
    if (isTidying) return;
    isTidying = true;
    setTimeout(tidy, LINGER_MS).unref();
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
    if (isUp) ask();
  });

  return {
    subscribe(name, listener) {
      const known = channels.get(link.nameOf(name));
      const channel: Channel = known ?? { listener, state: 'new' };
      channel.listener = listener;
      channels.set(link.nameOf(name), channel);
      if (channel.state === 'heard') {
        setImmediate(() => {
          if (channel.listener === listener && channel.state === 'heard') notify(listener.onGap, undefined);
        });
      } else if (!isAsking) {
        isAsking = true;
        setImmediate(ask);
      }
      return () => {
        if (channel.listener === listener) leave(channel);
      };
    },
  };
}
