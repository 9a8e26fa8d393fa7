import type { Database } from '../database.ts';
import type { Queryable } from '../tables.ts';

/** The accounts for which each open transaction writes deliveries. */
const accountIdsByTransaction = new WeakMap<Queryable, Set<string>>();

/** Records that a transaction writes deliveries for an account, so that the listeners learn it after the commit. */
export function recordNewDeliveries(trx: Queryable, accountId: string): void {
  const accountIds = accountIdsByTransaction.get(trx) ?? new Set();
  accountIdsByTransaction.set(trx, accountIds.add(accountId));
}

/** Called after a commit with new deliveries. */
export type NewDeliveriesListener = (accountIds: ReadonlySet<string>) => void;

/** A database that reports commits with new deliveries. */
export interface WatchedDatabase {
  readonly db: Database;
  /** Calls a listener after each commit of this gateway with new deliveries. */
  onNewDeliveries(listener: NewDeliveriesListener): void;
}

/** Watches a database's commits for new deliveries. */
export function watchNewDeliveries(db: Database): WatchedDatabase {
  const listeners: NewDeliveriesListener[] = [];
  const transaction: Database['transaction'] = async (work, options) => {
    let lastTrx: Queryable | undefined;
    const result = await db.transaction((trx) => {
      lastTrx = trx;
      return work(trx);
    }, options);
    const accountIds = lastTrx && accountIdsByTransaction.get(lastTrx);
    if (accountIds !== undefined) for (const listener of listeners) listener(accountIds);
    return result;
  };
  return { db: { ...db, transaction }, onNewDeliveries: (listener) => void listeners.push(listener) };
}
