import { type Clock, type Timestamp, toTimestamp } from '../domain/time.ts';
import type { FailureLog } from '../failures.ts';
import type { Database } from '../store/database.ts';
import type { Queryable } from '../store/tables.ts';

/** The times when rows of one table were last used. They are stored every few seconds, so that a request writes nothing. */
export interface UseTimes {
  /** Records that a row is used now. */
  record(id: string): void;
  /** The time when a row was last used, if it is not stored yet. */
  find(id: string): Timestamp | undefined;
  /** Stores the times that are not stored yet. */
  close(): Promise<void>;
}

/** The rows whose times of use are recorded. */
export interface UsedRows {
  /** The log message for times that could not be stored. */
  readonly failure: string;
  /** Stores times of use by the ids of the rows. */
  readonly store: (trx: Queryable, usedAt: ReadonlyMap<string, Timestamp>) => Promise<void>;
}

const WRITE_INTERVAL_MS = 5_000;

/** Creates the times of use of one process. */
export function createUseTimes(
  { db, clock, failures }: { readonly db: Database; readonly clock: Clock; readonly failures: FailureLog },
  { failure, store }: UsedRows,
): UseTimes {
  let usedAtById = new Map<string, number>();
  const timer = setInterval(() => void save(), WRITE_INTERVAL_MS).unref();

  /** A failed write is logged: it must neither end the process nor prevent its shutdown. */
  async function save(): Promise<void> {
    if (usedAtById.size === 0) return;
    const batch = new Map([...usedAtById].map(([id, ms]) => [id, toTimestamp(ms)]));
    usedAtById = new Map();
    await db.transaction((trx) => store(trx, batch)).catch((error) => failures.log(error, {}, failure));
  }

  return {
    record: (id) => void usedAtById.set(id, clock.now()),
    find(id) {
      const ms = usedAtById.get(id);
      return ms === undefined ? undefined : toTimestamp(ms);
    },
    close() {
      clearInterval(timer);
      return save();
    },
  };
}
