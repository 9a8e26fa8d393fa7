import type { RedisLink } from './link.ts';

/** One who listens to a channel, by functions without `this`. */
export interface ChannelListener {
  onMessage(message: string): void;
  /**
   * What was said before may have been missed. Called once everything is heard from now on, which also a new listener
   * waits for, and when that ends.
   */
  onGap(): void;
}

/** The channels of a Redis to which this process listens. */
export interface Channels {
  /** Listens to a channel, as its only listener in this process, until the returned function is called. */
  join(name: string, listener: ChannelListener): () => void;
}

interface Channel {
  listener: ChannelListener | undefined;
  state: 'new' | 'asked' | 'heard';
}

/** How long a channel that nobody listens to is kept: who reads a conversation comes and goes. */
const LINGER_MS = 1_000;

/** Makes the channels of a link. All that are joined in one turn of the event loop are asked for in one command. */
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
      // Nobody knows what it listens to now; a new connection begins anew.
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
    join(name, listener) {
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
