import type { Transaction } from 'kysely';
import type { Tables } from '../tables.ts';

/** What differs about a transaction. */
export interface TransactionOptions {
  /** Whether the commit need only outlive this process, not a power cut: nothing waits for the disk. Absent: false. */
  readonly isLazy?: boolean;
}

/** Runs work in one transaction: see `Database`. */
export type RunTransaction = <T>(
  work: (trx: Transaction<Tables>) => Promise<T>,
  options?: TransactionOptions,
) => Promise<T>;
