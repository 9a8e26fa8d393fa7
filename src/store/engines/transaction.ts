import type { Transaction } from 'kysely';
import type { Tables } from '../tables.ts';

/** Options of a transaction. */
export interface TransactionOptions {
  /**
   * Whether the commit does not wait for the disk. Such a commit survives a crash of this process, but may be lost in a
   * power failure. Default: false.
   */
  readonly hasAsyncCommit?: boolean;
}

/** Runs work in one transaction: see `Database`. */
export type RunTransaction = <T>(
  work: (trx: Transaction<Tables>) => Promise<T>,
  options?: TransactionOptions,
) => Promise<T>;
