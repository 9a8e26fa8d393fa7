import { existsSync, realpathSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Transaction } from 'kysely';
import { DatabaseInUseError, StartupError, StorageUnavailableError } from '../../domain/errors.ts';
import { migrate } from '../migrations/migrate.ts';
import type { Queryable, Tables } from '../tables.ts';
import { describeFailure } from './error-codes.ts';
import { createGate } from './gate.ts';
import { lockPathOf, makePrivateFile, makePrivateFolder, type ReportExposed, restrictFiles } from './private-files.ts';
import { createKysely, type Handle, isSqliteError, openHandle, runWhenFree } from './sqlite-driver.ts';
import type { RunTransaction, TransactionOptions } from './transaction.ts';

const FOREIGN_WRITE_POLL_MS = 250;
/** How long a transaction (from its call on) or a read waits for a file that another process has locked. */
const MAX_LOCKED_MS = 5_000;
/** The same while the gateway starts, when no client waits. */
const MAX_LOCKED_AT_START_MS = 30_000;
/** How long a transaction waits for earlier transactions of this process. */
const MAX_QUEUED_MS = 20_000;

/**
 * Opens a file as the database, checks it and migrates its tables. Creates the folder if it is missing. A gateway locks
 * the file, by whatever path it is opened; a tool may write beside the gateway. Only their owner may read the files.
 * @param onExposed called with files that other users could read.
 * @throws DatabaseInUseError when another gateway has opened the file; StartupError when it cannot be used.
 */
export async function openSqlite(givenPath: string, role: 'gateway' | 'tool', onExposed: ReportExposed = () => {}) {
  const path = resolvePath(givenPath);
  const lock = role === 'gateway' ? acquireLock(path) : undefined;
  restrictFiles(path, onExposed);
  const startDeadline = performance.now() + MAX_LOCKED_AT_START_MS;
  let deadline = startDeadline;

  let writerHandle: Handle | undefined;
  try {
    writerHandle = await runWhenFree(() => openWriter(path), startDeadline);
    const handle = writerHandle;
    const writer = createKysely(handle, () => deadline);
    await migrate(writer);
    const readerHandle = await runWhenFree(() => openHandle(path, { readonly: true }), startDeadline);
    const reader = createKysely(readerHandle, () => performance.now() + MAX_LOCKED_MS);
    const gate = createGate(1, MAX_QUEUED_MS);
    // One transaction at a time: the deadline is that of the current one.
    const transact: RunTransaction = (work, { isLazy = false } = {}) => {
      const ownDeadline = performance.now() + MAX_LOCKED_MS;
      return gate.run(async () => {
        deadline = ownDeadline;
        if (isLazy) handle.pragma('synchronous = NORMAL');
        try {
          return await writer.transaction().execute(work);
        } finally {
          if (isLazy) handle.pragma('synchronous = FULL');
        }
      });
    };
    return createDatabase({ writerHandle: handle, writer, reader, transact, lock });
  } catch (error) {
    writerHandle?.close();
    lock?.close();
    throw toStartupError(error, path);
  }
}

/**
 * Opens a file to read its current state, unaffected by what a tool writes meanwhile. No gateway can start on the file
 * until it is closed. Does not change the file.
 * @throws DatabaseInUseError when a gateway has opened the file; StartupError when it cannot be read.
 */
export function openSqliteSnapshot(givenPath: string): { db: Queryable; close(): Promise<void> } {
  if (!existsSync(givenPath)) throw new StartupError(`There is no database ${givenPath}.`);
  const path = resolvePath(givenPath);
  const lock = acquireLock(path);
  let handle: Handle | undefined;
  try {
    handle = openHandle(path, { readonly: true });
    // The integrity check is the first read, which fixes the state that later reads see.
    handle.exec('begin');
    checkIntegrity(handle, path);
    const db = createKysely(handle, () => performance.now() + MAX_LOCKED_MS);
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

/** The handles of an open file; transactions run on the writing one. */
interface FileHandles {
  readonly writerHandle: Handle;
  readonly writer: Queryable;
  readonly reader: Queryable;
  readonly transact: RunTransaction;
  readonly lock: Handle | undefined;
}

function createDatabase({ writerHandle, writer, reader, transact, lock }: FileHandles) {
  let isWritable = true;
  let poll: NodeJS.Timeout | undefined;

  async function transaction<T>(
    work: (trx: Transaction<Tables>) => Promise<T>,
    options?: TransactionOptions,
  ): Promise<T> {
    try {
      const result = await transact(work, options);
      isWritable = true;
      return result;
    } catch (error) {
      // A file that another process locks for a while does not make this gateway unready: reads continue.
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
        return true;
      } catch {
        return false;
      }
    },

    onForeignWrite(listener: () => void) {
      // On the writing handle `data_version` changes only with commits of other connections, and only other processes
      // have writing ones.
      let lastVersion = readDataVersion(writerHandle);
      poll = setInterval(() => {
        const version = readDataVersion(writerHandle);
        if (version === undefined || version === lastVersion) return;
        lastVersion = version;
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

/** Returns undefined while the file cannot be read: the next check sees the change. */
function readDataVersion(handle: Handle): unknown {
  try {
    return handle.pragma('data_version', { simple: true });
  } catch {
    return undefined;
  }
}

/**
 * The real path of a file. Creates the file, and its folder, if they are missing. All links to a file have the same
 * real path.
 * @throws StartupError when the file cannot be created, or has several hard links: SQLite would keep a separate log
 * beside each.
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

/** The smallest change that reaches the disk and leaves nothing behind. */
async function checkWritable(trx: Transaction<Tables>): Promise<void> {
  await trx.schema.createTable('probe').addColumn('id', 'text').execute();
  await trx.schema.dropTable('probe').execute();
}

/**
 * Takes the file's lock: a second SQLite file in an exclusive transaction. The operating system releases it even after
 * `kill -9`, unlike a file with a process id in it.
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
