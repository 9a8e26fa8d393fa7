import { type Kysely, sql } from 'kysely';
import { Migrator } from 'kysely/migration';
import { StorageUnavailableError } from '../../domain/errors.ts';
import type { Queryable } from '../tables.ts';
import { migrations } from './migrations.ts';

/**
 * Migrates the tables, in one transaction. When several processes start at once on Postgres, one migrates and the
 * others wait: Kysely takes an advisory lock.
 */
export async function migrate(db: Queryable): Promise<void> {
  const migrator = new Migrator({ db: db as Kysely<unknown>, provider: { getMigrations: async () => migrations } });
  const { error } = await migrator.migrateToLatest();
  if (error !== undefined) throw error;
}

/**
 * Compares the version of a database with the version of this program, by the names of the migrations that have run on
 * the database.
 */
export function compareMigrations(names: readonly string[]): 'older' | 'same' | 'newer' {
  if (names.some((name) => !(name in migrations))) return 'newer';
  return names.length < Object.keys(migrations).length ? 'older' : 'same';
}

/**
 * Whether every migration has run; false in an empty database. Waits for no lock, and is much faster than the migrator,
 * which reads the whole catalog.
 * @throws StorageUnavailableError
 */
export async function isMigrated(db: Queryable): Promise<boolean> {
  try {
    return compareMigrations(await listMigrations(db)) === 'same';
  } catch (error) {
    if (error instanceof StorageUnavailableError) throw error;
    return false;
  }
}

/** The names of the migrations that have run on a database. */
export async function listMigrations(db: Queryable): Promise<string[]> {
  const { rows } = await sql<{ name: string }>`select name from kysely_migration order by name`.execute(db);
  return rows.map(({ name }) => name);
}
