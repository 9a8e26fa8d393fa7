import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import { StartupError } from '../../domain/errors.ts';
import { createNotify, type Notify } from '../notify.ts';

/** The connections to one Redis, which many processes share. */
export interface RedisLink {
  /** For commands; one that cannot be sent at once, or is not answered within a second, is rejected. */
  readonly commands: Redis;
  /** For subscriptions, and nothing else. */
  readonly subscriber: Redis;
  /** Whether both connections answer, as far as is known: a Redis that hangs is noticed within seconds. */
  readonly isUp: boolean;
  /** Calls `listener` whenever that has changed. */
  onChange(listener: (isUp: boolean) => void): void;
  /** Calls a listener of what happens there. */
  readonly notify: Notify;
  readonly logger: Logger;
  /** How something is named there: installations that share a server have different prefixes. */
  nameOf(name: string): string;
  close(): void;
}

/** Where a Redis is. */
export interface RedisOptions {
  /** `redis://` or `rediss://`. */
  readonly url: string;
  readonly prefix: string;
  readonly logger: Logger;
}

const COMMAND_TIMEOUT_MS = 1_000;
const CONNECT_TIMEOUT_MS = 2_000;
const MAX_BACKOFF_MS = 2_000;
const HEARTBEAT_MS = 2_000;
const REFUSED = /WRONGPASS|NOAUTH|invalid password/i;

/**
 * Opens the connections, and keeps them open: one that is lost comes back by itself. A Redis that cannot be reached now
 * is no failure: everything that uses it goes on without, and it is taken up when it is there.
 * @throws StartupError when it refuses the credentials of the URL.
 */
export async function openRedis({ url, prefix, logger }: RedisOptions): Promise<RedisLink> {
  // Only who has a Redis needs the driver.
  const driver = await import('ioredis');
  const open = (name: string) =>
    new driver.Redis(url, {
      lazyConnect: true,
      connectionName: `chatgraph-${name}`,
      connectTimeout: CONNECT_TIMEOUT_MS,
      commandTimeout: COMMAND_TIMEOUT_MS,
      // What cannot be sent fails at once, and what was under way when a connection is lost fails with it.
      enableOfflineQueue: false,
      maxRetriesPerRequest: 0,
      autoResendUnfulfilledCommands: false,
      autoResubscribe: false,
      retryStrategy: (attempt) => Math.min(50 * 2 ** (attempt - 1), MAX_BACKOFF_MS) * (0.5 + Math.random() / 2),
    });
  const clients = [open('commands'), open('subscriber')] as const;
  const [commands, subscriber] = clients;
  const notify = createNotify(logger);
  const listeners = new Set<(isUp: boolean) => void>();
  const opened = Promise.withResolvers<void>();
  let isUp = false;
  let isMissed = false;
  let isClosed = false;

  function notice(error?: Error): void {
    if (isClosed) return;
    const wasUp = isUp;
    isUp = clients.every(({ status }) => status === 'ready');
    if (isUp && isMissed) logger.info('Redis is back');
    // One line, however often it is tried.
    if (!isUp && !isMissed && (wasUp || error)) {
      logger.warn({ reason: error?.message ?? 'connection lost' }, 'Redis is away; going on without it');
    }
    isMissed = !isUp && (isMissed || wasUp || error !== undefined);
    if (isUp !== wasUp) for (const listener of listeners) notify(listener, isUp);
    if (isUp || error) opened.resolve();
  }

  for (const client of clients) {
    client.on('ready', () => notice());
    client.on('close', () => notice());
    client.on('error', (error: Error) => {
      if (REFUSED.test(error.message)) {
        opened.reject(new StartupError(`REDIS_URL: Redis refuses the credentials: ${error.message}`));
      }
      notice(error);
    });
    // It goes on trying, and says what happens by events.
    client.connect().catch(() => {});
  }
  // A connection that is cut without a word would else be noticed by nobody who only listens.
  const heartbeat = setInterval(() => {
    for (const client of clients) if (client.status === 'ready') client.ping().catch(() => client.stream.destroy());
  }, HEARTBEAT_MS);

  function close(): void {
    isClosed = true;
    isUp = false;
    clearInterval(heartbeat);
    for (const client of clients) client.disconnect();
  }

  await opened.promise.catch((error: unknown) => {
    close();
    throw error;
  });
  return {
    commands,
    subscriber,
    notify,
    logger,
    get isUp() {
      return isUp;
    },
    onChange: (listener) => void listeners.add(listener),
    nameOf: (name) => prefix + name,
    close,
  };
}
