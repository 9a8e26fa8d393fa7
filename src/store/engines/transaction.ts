import type { Transaction } from 'kysely';
import type { Tables } from '../tables.ts';

/** Options of a transaction. */
export interface TransactionOptions {
  /**
   * Whether the commit need survive only a crash of this process, not a power failure: it does not wait for the disk.
   * Absent: false.
   */
  readonly isLazy?: boolean;
}

/** Runs work in one transaction: see `Database`. */
export type RunTransaction = <T>(
  work: (trx: Transaction<Tables>) => Promise<T>,
  options?: TransactionOptions,
) => Promise<T>;
