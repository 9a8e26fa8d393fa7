import SQLite from 'better-sqlite3';
import { Kysely, PostgresDialect, SqliteDialect } from 'kysely';
import { Migrator } from 'kysely/migration';
import { Pool } from 'pg';
import { expect, onTestFinished } from 'vitest';
import { migrations } from '../../../src/store/migrations/migrations.ts';
import type { Tables } from '../../../src/store/tables.ts';
import type { TestEngine } from '../../helpers/databases.ts';

/** Creates a database, and runs the migrations up to the one called `name`. */
export async function openAtMigration(engine: TestEngine, name: string) {
  const { url, drop } = await engine.createEmpty();
  onTestFinished(drop);
  const dialect =
    engine.name === 'SQLite'
      ? new SqliteDialect({ database: new SQLite(url.slice('sqlite:'.length)) })
      : new PostgresDialect({ pool: new Pool({ connectionString: url }) });
  const db = new Kysely<Tables>({ dialect });
  const migrator = new Migrator({ db, provider: { getMigrations: async () => migrations } });
  expect((await migrator.migrateTo(name)).error).toBeUndefined();
  return { db, url };
}
