import { createBoundedCache } from '../domain/bounded-cache.ts';
import type { ApiKey } from '../domain/entities.ts';
import type { Clock, Timestamp } from '../domain/time.ts';
import type { FailureLog } from '../failures.ts';
import { markApiKeysUsed } from '../store/api-keys.ts';
import type { Database } from '../store/database.ts';
import { createKeyLookups } from './batched-key-lookups.ts';
import { createSessions, type SessionScope, type Sessions } from './sessions.ts';
import { createUseTimes } from './use-times.ts';

/** A cached key, with a signal that aborts when the key is revoked or expires; requests, sockets and streams listen to it. */
export interface CachedKey {
  readonly key: ApiKey;
  readonly revoked: AbortSignal;
  /** The scope of a session of the chat page; absent for other credentials. */
  readonly session?: SessionScope;
}

/**
 * The cache of the keys used since the process started, so that most requests need no lookup. A cached key is read
 * again after 10 seconds. A revocation takes effect at once in this process, within moments in processes that share a
 * Redis, and within half a second if the command line has revoked the key. An unknown or revoked key is looked up again
 * only after 10 seconds, or earlier if another process may have changed keys.
 */
export interface Keyring {
  /** Finds an active key by its hash: one that is neither revoked nor expired. */
  find(hash: string): Promise<CachedKey | undefined>;
  /** The sessions of the gateway's own pages; `find` finds their tokens as well. */
  readonly sessions: Sessions;
  /** The time when a key was last used, if it is not stored yet. */
  lastUsedAt(keyId: string): Timestamp | undefined;
  /** Reads every cached key again, aborts the signals of revoked keys, and forgets which keys are unknown. */
  refresh(): Promise<void>;
  /** Stores the times of use that are not stored yet. */
  close(): Promise<void>;
}

interface KeyEntry extends CachedKey {
  readonly hash: string;
  readonly revocation: AbortController;
  key: ApiKey;
  checkedAt: number;
  /** Absent if the key does not expire. */
  expiryTimer?: NodeJS.Timeout;
}

const MAX_AGE_MS = 10_000;
const MAX_UNKNOWN_KEYS = 20_000;
/** The longest time that a timer can wait. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** Creates the keyring of one process. */
export function createKeyring(db: Database, clock: Clock, failures: FailureLog): Keyring {
  // Grows with the keys in use; the limit of active keys per account bounds it.
  const entries = new Map<string, KeyEntry>();
  /** The hashes without an active key, and when each was last looked up. */
  const unknownKeys = createBoundedCache<number>(MAX_UNKNOWN_KEYS);
  const lookUp = createKeyLookups(db.read);
  let refreshCount = 0;
  const sessions = createSessions(clock);
  const useTimes = createUseTimes(
    { db, clock, failures },
    { failure: 'cannot store when keys were last used', store: markApiKeysUsed },
  );

  async function readEntry(hash: string): Promise<KeyEntry | undefined> {
    const [startedAt, refreshCountAtStart] = [clock.monotonicMs(), refreshCount];
    const key = await lookUp(hash);
    const cached = entries.get(hash);
    if (key === undefined || key.revokedAt !== null || isExpired(key)) {
      // A read that started before a refresh may be out of date.
      if (refreshCountAtStart === refreshCount) unknownKeys.set(hash, startedAt);
      if (cached !== undefined) end(cached);
      return undefined;
    }
    if (cached !== undefined) return Object.assign(cached, { key, checkedAt: clock.monotonicMs() });
    const revocation = new AbortController();
    const entry: KeyEntry = { hash, key, revocation, revoked: revocation.signal, checkedAt: clock.monotonicMs() };
    entries.set(hash, entry);
    scheduleExpiry(entry);
    return entry;
  }

  const isExpired = ({ expiresAt }: ApiKey) => expiresAt !== null && Date.parse(expiresAt) <= clock.now();

  /** Ends an entry when its key expires, so that its sockets and streams end. */
  function scheduleExpiry(entry: KeyEntry): void {
    const { expiresAt } = entry.key;
    if (expiresAt === null) return;
    const check = () => (isExpired(entry.key) ? end(entry) : scheduleExpiry(entry));
    const ms = Math.max(1, Date.parse(expiresAt) - clock.now());
    entry.expiryTimer = setTimeout(check, Math.min(ms, MAX_TIMER_MS)).unref();
  }

  function end({ hash, expiryTimer, revocation }: KeyEntry): void {
    clearTimeout(expiryTimer);
    entries.delete(hash);
    revocation.abort();
  }

  return {
    async find(hash) {
      const session = sessions.find(hash);
      if (session !== undefined) return session;
      const isFresh = (checkedAt: number) => clock.monotonicMs() - checkedAt < MAX_AGE_MS;
      const cached = entries.get(hash);
      if (cached === undefined && isFresh(unknownKeys.get(hash) ?? Number.NEGATIVE_INFINITY)) return undefined;
      const isUsable = cached !== undefined && isFresh(cached.checkedAt) && !isExpired(cached.key);
      const entry = isUsable ? cached : await readEntry(hash);
      if (entry !== undefined) useTimes.record(entry.key.id);
      return entry;
    },

    sessions,

    lastUsedAt: useTimes.find,

    async refresh() {
      refreshCount++;
      unknownKeys.clear();
      await Promise.all([...entries.keys()].map(readEntry));
    },

    async close() {
      for (const { expiryTimer } of entries.values()) clearTimeout(expiryTimer);
      await useTimes.close();
    },
  };
}
