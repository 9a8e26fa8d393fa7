import SQLite from 'better-sqlite3';
import { Kysely, PostgresDialect, SqliteDialect } from 'kysely';
import { Migrator } from 'kysely/migration';
import { Pool } from 'pg';
import { expect, onTestFinished } from 'vitest';
import { createId } from '../../../src/domain/ids.ts';
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

/** Inserts an account with chatbots, with the columns that all versions since migration 0013 have. */
export async function insertChatbots(db: Kysely<Tables>, chatbotIds: readonly string[]) {
  const accountId = createId('account');
  const at = '2026-01-01T00:00:00.000000+00:00';
  const account = { id: accountId, name: accountId, created_at: at };
  await db
    .insertInto('accounts')
    .values(account as never)
    .execute();
  const texts = { provider: 'builtin', instructions: '', fallback_message: 'No.', handoff_message: '' };
  const owner = { account_id: accountId, is_active: 1, metadata: '{}', created_at: at, updated_at: at };
  for (const id of chatbotIds) {
    await db
      .insertInto('chatbots')
      .values({ id, name: 'B', slug: id, ...texts, ...owner } as never)
      .execute();
  }
  return { accountId };
}
