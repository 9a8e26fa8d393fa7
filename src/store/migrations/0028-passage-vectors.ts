import { type Kysely, sql } from 'kysely';
import { isPostgres } from '../engines/engine.ts';

/**
 * Adds the vectors of passages, for search by meaning, and the claims of tasks that only one gateway at a time runs. A
 * background task computes the vectors: see `embedPassages` in `src/sources`.
 */
export async function addPassageVectors(db: Kysely<unknown>): Promise<void> {
  const { schema } = db;
  await schema
    .createTable('passage_vectors')
    .addColumn('passage_id', 'text', (c) => c.primaryKey().notNull().references('passages.id').onDelete('cascade'))
    .addColumn('account_id', 'text', (c) => c.notNull())
    .addColumn('chatbot_id', 'text', (c) => c.notNull())
    .addColumn('model', 'text', (c) => c.notNull())
    .addColumn('dimensions', 'integer', (c) => c.notNull())
    .addColumn('norm', 'double precision', (c) => c.notNull())
    .addColumn('vector', isPostgres(db) ? 'bytea' : 'blob', (c) => c.notNull())
    .execute();
  // Postgres would try in vain to compress vectors of more than 2,000 bytes.
  if (isPostgres(db)) await sql`alter table passage_vectors alter column vector set storage external`.execute(db);
  await schema
    .createIndex('passage_vectors_by_chatbot')
    .on('passage_vectors')
    .columns(['model', 'dimensions', 'chatbot_id', 'passage_id'])
    .execute();
  await schema
    .createTable('task_claims')
    .addColumn('task', 'text', (c) => c.primaryKey().notNull())
    .addColumn('node_id', 'text', (c) => c.notNull())
    .execute();
}
