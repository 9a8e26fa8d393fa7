import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import { StartupError } from '../../domain/errors.ts';
import { createNotify, type Notify } from '../notify.ts';

/** The connections of this process to the shared Redis. */
export interface RedisLink {
  /** For commands; rejects a command that cannot be sent immediately, or has no reply within a second. */
  readonly commands: Redis;
  /** For subscriptions only. */
  readonly subscriber: Redis;
  /** Whether both connections respond, as far as is known: an unresponsive Redis is noticed within seconds. */
  readonly isUp: boolean;
  /** Calls `listener` after each change of `isUp`. */
  onChange(listener: (isUp: boolean) => void): void;
  /** Calls a listener, and logs its first error. */
  readonly notify: Notify;
  readonly logger: Logger;
  /** Returns the name of a key or channel in Redis, with the prefix that separates installations on the same server. */
  nameOf(name: string): string;
  close(): void;
}

/** How to connect to a Redis. */
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
const INVALID_CREDENTIALS = /WRONGPASS|NOAUTH|invalid password/i;

/**
 * Opens the connections and reconnects them when they are lost. An unreachable Redis is not an error: the rest of the
 * program continues without it until it is back.
 * @throws StartupError when Redis refuses the credentials of the URL.
 */
export async function openRedis({ url, prefix, logger }: RedisOptions): Promise<RedisLink> {
  // Only an installation with Redis loads the driver.
  const driver = await import('ioredis');
  const open = (name: string) =>
    new driver.Redis(url, {
      lazyConnect: true,
      connectionName: `chatgraph-${name}`,
      connectTimeout: CONNECT_TIMEOUT_MS,
      commandTimeout: COMMAND_TIMEOUT_MS,
      // A command that cannot be sent fails immediately; a lost connection fails its pending commands.
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
  let isOutageLogged = false;
  let isClosed = false;

  function updateStatus(error?: Error): void {
    if (isClosed) return;
    const wasUp = isUp;
    isUp = clients.every(({ status }) => status === 'ready');
    if (isUp && isOutageLogged) logger.info('Redis is available again');
    // One log line per outage, however many attempts.
    if (!isUp && !isOutageLogged && (wasUp || error)) {
      logger.warn({ reason: error?.message ?? 'connection lost' }, 'Redis is unavailable; continuing without it');
    }
    isOutageLogged = !isUp && (isOutageLogged || wasUp || error !== undefined);
    if (isUp !== wasUp) for (const listener of listeners) notify(listener, isUp);
    if (isUp || error) opened.resolve();
  }

  for (const client of clients) {
    client.on('ready', () => updateStatus());
    client.on('close', () => updateStatus());
    client.on('error', (error: Error) => {
      if (INVALID_CREDENTIALS.test(error.message)) {
        opened.reject(new StartupError(`REDIS_URL: Redis refuses the credentials: ${error.message}`));
      }
      updateStatus(error);
    });
    // The driver keeps trying, and reports the outcome through events.
    client.connect().catch(() => {});
  }
  // Without pings, a process that only listens would not notice a silently cut connection.
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
