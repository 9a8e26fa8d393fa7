import { createBoundedCache } from '../domain/bounded-cache.ts';
import type { ApiKey } from '../domain/entities.ts';
import { type Clock, type Timestamp, toTimestamp } from '../domain/time.ts';
import type { FailureLog } from '../failures.ts';
import { markApiKeysUsed } from '../store/api-keys.ts';
import type { Database } from '../store/database.ts';
import { createKeyLookups } from './batched-key-lookups.ts';
import { createSessions, type SessionScope, type Sessions } from './sessions.ts';

/** A cached key, with a signal that aborts when the key is revoked; requests, sockets and streams listen to it. */
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
  /** Finds an active key by its hash. */
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
}

const MAX_AGE_MS = 10_000;
const USE_WRITE_INTERVAL_MS = 5_000;
const MAX_UNKNOWN_KEYS = 20_000;

/** Creates the keyring of one process. */
export function createKeyring(db: Database, clock: Clock, failures: FailureLog): Keyring {
  // Grows with the keys in use; the limit of active keys per account bounds it.
  const entries = new Map<string, KeyEntry>();
  /** The hashes without an active key, and when each was last looked up. */
  const unknownKeys = createBoundedCache<number>(MAX_UNKNOWN_KEYS);
  const lookUp = createKeyLookups(db.read);
  let refreshCount = 0;
  const sessions = createSessions(clock);
  let usedAtByKeyId = new Map<string, number>();
  const timer = setInterval(() => {
    saveTimesOfUse().catch(logSaveFailure);
  }, USE_WRITE_INTERVAL_MS).unref();

  const logSaveFailure = (error: unknown) => failures.log(error, {}, 'cannot store when keys were last used');

  async function saveTimesOfUse(): Promise<void> {
    if (usedAtByKeyId.size === 0) return;
    const batch = new Map([...usedAtByKeyId].map(([id, ms]) => [id, toTimestamp(ms)]));
    usedAtByKeyId = new Map();
    await db.transaction((trx) => markApiKeysUsed(trx, batch));
  }

  async function readEntry(hash: string): Promise<KeyEntry | undefined> {
    const [startedAt, refreshCountAtStart] = [clock.monotonicMs(), refreshCount];
    const key = await lookUp(hash);
    const cached = entries.get(hash);
    if (key === undefined || key.revokedAt !== null) {
      // A read that started before a refresh may be out of date.
      if (refreshCountAtStart === refreshCount) unknownKeys.set(hash, startedAt);
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
      if (cached === undefined && isFresh(unknownKeys.get(hash) ?? Number.NEGATIVE_INFINITY)) return undefined;
      const entry = cached !== undefined && isFresh(cached.checkedAt) ? cached : await readEntry(hash);
      if (entry !== undefined) usedAtByKeyId.set(entry.key.id, clock.now());
      return entry;
    },

    sessions,

    lastUsedAt(keyId) {
      const ms = usedAtByKeyId.get(keyId);
      return ms === undefined ? undefined : toTimestamp(ms);
    },

    async refresh() {
      refreshCount++;
      unknownKeys.clear();
      await Promise.all([...entries.keys()].map(readEntry));
    },

    async close() {
      clearInterval(timer);
      // A failed write must not prevent the shutdown.
      await saveTimesOfUse().catch(logSaveFailure);
    },
  };
}
