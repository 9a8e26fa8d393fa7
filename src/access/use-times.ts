import { type Clock, type Timestamp, toTimestamp } from '../domain/time.ts';
import type { FailureLog } from '../failures.ts';
import { markApiKeysUsed } from '../store/api-keys.ts';
import type { Database } from '../store/database.ts';

/** The times when keys were last used. They are stored every few seconds, so that a request writes nothing. */
export interface UseTimes {
  /** Records that a key is used now. */
  record(keyId: string): void;
  /** The time when a key was last used, if it is not stored yet. */
  find(keyId: string): Timestamp | undefined;
  /** Stores the times that are not stored yet. */
  close(): Promise<void>;
}

const WRITE_INTERVAL_MS = 5_000;

/** Creates the times of use of one process. */
export function createUseTimes(db: Database, clock: Clock, failures: FailureLog): UseTimes {
  let usedAtByKeyId = new Map<string, number>();
  const timer = setInterval(() => void save(), WRITE_INTERVAL_MS).unref();

  /** A failed write is logged: it must neither end the process nor prevent its shutdown. */
  async function save(): Promise<void> {
    if (usedAtByKeyId.size === 0) return;
    const batch = new Map([...usedAtByKeyId].map(([id, ms]) => [id, toTimestamp(ms)]));
    usedAtByKeyId = new Map();
    await db
      .transaction((trx) => markApiKeysUsed(trx, batch))
      .catch((error) => failures.log(error, {}, 'cannot store when keys were last used'));
  }

  return {
    record: (keyId) => void usedAtByKeyId.set(keyId, clock.now()),
    find(keyId) {
      const ms = usedAtByKeyId.get(keyId);
      return ms === undefined ? undefined : toTimestamp(ms);
    },
    close() {
      clearInterval(timer);
      return save();
    },
  };
}
