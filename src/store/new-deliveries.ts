import type { Database } from './database.ts';
import type { Queryable } from './tables.ts';

const writing = new WeakSet<Queryable>();

/** Remembers of a transaction that it writes something to be sent. */
export function noteNewDeliveries(trx: Queryable): void {
  writing.add(trx);
}

/** A database that tells when there is something to be sent. */
export interface WatchedDatabase {
  readonly db: Database;
  /** Calls a listener after each commit here that has written something to be sent. */
  onNewDeliveries(listener: () => void): void;
}

/** Watches what is committed through a database. */
export function watchNewDeliveries(db: Database): WatchedDatabase {
  const listeners: (() => void)[] = [];
  const transaction: Database['transaction'] = async (work) => {
    let last: Queryable | undefined;
    const result = await db.transaction((trx) => {
      last = trx;
      return work(trx);
    });
    if (last !== undefined && writing.has(last)) for (const listener of listeners) listener();
    return result;
  };
  return { db: { ...db, transaction }, onNewDeliveries: (listener) => void listeners.push(listener) };
}
