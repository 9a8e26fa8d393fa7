import type { Transaction } from 'kysely';
import type { Tables } from '../tables.ts';

/** Options of a transaction. */
export interface TransactionOptions {
  /**
   * Whether the commit may be lost in a power failure, though not in a crash of this process: it does not wait for the
   * disk. Absent: false.
   */
  readonly isLazy?: boolean;
}

/** Runs work in one transaction: see `Database`. */
export type RunTransaction = <T>(
  work: (trx: Transaction<Tables>) => Promise<T>,
  options?: TransactionOptions,
) => Promise<T>;
