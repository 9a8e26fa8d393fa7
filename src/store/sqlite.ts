import { existsSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import SqliteConnection from 'better-sqlite3';
import {
  CompiledQuery,
  type DatabaseConnection,
  type Driver,
  Kysely,
  SqliteAdapter,
  type SqliteDatabase,
  SqliteDriver,
  SqliteIntrospector,
  SqliteQueryCompiler,
  type Transaction,
} from 'kysely';
import { DatabaseInUseError, StartupError, StorageUnavailableError } from '../domain/errors.ts';
import { migrate } from './migrate.ts';
import type { Queryable, Tables } from './tables.ts';

const FOREIGN_WRITE_POLL_MS = 250;
const BUSY_TIMEOUT_MS = 5_000;

/**
 * Opens a file as the database, checks it and brings its tables up to date. The folder is made when absent. A gateway
 * holds the file alone; a tool may write beside it.
 * @throws DatabaseInUseError when another gateway holds the file; StartupError when it cannot be used.
 */
export async function openSqlite(path: string, role: 'gateway' | 'tool') {
  makeFolder(dirname(path));
  const lock = role === 'gateway' ? holdLock(path) : undefined;

  let writerHandle: SqliteConnection.Database | undefined;
  try {
    writerHandle = openWriter(path);
    const writer = createKysely(writerHandle);
    await migrate(writer);
    return createDatabase(writerHandle, writer, createKysely(openReader(path)), lock);
  } catch (error) {
    writerHandle?.close();
    lock?.close();
    throw describeRefusal(error, path);
  }
}

/**
 * Opens a file to be read as it stands at this moment, whatever a tool writes meanwhile; no gateway can start on it until
 * it is closed. Nothing in it is changed.
 * @throws DatabaseInUseError when a gateway holds the file; StartupError when it cannot be read.
 */
export function openSqliteSnapshot(path: string): { db: Queryable; close(): Promise<void> } {
  if (!existsSync(path)) throw new StartupError(`There is no database ${path}.`);
  const lock = holdLock(path);
  let handle: SqliteConnection.Database | undefined;
  try {
    handle = openReader(path);
    // What is read is fixed by the first read, which this is.
    handle.exec('begin');
    checkWhole(handle, path);
    const db = createKysely(handle);
    return {
      db,
      async close() {
        await db.destroy();
        lock.close();
      },
    };
  } catch (error) {
    handle?.close();
    lock.close();
    throw describeRefusal(error, path);
  }
}

function createDatabase(
  writerHandle: SqliteConnection.Database,
  writer: Queryable,
  reader: Queryable,
  lock: SqliteConnection.Database | undefined,
) {
  let isWritable = true;
  let poll: NodeJS.Timeout | undefined;

  async function transaction<T>(work: (trx: Transaction<Tables>) => Promise<T>): Promise<T> {
    try {
      const result = await writer.transaction().execute(work);
      isWritable = true;
      return result;
    } catch (error) {
      if (!isStorageFailure(error)) throw error;
      isWritable = false;
      throw new StorageUnavailableError({ cause: error });
    }
  }

  return {
    isShared: false,
    read: reader,
    transaction,

    async isReady() {
      try {
        await reader.selectFrom('accounts').select('id').limit(1).execute();
        if (!isWritable) await transaction(tryToWrite);
        return true;
      } catch {
        return false;
      }
    },

    onForeignWrite(listener: () => void) {
      // On the writing handle `data_version` moves only for commits of other connections, and only other processes
      // have any that write.
      let seen = writerHandle.pragma('data_version', { simple: true });
      poll = setInterval(() => {
        const version = writerHandle.pragma('data_version', { simple: true });
        if (version === seen) return;
        seen = version;
        listener();
      }, FOREIGN_WRITE_POLL_MS).unref();
    },

    async close() {
      clearInterval(poll);
      await reader.destroy();
      await writer.destroy();
      lock?.close();
    },
  };
}

function makeFolder(path: string): void {
  try {
    mkdirSync(path, { recursive: true });
  } catch (error) {
    throw new StartupError(`Cannot make the folder ${path}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** The smallest change that reaches the disk and leaves nothing behind. */
async function tryToWrite(trx: Transaction<Tables>): Promise<void> {
  await trx.schema.createTable('probe').addColumn('id', 'text').execute();
  await trx.schema.dropTable('probe').execute();
}

/**
 * Takes the file's lock: a second SQLite file held in an exclusive transaction, which the operating system frees even
 * on `kill -9`, unlike a file with a process id in it.
 */
function holdLock(path: string): SqliteConnection.Database {
  const lock = new SqliteConnection(`${path.replace(/\.db$/, '')}.lock`, { timeout: 0 });
  try {
    lock.exec('BEGIN EXCLUSIVE');
    return lock;
  } catch (error) {
    lock.close();
    if (error instanceof SqliteConnection.SqliteError && error.code === 'SQLITE_BUSY')
      throw new DatabaseInUseError(path);
    throw error;
  }
}

function openWriter(path: string): SqliteConnection.Database {
  const handle = new SqliteConnection(path, { timeout: BUSY_TIMEOUT_MS });
  handle.pragma('journal_mode = WAL');
  // better-sqlite3 would leave NORMAL, which can lose acknowledged commits when the power fails.
  handle.pragma('synchronous = FULL');
  handle.pragma('foreign_keys = ON');
  handle.pragma('trusted_schema = OFF');
  handle.pragma(`journal_size_limit = ${64 * 1024 * 1024}`);
  checkWhole(handle, path);
  return handle;
}

function checkWhole(handle: SqliteConnection.Database, path: string): void {
  const verdict = handle.pragma('quick_check', { simple: true });
  if (verdict !== 'ok') throw new StartupError(`The database ${path} is damaged: ${String(verdict)}`);
}

function describeRefusal(error: unknown, path: string): unknown {
  return error instanceof SqliteConnection.SqliteError
    ? new StartupError(`Cannot use the database ${path}: ${error.message}`)
    : error;
}

function openReader(path: string): SqliteConnection.Database {
  const handle = new SqliteConnection(path, { readonly: true, timeout: BUSY_TIMEOUT_MS });
  handle.pragma('trusted_schema = OFF');
  return handle;
}

/** Kysely types and compiles; each distinct statement is prepared once per handle. */
function createKysely(handle: SqliteConnection.Database): Queryable {
  const statements = new Map<string, SqliteConnection.Statement>();
  const database = {
    close: () => handle.close(),
    prepare(sql: string) {
      let statement = statements.get(sql);
      if (statement === undefined) {
        statement = handle.prepare(sql);
        statements.set(sql, statement);
        if (statements.size > MAX_CACHED_STATEMENTS) evictOldest(statements);
      }
      return statement as never;
    },
  };
  return new Kysely<Tables>({
    dialect: {
      createAdapter: () => (handle.readonly ? new ReaderAdapter() : new WriterAdapter()),
      createDriver: (): Driver => new ImmediateDriver(handle, database),
      createIntrospector: (db) => new SqliteIntrospector(db),
      createQueryCompiler: () => new FileQueryCompiler(),
    },
  });
}

const MAX_CACHED_STATEMENTS = 500;

function evictOldest(statements: Map<string, unknown>): void {
  for (const sql of statements.keys()) {
    statements.delete(sql);
    return;
  }
}

/** Leaves out `for update` and its like: the one transaction at a time holds the whole file. */
class FileQueryCompiler extends SqliteQueryCompiler {
  protected override visitSelectModifier(): void {}
}

class ImmediateDriver extends SqliteDriver {
  readonly #handle: SqliteConnection.Database;

  constructor(handle: SqliteConnection.Database, database: SqliteDatabase) {
    super({ database });
    this.#handle = handle;
  }

  /** Takes the write lock when a transaction begins, so that none fails half-way for want of it. */
  override async beginTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('begin immediate'));
  }

  /** SQLite has rolled back by itself where the disk was full; to try again would hide that. */
  override async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    if (this.#handle.inTransaction) await super.rollbackTransaction(connection);
  }
}

class WriterAdapter extends SqliteAdapter {
  override get supportsTransactionalDdl(): boolean {
    return true;
  }
}

/** Reads finish within one turn of the event loop, so they need not queue for the connection. */
class ReaderAdapter extends SqliteAdapter {
  override get supportsMultipleConnections(): boolean {
    return true;
  }
}

function isStorageFailure(error: unknown): boolean {
  return (
    error instanceof SqliteConnection.SqliteError &&
    (error.code.startsWith('SQLITE_FULL') || error.code.startsWith('SQLITE_IOERR'))
  );
}
