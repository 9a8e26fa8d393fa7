import type { ReportExposedFiles } from './engines/private-files.ts';
import type { RunTransaction } from './engines/transaction.ts';
import type { Queryable } from './tables.ts';

/** An open database. Reads see all committed changes; every write goes through `transaction`. */
export interface Database {
  /** Whether several gateways may use the database at the same time. */
  readonly isShared: boolean;
  readonly read: Queryable;
  /**
   * On Postgres, a separate connection for heartbeats, which must not wait while all other connections are busy. SQLite
   * needs none.
   */
  readonly heartbeat: Queryable;
  /**
   * Runs `work` in one transaction and commits it durably before it resolves; rolls back when `work` throws. `work` may
   * await queries on `trx` only, neither the network nor another handle. SQLite runs one transaction at a time.
   * Postgres runs several, so `work` first locks the rows on which its writes depend. After a collision with another
   * transaction `work` runs again, so all its effects must go through `trx`.
   * @throws StorageUnavailableError when the disk is full or fails, or the server is unreachable.
   */
  readonly transaction: RunTransaction;
  /** Whether the database answers reads and accepts writes. Tries a write only if the last write failed. */
  isReady(): Promise<boolean>;
  /**
   * Calls `listener` within half a second after another process has committed. On SQLite it calls after every change;
   * the only other process is the command line. On Postgres it calls only after the revocation of a key, and sometimes
   * although nothing has changed.
   */
  onForeignWrite(listener: () => void): void;
  /** Closes the database. Work that is still running gets ShuttingDownError from its next query. */
  close(): Promise<void>;
}

/** How to open a database. */
export interface DatabaseOptions {
  /** `sqlite:<path>`, `postgres://…` or `postgresql://…`. */
  readonly url: string;
  /**
   * Only one gateway at a time can open a SQLite file; a tool (the command line) may write to it at the same time. Any
   * number of processes share a Postgres.
   */
  readonly role: 'gateway' | 'tool';
  /** The maximum number of connections to Postgres. Default: 10. */
  readonly poolSize?: number;
  /** Called with the database files that other users could read. */
  readonly onExposedFiles?: ReportExposedFiles;
}

/**
 * Opens the database with the engine that the URL names, checks it and migrates its tables.
 * @throws DatabaseInUseError when another gateway has opened the file; StartupError when the database cannot be used.
 */
export async function openDatabase({ url, role, poolSize = 10, onExposedFiles }: DatabaseOptions): Promise<Database> {
  if (url.startsWith('sqlite:')) {
    const { openSqlite } = await import('./engines/sqlite.ts');
    return openSqlite(url.slice('sqlite:'.length), role, onExposedFiles);
  }
  const { openPostgres } = await import('./engines/postgres.ts');
  return openPostgres(url, poolSize);
}
