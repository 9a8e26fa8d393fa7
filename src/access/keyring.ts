import type { Logger } from 'pino';
import { createBoundedCache } from '../domain/bounded-cache.ts';
import type { ApiKey } from '../domain/entities.ts';
import { type Clock, type Timestamp, toTimestamp } from '../domain/time.ts';
import { markApiKeysUsed } from '../store/api-keys.ts';
import type { Database } from '../store/database.ts';
import { createKeyLookups } from './batched-key-lookups.ts';
import { createSessions, type SessionScope, type Sessions } from './sessions.ts';

/** A cached key, with a signal that aborts when the key is revoked; requests, sockets and streams listen to it. */
export interface CachedKey {
  readonly key: ApiKey;
  readonly revoked: AbortSignal;
  /** The scope of a session; absent for API keys. */
  readonly session?: SessionScope;
}

/**
 * The cache of keys used since the start, so that a request needs no lookup. A cached key is read again after 10
 * seconds. A revocation takes effect at once in this process, within moments in processes that share a Redis, and
 * within half a second if the command line made it. An unknown or revoked key is not looked up again for 10
 * seconds, unless another process has changed keys.
 */
export interface Keyring {
  /** Finds an active key by its hash. */
  find(hash: string): Promise<CachedKey | undefined>;
  /** The sessions of the chat page; `find` finds their tokens as well. */
  readonly sessions: Sessions;
  /** The time when a key was last used, if it is not stored yet. */
  lastUsedAt(keyId: string): Timestamp | undefined;
  /** Reads every key again, and aborts the signals of revoked keys. */
  refresh(): Promise<void>;
  /** Stores the times of use that are not stored yet. */
  close(): Promise<void>;
}

interface Entry extends CachedKey {
  readonly hash: string;
  readonly revocation: AbortController;
  key: ApiKey;
  checkedAt: number;
}

const MAX_AGE_MS = 10_000;
const USE_WRITE_INTERVAL_MS = 5_000;
const MAX_UNKNOWN_KEYS = 20_000;

/** Creates the keyring of one process. */
export function createKeyring(db: Database, clock: Clock, logger: Logger): Keyring {
  // Grows with the keys in use; the limit of active keys per account bounds it.
  const entries = new Map<string, Entry>();
  /** The hashes without an active key, and when each was last looked up. */
  const unknown = createBoundedCache<number>(MAX_UNKNOWN_KEYS);
  const lookUp = createKeyLookups(db.read);
  let refreshes = 0;
  const sessions = createSessions(clock);
  let usedAt = new Map<string, number>();
  const timer = setInterval(() => {
    writeUsed().catch(logUnwritten);
  }, USE_WRITE_INTERVAL_MS).unref();

  const logUnwritten = (error: unknown) => logger.error({ err: error }, 'cannot store when keys were last used');

  async function writeUsed(): Promise<void> {
    if (usedAt.size === 0) return;
    const batch = new Map([...usedAt].map(([id, ms]) => [id, toTimestamp(ms)]));
    usedAt = new Map();
    await db.transaction((trx) => markApiKeysUsed(trx, batch));
  }

  async function read(hash: string): Promise<Entry | undefined> {
    const [startedAt, refreshesAtStart] = [clock.monotonicMs(), refreshes];
    const key = await lookUp(hash);
    const cached = entries.get(hash);
    if (key === undefined || key.revokedAt !== null) {
      // A read that started before a refresh may be out of date.
      if (refreshesAtStart === refreshes) unknown.set(hash, startedAt);
      entries.delete(hash);
      cached?.revocation.abort();
      return undefined;
    }
    if (cached !== undefined) return Object.assign(cached, { key, checkedAt: clock.monotonicMs() });
    const revocation = new AbortController();
    const entry = { hash, key, revocation, revoked: revocation.signal, checkedAt: clock.monotonicMs() };
    entries.set(hash, entry);
    return entry;
  }

  return {
    async find(hash) {
      const session = sessions.find(hash);
      if (session !== undefined) return session;
      const isFresh = (checkedAt: number) => clock.monotonicMs() - checkedAt < MAX_AGE_MS;
      const cached = entries.get(hash);
      if (cached === undefined && isFresh(unknown.get(hash) ?? Number.NEGATIVE_INFINITY)) return undefined;
      const entry = cached !== undefined && isFresh(cached.checkedAt) ? cached : await read(hash);
      if (entry !== undefined) usedAt.set(entry.key.id, clock.now());
      return entry;
    },

    sessions,

    lastUsedAt(keyId) {
      const ms = usedAt.get(keyId);
      return ms === undefined ? undefined : toTimestamp(ms);
    },

    async refresh() {
      refreshes++;
      unknown.clear();
      await Promise.all([...entries.keys()].map(read));
    },

    async close() {
      clearInterval(timer);
      // A failed write must not prevent the stop.
      await writeUsed().catch(logUnwritten);
    },
  };
}
