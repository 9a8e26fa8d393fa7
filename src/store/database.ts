import type { ReportExposed } from './engines/private-files.ts';
import type { RunTransaction } from './engines/transaction.ts';
import type { Queryable } from './tables.ts';

/** An open database. Reads see all committed changes; every write goes through `transaction`. */
export interface Database {
  /** Whether several gateways may use it at the same time. */
  readonly isShared: boolean;
  readonly read: Queryable;
  /**
   * On Postgres, a separate connection for heartbeats, which must not wait while all other connections are busy. SQLite
   * needs none.
   */
  readonly heartbeat: Queryable;
  /**
   * Runs `work` in one transaction and commits it durably before it resolves; rolls back when `work` throws. `work` may
   * wait for `trx` only: not for the network, not for another handle. SQLite runs one transaction at a time. Postgres
   * runs several, so `work` first locks the rows on which its writes depend. After a collision with another transaction
   * `work` runs again, so it must have no effects except through `trx`.
   * @throws StorageUnavailableError when the disk is full or fails, or the server is unreachable.
   */
  readonly transaction: RunTransaction;
  /** Whether the database answers reads and would accept a write; after a failed write, this check tries a write. */
  isReady(): Promise<boolean>;
  /**
   * Calls `listener` within half a second after another process has committed: on SQLite any change (only the command
   * line can make one), on Postgres the revocation of a key. On Postgres it may also be called without a cause.
   */
  onForeignWrite(listener: () => void): void;
  close(): Promise<void>;
}

/** How to open a database. */
export interface DatabaseOptions {
  /** `sqlite:<path>`, `postgres://…` or `postgresql://…`. */
  readonly url: string;
  /**
   * One gateway at a time opens a file; a tool (the command line) may write beside it. Any number of processes share a
   * Postgres.
   */
  readonly role: 'gateway' | 'tool';
  /** The maximum number of connections to Postgres; absent: 10. */
  readonly poolSize?: number;
  /** Reports database files that other users could read. */
  readonly onExposed?: ReportExposed;
}

/**
 * Opens the database with the engine that the URL names, checks it and migrates its tables.
 * @throws DatabaseInUseError when another gateway has opened the file; StartupError when the database cannot be used.
 */
export async function openDatabase({ url, role, poolSize = 10, onExposed }: DatabaseOptions): Promise<Database> {
  if (url.startsWith('sqlite:')) {
    const { openSqlite } = await import('./engines/sqlite.ts');
    return openSqlite(url.slice('sqlite:'.length), role, onExposed);
  }
  const { openPostgres } = await import('./engines/postgres.ts');
  return openPostgres(url, poolSize);
}
