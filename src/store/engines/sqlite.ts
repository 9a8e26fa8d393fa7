import { existsSync, realpathSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { sql, type Transaction } from 'kysely';
import { StartupError, StorageUnavailableError } from '../../domain/errors.ts';
import { MAX_BODY_BYTES } from '../../domain/shared-limits.ts';
import { migrate } from '../migrations/migrate.ts';
import type { Queryable, Tables } from '../tables.ts';
import { createConcurrencyLimiter } from './concurrency-limiter.ts';
import { DatabaseInUseError } from './database-in-use.ts';
import { describeFailure } from './error-codes.ts';
import { hasFreeSpace } from './free-space.ts';
import {
  lockPathOf,
  makePrivateFile,
  makePrivateFolder,
  type ReportExposedFiles,
  restrictFiles,
} from './private-files.ts';
import { createKysely, type Handle, isSqliteError, openHandle, retryWhileLocked } from './sqlite-driver.ts';
import type { RunTransaction, TransactionOptions } from './transaction.ts';

const FOREIGN_WRITE_POLL_MS = 250;
/** How long a read or a transaction waits for a file that another process has locked, counted from the call. */
const MAX_FILE_LOCK_WAIT_MS = 5_000;
/** How long the start waits for a locked file. It is longer because no client is waiting. */
const MAX_START_LOCK_WAIT_MS = 30_000;
/** How long a transaction waits in the queue for earlier transactions of this process. */
const MAX_QUEUE_WAIT_MS = 20_000;

/**
 * Opens a file as the database, checks it and migrates its tables. Creates the folder if it is missing. A gateway locks
 * the file, so that no other gateway can open it, even by another path. A tool may write to the file at the same time.
 * Other users may not read the files.
 * @param onExposedFiles called with the files that other users could read.
 * @throws DatabaseInUseError when another gateway has opened the file; StartupError when the file cannot be used.
 */
export async function openSqlite(
  givenPath: string,
  role: 'gateway' | 'tool',
  onExposedFiles: ReportExposedFiles = () => {},
) {
  const path = resolvePath(givenPath);
  const lock = role === 'gateway' ? acquireLock(path) : undefined;
  restrictFiles(path, onExposedFiles);
  const startDeadline = performance.now() + MAX_START_LOCK_WAIT_MS;
  let deadline = startDeadline;

  let writerHandle: Handle | undefined;
  try {
    writerHandle = await retryWhileLocked(() => openWriter(path), startDeadline);
    const handle = writerHandle;
    const writer = createKysely(handle, () => deadline);
    await migrate(writer);
    const readerHandle = await retryWhileLocked(() => openHandle(path, { readonly: true }), startDeadline);
    const reader = createKysely(readerHandle, () => performance.now() + MAX_FILE_LOCK_WAIT_MS);
    const limiter = createConcurrencyLimiter(1, MAX_QUEUE_WAIT_MS);
    // `deadline` belongs to the current transaction, because only one runs at a time.
    const transact: RunTransaction = (work, { hasAsyncCommit = false } = {}) => {
      const ownDeadline = performance.now() + MAX_FILE_LOCK_WAIT_MS;
      return limiter.run(async () => {
        deadline = ownDeadline;
        if (hasAsyncCommit) handle.pragma('synchronous = NORMAL');
        try {
          return await writer.transaction().execute(work);
        } finally {
          if (hasAsyncCommit && handle.open) handle.pragma('synchronous = FULL');
        }
      });
    };
    return createDatabase({ path, writerHandle: handle, writer, reader, transact, lock });
  } catch (error) {
    writerHandle?.close();
    lock?.close();
    throw toStartupError(error, path);
  }
}

/**
 * Opens a snapshot of a file, which later writes of a tool do not affect. No gateway can start on the file until the
 * snapshot is closed. Does not change the file.
 * @throws DatabaseInUseError when a gateway has opened the file; StartupError when the file cannot be read.
 */
export function openSqliteSnapshot(givenPath: string): { db: Queryable; close(): Promise<void> } {
  if (!existsSync(givenPath)) throw new StartupError(`There is no database ${givenPath}.`);
  const path = resolvePath(givenPath);
  const lock = acquireLock(path);
  let handle: Handle | undefined;
  try {
    handle = openHandle(path, { readonly: true });
    // The transaction's snapshot is taken at its first read, which is the integrity check.
    handle.exec('begin');
    checkIntegrity(handle, path);
    const db = createKysely(handle, () => performance.now() + MAX_FILE_LOCK_WAIT_MS);
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
    throw toStartupError(error, path);
  }
}

/** The handles of an open file; transactions run on the writer. */
interface FileHandles {
  readonly path: string;
  readonly writerHandle: Handle;
  readonly writer: Queryable;
  readonly reader: Queryable;
  readonly transact: RunTransaction;
  readonly lock: Handle | undefined;
}

function createDatabase({ path, writerHandle, writer, reader, transact, lock }: FileHandles) {
  let isWritable = true;
  let pollTimer: NodeJS.Timeout | undefined;

  async function transaction<T>(
    work: (trx: Transaction<Tables>) => Promise<T>,
    options?: TransactionOptions,
  ): Promise<T> {
    try {
      return await transact(work, options);
    } catch (error) {
      // A lock of another process (logged as a warning) does not make this gateway unready, because reads continue.
      if (error instanceof StorageUnavailableError && error.logLevel === 'error') isWritable = false;
      throw error;
    }
  }

  return {
    isShared: false,
    read: reader,
    heartbeat: reader,
    transaction,

    async isReady() {
      try {
        await reader.selectFrom('accounts').select('id').limit(1).execute();
        if (!isWritable) await transaction(checkWritable);
        // Not after every transaction that succeeds: a small one may succeed where the next larger one fails.
        isWritable = true;
        return await hasFreeSpace(writerHandle, path);
      } catch {
        return false;
      }
    },

    onForeignWrite(listener: () => void) {
      // On the writer, `data_version` changes only with commits of other connections. All other connections that write
      // belong to other processes.
      let lastVersion = readDataVersion(writerHandle);
      pollTimer = setInterval(() => {
        const version = readDataVersion(writerHandle);
        if (version === undefined || version === lastVersion) return;
        lastVersion = version;
        listener();
      }, FOREIGN_WRITE_POLL_MS).unref();
    },

    async close() {
      clearInterval(pollTimer);
      await reader.destroy();
      await writer.destroy();
      lock?.close();
    },
  };
}

/** Returns undefined while the file cannot be read; a later check finds the change. */
function readDataVersion(handle: Handle): unknown {
  try {
    return handle.pragma('data_version', { simple: true });
  } catch {
    return undefined;
  }
}

/**
 * Returns the real path of a file, which is the same for all symbolic links to it. Creates the file, and its folder, if
 * they are missing.
 * @throws StartupError when the file cannot be created, or has several hard links: SQLite would keep a separate
 * write-ahead log for each link.
 */
function resolvePath(path: string): string {
  try {
    makePrivateFolder(dirname(path));
    if (!existsSync(path)) makePrivateFile(path);
    if (statSync(path).nlink > 1) {
      throw new StartupError(`The database ${path} has more than one name (hard links). Remove all but one.`);
    }
    return realpathSync(path);
  } catch (error) {
    if (error instanceof StartupError) throw error;
    throw new StartupError(
      `Cannot use the database ${path}: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}

/** Checks that a change of the size of a large request reaches the disk. Leaves no change behind. */
async function checkWritable(trx: Transaction<Tables>): Promise<void> {
  await trx.schema.createTable('probe').addColumn('content', 'blob').execute();
  await sql`insert into probe values (zeroblob(${MAX_BODY_BYTES}))`.execute(trx);
  await trx.schema.dropTable('probe').execute();
}

/**
 * Acquires the lock of a database: an exclusive transaction on a second SQLite file. The operating system releases this
 * lock even after `kill -9`, whereas a lock file with a process id would remain.
 */
function acquireLock(path: string): Handle {
  const lockPath = lockPathOf(path);
  makePrivateFile(lockPath);
  const lock = openHandle(lockPath);
  try {
    lock.exec('BEGIN EXCLUSIVE');
    return lock;
  } catch (error) {
    lock.close();
    if (isSqliteError(error, 'SQLITE_BUSY')) throw new DatabaseInUseError(path);
    throw error;
  }
}

function openWriter(path: string): Handle {
  const handle = openHandle(path);
  try {
    handle.pragma('journal_mode = WAL');
    // better-sqlite3 sets NORMAL, which can lose acknowledged commits in a power failure.
    handle.pragma('synchronous = FULL');
    handle.pragma('foreign_keys = ON');
    // Overwrites what is deleted; by default its bytes stay in the file until the space is used again. Adding and
    // deleting 4,000 passages takes as long as without it.
    handle.pragma('secure_delete = ON');
    handle.pragma(`journal_size_limit = ${64 * 1024 * 1024}`);
    checkIntegrity(handle, path);
    return handle;
  } catch (error) {
    handle.close();
    throw error;
  }
}

function checkIntegrity(handle: Handle, path: string): void {
  const verdict = handle.pragma('quick_check', { simple: true });
  if (verdict !== 'ok') throw new StartupError(`The database ${path} is damaged: ${String(verdict)}`);
}

function toStartupError(error: unknown, path: string): unknown {
  return isSqliteError(error) || error instanceof StorageUnavailableError
    ? new StartupError(`Cannot use the database ${path}: ${describeFailure(error)}`)
    : error;
}
