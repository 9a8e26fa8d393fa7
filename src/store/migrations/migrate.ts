import type { Kysely } from 'kysely';
import { Migrator } from 'kysely/migration';
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

/** Compares a database with this version, by the names of the migrations that it has run. */
export function compareMigrations(names: readonly string[]): 'older' | 'same' | 'newer' {
  if (names.some((name) => !(name in migrations))) return 'newer';
  return names.length < Object.keys(migrations).length ? 'older' : 'same';
}
