import type { Kysely } from 'kysely';

/** Adds the comment of a rating, and orders the index of the leads of a conversation. */
export async function addRatingCommentsAndLeadOrder({ schema }: Kysely<unknown>): Promise<void> {
  await schema.alterTable('messages').addColumn('rating_comment', 'text').execute();
  await schema.dropIndex('leads_by_conversation').execute();
  await schema.createIndex('leads_by_conversation').on('leads').columns(['conversation_id', 'id']).execute();
}
