import { type Kysely, sql } from 'kysely';

/** Adds the mark of deleted chatbots, which remain until a background task has removed their rows. */
export async function addChatbotRemoval({ schema }: Kysely<unknown>): Promise<void> {
  await schema.alterTable('chatbots').addColumn('deleted_at', 'text').execute();
  await schema
    .createIndex('chatbots_deleted')
    .on('chatbots')
    .column('id')
    .where(sql<boolean>`deleted_at is not null`)
    .execute();
}
