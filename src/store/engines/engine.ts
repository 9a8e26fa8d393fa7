import { type Kysely, PostgresAdapter } from 'kysely';

/** Whether a handle or transaction is one of Postgres; else it is one of SQLite. */
export function isPostgres(db: Pick<Kysely<never>, 'getExecutor'>): boolean {
  return db.getExecutor().adapter instanceof PostgresAdapter;
}
