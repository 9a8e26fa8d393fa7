import { type Kysely, PostgresAdapter } from 'kysely';

/** Whether a handle or transaction belongs to Postgres; otherwise to SQLite. */
export function isPostgres(db: Pick<Kysely<never>, 'getExecutor'>): boolean {
  return db.getExecutor().adapter instanceof PostgresAdapter;
}
