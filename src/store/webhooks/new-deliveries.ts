import type { Database } from '../database.ts';
import type { Queryable } from '../tables.ts';

/** The accounts for which transactions write something to be sent. */
const writing = new WeakMap<Queryable, Set<string>>();

/** Remembers of a transaction that it writes something to be sent for an account. */
export function noteNewDeliveries(trx: Queryable, accountId: string): void {
  const accountIds = writing.get(trx) ?? new Set();
  writing.set(trx, accountIds.add(accountId));
}

/** Is told of a commit that has written something to be sent. */
export type NewDeliveriesListener = (accountIds: ReadonlySet<string>) => void;

/** A database that tells when there is something to be sent. */
export interface WatchedDatabase {
  readonly db: Database;
  /** Calls a listener after each commit here that has written something to be sent. */
  onNewDeliveries(listener: NewDeliveriesListener): void;
}

/** Watches what is committed through a database. */
export function watchNewDeliveries(db: Database): WatchedDatabase {
  const listeners: NewDeliveriesListener[] = [];
  const transaction: Database['transaction'] = async (work, options) => {
    let last: Queryable | undefined;
    const result = await db.transaction((trx) => {
      last = trx;
      return work(trx);
    }, options);
    const accountIds = last && writing.get(last);
    if (accountIds !== undefined) for (const listener of listeners) listener(accountIds);
    return result;
  };
  return { db: { ...db, transaction }, onNewDeliveries: (listener) => void listeners.push(listener) };
}
