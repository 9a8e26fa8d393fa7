import { setTimeout } from 'node:timers/promises';
import SqliteConnection from 'better-sqlite3';
import {
  type CompiledQuery,
  type DatabaseConnection,
  type Driver,
  Kysely,
  type QueryResult,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from 'kysely';
import { ShuttingDownError } from '../../domain/errors.ts';
import { checkReadBudget, countReads, findLongColumns } from '../counted-reads.ts';
import type { Queryable, Tables } from '../tables.ts';
import { sqliteRuleOf, toStorageError } from './error-codes.ts';

const MAX_CACHED_STATEMENTS = 500;
const MAX_PAUSE_MS = 50;

/** An open SQLite file. */
export type Handle = SqliteConnection.Database;

/**
 * Returns the time, by `performance.now()`, until which a statement waits for a file that another process has locked.
 * Called when the statement starts.
 */
export type GetDeadline = () => number;

/**
 * Opens a handle on a file. SQLite's own busy timeout is off, because it would block the whole process: see
 * `retryWhileLocked`.
 */
export function openHandle(path: string, options: SqliteConnection.Options = {}): Handle {
  const handle = new SqliteConnection(path, { ...options, timeout: 0 });
  handle.pragma('trusted_schema = OFF');
  return handle;
}

/** Whether an error comes from SQLite and, if `code` is given, has that code. */
export function isSqliteError(error: unknown, code?: string): error is Error {
  return error instanceof SqliteConnection.SqliteError && (code === undefined || error.code === code);
}

/**
 * Runs a function that uses a file. While another process has locked the file, retries without blocking the event loop.
 * @param deadline the time, by `performance.now()`, at which the retries end.
 * @throws StorageUnavailableError when the deadline has passed, or the disk fails.
 */
export async function retryWhileLocked<T>(run: () => T, deadline: number): Promise<T> {
  for (let pauseMs = 1; ; pauseMs = Math.min(pauseMs * 2, MAX_PAUSE_MS)) {
    try {
      return run();
    } catch (error) {
      if (!(error instanceof SqliteConnection.SqliteError)) throw error;
      const rule = sqliteRuleOf(error.code);
      if (rule.retry !== 'statement' || performance.now() >= deadline) throw toStorageError(rule, error);
    }
    await setTimeout(pauseMs * (0.5 + Math.random() / 2));
  }
}

/**
 * Creates a Kysely instance on a handle. Each distinct statement is prepared once per handle. `destroy` closes the
 * handle; a query after that throws ShuttingDownError.
 */
export function createKysely(handle: Handle, getDeadline: GetDeadline): Queryable {
  const db = new Kysely<Tables>({
    dialect: {
      createAdapter: () => (handle.readonly ? new ReaderAdapter() : new WriterAdapter()),
      createDriver: () => new FileDriver(handle, getDeadline),
      createIntrospector: (db) => new SqliteIntrospector(db),
      createQueryCompiler: () => new FileQueryCompiler(),
    },
  });
  // Kysely's own `destroy` lets later queries fail with an error that looks like a bug.
  return Object.assign(db, { destroy: async () => void handle.close() });
}

class FileDriver implements Driver {
  readonly #handle: Handle;
  readonly #connection: FileConnection;

  constructor(handle: Handle, getDeadline: GetDeadline) {
    this.#handle = handle;
    this.#connection = new FileConnection(handle, getDeadline);
  }

  async init(): Promise<void> {}

  async acquireConnection(): Promise<FileConnection> {
    return this.#connection;
  }

  /** Acquires the write lock when a transaction starts, so that no transaction fails half-way for lack of the lock. */
  async beginTransaction(): Promise<void> {
    await this.#connection.run('begin immediate');
  }

  async commitTransaction(): Promise<void> {
    await this.#connection.run('commit');
  }

  /** SQLite has rolled back already if the disk was full; a second rollback would throw and hide that error. */
  async rollbackTransaction(): Promise<void> {
    if (this.#handle.inTransaction) await this.#connection.run('rollback');
  }

  async releaseConnection(): Promise<void> {}

  async destroy(): Promise<void> {}
}

/** A prepared statement. `longColumns` are the columns whose characters are counted; undefined before the first row. */
interface PreparedStatement {
  readonly statement: SqliteConnection.Statement;
  longColumns: readonly string[] | undefined;
}

class FileConnection implements DatabaseConnection {
  readonly #handle: Handle;
  readonly #getDeadline: GetDeadline;
  readonly #statements = new Map<string, PreparedStatement>();

  constructor(handle: Handle, getDeadline: GetDeadline) {
    this.#handle = handle;
    this.#getDeadline = getDeadline;
  }

  executeQuery<R>({ sql, parameters }: CompiledQuery): Promise<QueryResult<R>> {
    return this.run(sql, parameters);
  }

  run<R>(sql: string, parameters: readonly unknown[] = []): Promise<QueryResult<R>> {
    return retryWhileLocked(() => {
      if (!this.#handle.open) throw new ShuttingDownError();
      const prepared = this.#prepare(sql);
      const { statement } = prepared;
      if (!statement.reader) return { rows: [], numAffectedRows: BigInt(statement.run(parameters).changes) };
      checkReadBudget();
      const rows = statement.all(parameters);
      prepared.longColumns ??= findLongColumns(rows);
      countReads(rows, prepared.longColumns);
      return { rows: rows as R[] };
    }, this.#getDeadline());
  }

  #prepare(sql: string): PreparedStatement {
    const cached = this.#statements.get(sql);
    if (cached !== undefined) return cached;
    const prepared = { statement: this.#handle.prepare(sql), longColumns: undefined };
    this.#statements.set(sql, prepared);
    const [oldest] = this.#statements.keys();
    if (this.#statements.size > MAX_CACHED_STATEMENTS && oldest !== undefined) this.#statements.delete(oldest);
    return prepared;
  }

  // biome-ignore lint/correctness/useYield: it yields nothing.
  async *streamQuery(): AsyncGenerator<never> {
    throw new Error('Rows are not streamed.');
  }
}

/** Omits `for update` and similar clauses, because only one transaction runs at a time. */
class FileQueryCompiler extends SqliteQueryCompiler {
  protected override visitSelectModifier(): void {}
}

class WriterAdapter extends SqliteAdapter {
  override get supportsTransactionalDdl(): boolean {
    return true;
  }
}

/** Allows concurrent reads on one connection, because each read is synchronous. */
class ReaderAdapter extends SqliteAdapter {
  override get supportsMultipleConnections(): boolean {
    return true;
  }
}
