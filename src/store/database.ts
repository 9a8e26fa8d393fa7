import type { ReportExposed } from './engines/private-files.ts';
import type { RunTransaction } from './engines/transaction.ts';
import type { Queryable } from './tables.ts';

/** The open database. Reads see all that has been committed; every write goes through `transaction`. */
export interface Database {
  /** Whether other gateways may use it at the same time. */
  readonly isShared: boolean;
  readonly read: Queryable;
  /** On Postgres a connection of its own for what must not wait while all others are busy; a file needs none. */
  readonly heartbeat: Queryable;
  /**
   * Runs `work` in one transaction and commits it durably before it resolves; rolls back when `work` throws. Wait for
   * nothing but `trx` inside: no network, no other handle. On SQLite one runs at a time. On Postgres several do, so what
   * is read to decide what is written must be locked first, and `work` is run again where another was in its way: it
   * must have no effect but by `trx`.
   * @throws StorageUnavailableError when the disk is full or refuses, or the server cannot be reached.
   */
  readonly transaction: RunTransaction;
  /** Whether reads answer and a write would be accepted; after a refused write it tries one. */
  isReady(): Promise<boolean>;
  /**
   * Calls `listener` within half a second after another process has committed: on SQLite anything (only the command line
   * can have), on Postgres the revocation of a key. There it may also be called without such a cause.
   */
  onForeignWrite(listener: () => void): void;
  close(): Promise<void>;
}

/** How to open a database. */
export interface DatabaseOptions {
  /** `sqlite:<path>`, `postgres://…` or `postgresql://…`. */
  readonly url: string;
  /** A gateway holds a file alone; a tool (the command line) may write beside it. Any number share a Postgres. */
  readonly role: 'gateway' | 'tool';
  /** How many connections to Postgres at most; absent: 10. */
  readonly poolSize?: number;
  /** Told of files of a database that others could read. */
  readonly onExposed?: ReportExposed;
}

/**
 * Opens the database with the engine that the URL names, checks it and brings its tables up to date.
 * @throws DatabaseInUseError when another gateway holds the file; StartupError when it cannot be used.
 */
export async function openDatabase({ url, role, poolSize = 10, onExposed }: DatabaseOptions): Promise<Database> {
  if (url.startsWith('sqlite:')) {
    const { openSqlite } = await import('./engines/sqlite.ts');
    return openSqlite(url.slice('sqlite:'.length), role, onExposed);
  }
  const { openPostgres } = await import('./engines/postgres.ts');
  return openPostgres(url, poolSize);
}
