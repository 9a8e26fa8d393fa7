import type { ReportExposed } from './engines/private-files.ts';
import type { RunTransaction } from './engines/transaction.ts';
import type { Queryable } from './tables.ts';

/** The open database. Reads see everything committed; every write goes through `transaction`. */
export interface Database {
  /** Whether several gateways may use it at the same time. */
  readonly isShared: boolean;
  readonly read: Queryable;
  /**
   * On Postgres, a connection of its own for heartbeats, which must not wait while all other connections are busy. A
   * file needs none.
   */
  readonly heartbeat: Queryable;
  /**
   * Runs `work` in one transaction and commits it durably before it resolves; rolls back when `work` throws. Inside,
   * wait for `trx` only: no network, no other handle. SQLite runs one transaction at a time. Postgres runs several, so
   * lock first what you read to decide what to write. After a collision with another transaction `work` runs again: it
   * must have no effect but through `trx`.
   * @throws StorageUnavailableError when the disk is full or fails, or the server is unreachable.
   */
  readonly transaction: RunTransaction;
  /** Whether the database answers reads and would accept a write; after a failed write, it tries one. */
  isReady(): Promise<boolean>;
  /**
   * Calls `listener` within half a second after another process has committed: on SQLite any change (only the command
   * line can make one), on Postgres the revocation of a key. On Postgres it may also call without a cause.
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
