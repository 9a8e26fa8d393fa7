import { sql } from 'kysely';
import { StartupError, StorageUnavailableError } from '../../domain/errors.ts';
import { describeFailure } from '../engines/error-codes.ts';
import { migratePostgres } from '../engines/postgres.ts';
import { createPostgresHandle } from '../engines/postgres-pool.ts';
import { compareMigrations, listMigrations } from '../migrations/migrate.ts';
import type { Queryable } from '../tables.ts';
import { COPIED_TABLES, findLastRow } from './rows.ts';

/** The state of a target before the copy. `fingerprint` identifies the content of the source of an unfinished copy. */
export type TargetState =
  | { readonly kind: 'empty' }
  | { readonly kind: 'unfinished'; readonly fingerprint: string }
  | { readonly kind: 'filled' };

/**
 * The prefix of the name of a migration that no version knows. A migration with such a name marks an unfinished copy:
 * no gateway starts on a database with an unknown migration, and the gateway's error message contains the name.
 */
const UNFINISHED_PREFIX = 'unfinished-migrate-to-';

/** The key of the advisory lock: an arbitrary number that no other lock in the database uses. */
const LOCK_KEY = sql.lit(4_831_206_117);

const LOCK_TIMEOUT_MS = 10_000;
/** The SQLSTATE of a lock timeout. */
const LOCK_TIMEOUT_CODE = '55P03';

const USE_EMPTY_DATABASE = 'Name an empty database.';

/**
 * Opens a Postgres, without a migration, and locks it while `work` runs. Everything runs on one connection. Waits a few
 * seconds for the lock, because the connection of an earlier process may take a moment to close.
 * @throws StartupError when the server is unreachable, or another process is copying to the database.
 */
export async function withTarget<T>(url: string, work: (target: Queryable) => Promise<T>): Promise<T> {
  let hasLock = false;
  const settings = { max: 1, statement_timeout: 0, query_timeout: 0, lock_timeout: LOCK_TIMEOUT_MS };
  let handle: Queryable | undefined;
  try {
    handle = createPostgresHandle(url, { ...settings, idle_in_transaction_session_timeout: 0 });
    return await handle.connection().execute(async (target) => {
      await sql`select pg_advisory_lock(${LOCK_KEY})`.execute(target);
      hasLock = true;
      return work(target);
    });
  } catch (error) {
    if (hasLock) throw error;
    const isLockedByAnother =
      error instanceof StorageUnavailableError && (error.cause as { code?: string }).code === LOCK_TIMEOUT_CODE;
    const reason = isLockedByAnother ? 'another process copies to it' : describeFailure(error);
    throw new StartupError(`Cannot use the target: ${reason}`);
  } finally {
    await handle?.destroy();
  }
}

/**
 * Reads the state of a target.
 * @throws StartupError when the target contains other tables, or was made by another version.
 */
export async function readTargetState(target: Queryable): Promise<TargetState> {
  const { rows: tables } = await sql<{ name: string }>`
    select tablename as name from pg_tables where schemaname = current_schema() order by name`.execute(target);
  const hasMigrations = tables.some(({ name }) => name === 'kysely_migration');
  const names = hasMigrations ? await listMigrations(target) : [];
  const unfinishedName = names.find((name) => name.startsWith(UNFINISHED_PREFIX));
  if (names.length === 0) {
    const foreignTable = tables.find(({ name }) => !name.startsWith('kysely_'));
    if (foreignTable === undefined) return { kind: 'empty' };
    throw new StartupError(`The target contains something else: the table ${foreignTable.name}. ${USE_EMPTY_DATABASE}`);
  }
  const version = compareMigrations(names.filter((name) => name !== unfinishedName));
  if (version !== 'same') {
    const versionText = version === 'newer' ? 'a newer' : 'an older';
    throw new StartupError(`The target was made by ${versionText} version of ChatGraph. ${USE_EMPTY_DATABASE}`);
  }
  if (unfinishedName !== undefined) {
    return { kind: 'unfinished', fingerprint: unfinishedName.slice(UNFINISHED_PREFIX.length) };
  }
  for (const table of COPIED_TABLES) if (await findLastRow(target, table)) return { kind: 'filled' };
  return { kind: 'empty' };
}

/** Creates the tables of an empty target, and records that a copy is in progress. */
export async function markCopyStarted(url: string, target: Queryable, fingerprint: string): Promise<void> {
  try {
    await migratePostgres(url);
    const name = UNFINISHED_PREFIX + fingerprint;
    await sql`insert into kysely_migration values (${name}, ${new Date().toISOString()})`.execute(target);
  } catch (error) {
    throw new StartupError(`Cannot use the target: ${describeFailure(error)}`);
  }
}

/** Records that the copy is complete: gateways may start. */
export async function markCopyComplete(target: Queryable): Promise<void> {
  await sql`delete from kysely_migration where name like ${`${UNFINISHED_PREFIX}%`}`.execute(target);
}
