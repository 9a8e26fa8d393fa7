import { sql } from 'kysely';
import { StartupError, StorageUnavailableError } from '../../domain/errors.ts';
import { describeFailure } from '../engines/error-codes.ts';
import { migratePostgres } from '../engines/postgres.ts';
import { createPostgresHandle } from '../engines/postgres-pool.ts';
import { compareMigrations, listMigrations } from '../migrations/migrate.ts';
import type { Queryable } from '../tables.ts';
import { COPIED_TABLES, findLastRow } from './rows.ts';

/** What a target contains before the copy. `fingerprint` is that of the source of a copy in progress. */
export type TargetState =
  | { readonly is: 'empty' }
  | { readonly is: 'unfinished'; readonly fingerprint: string }
  | { readonly is: 'filled' };

/**
 * Marks a copy in progress, as the beginning of the name of a migration that no version knows. So no gateway starts on
 * an incomplete copy, and its error shows the state.
 */
const MARK = 'unfinished-migrate-to-';

/** An arbitrary number that no other lock in the database uses. */
const LOCK = sql.lit(4_831_206_117);

const LOCK_TIMEOUT_MS = 10_000;
/** The SQLSTATE of a lock timeout. */
const LOCK_TIMED_OUT = '55P03';

const USE_EMPTY = 'Name an empty database.';

/**
 * Opens a Postgres for this process alone, without a migration, while `work` runs. Everything runs on one connection.
 * The lock of an earlier process may take a moment to end, with its connection.
 * @throws StartupError when the server is unreachable, or another process copies to the database.
 */
export async function withTarget<T>(url: string, work: (target: Queryable) => Promise<T>): Promise<T> {
  let hasLock = false;
  const settings = { max: 1, statement_timeout: 0, query_timeout: 0, lock_timeout: LOCK_TIMEOUT_MS };
  let handle: Queryable | undefined;
  try {
    handle = createPostgresHandle(url, { ...settings, idle_in_transaction_session_timeout: 0 });
    return await handle.connection().execute(async (target) => {
      await sql`select pg_advisory_lock(${LOCK})`.execute(target);
      hasLock = true;
      return work(target);
    });
  } catch (error) {
    if (hasLock) throw error;
    const isHeld =
      error instanceof StorageUnavailableError && (error.cause as { code?: string }).code === LOCK_TIMED_OUT;
    const reason = isHeld ? 'another process copies to it' : describeFailure(error);
    throw new StartupError(`Cannot use the target: ${reason}`);
  } finally {
    await handle?.destroy();
  }
}

/**
 * Reads the state of a target.
 * @throws StartupError when this version may not write to it.
 */
export async function readTargetState(target: Queryable): Promise<TargetState> {
  const { rows: tables } = await sql<{ name: string }>`
    select tablename as name from pg_tables where schemaname = current_schema() order by name`.execute(target);
  const isKnown = tables.some(({ name }) => name === 'kysely_migration');
  const names = isKnown ? await listMigrations(target) : [];
  const mark = names.find((name) => name.startsWith(MARK));
  if (names.length === 0) {
    const other = tables.find(({ name }) => !name.startsWith('kysely_'));
    if (other === undefined) return { is: 'empty' };
    throw new StartupError(`The target contains something else: the table ${other.name}. ${USE_EMPTY}`);
  }
  const version = compareMigrations(names.filter((name) => name !== mark));
  if (version !== 'same')
    throw new StartupError(
      `The target was made by ${version === 'newer' ? 'a newer' : 'an older'} version of ChatGraph. ${USE_EMPTY}`,
    );
  if (mark !== undefined) return { is: 'unfinished', fingerprint: mark.slice(MARK.length) };
  for (const table of COPIED_TABLES) if (await findLastRow(target, table)) return { is: 'filled' };
  return { is: 'empty' };
}

/** Creates the tables of an empty target, and records that a copy of a source is in progress. */
export async function markCopyStarted(url: string, target: Queryable, fingerprint: string): Promise<void> {
  try {
    await migratePostgres(url);
    await sql`insert into kysely_migration values (${MARK + fingerprint}, ${new Date().toISOString()})`.execute(target);
  } catch (error) {
    throw new StartupError(`Cannot use the target: ${describeFailure(error)}`);
  }
}

/** Records that the copy is complete: gateways may start. */
export async function markCopyComplete(target: Queryable): Promise<void> {
  await sql`delete from kysely_migration where name like ${`${MARK}%`}`.execute(target);
}
