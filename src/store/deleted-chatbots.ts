import { sql } from 'kysely';
import type { Chatbot } from '../domain/entities.ts';
import type { Timestamp } from '../domain/time.ts';
import type { Queryable } from './tables.ts';

/** A deleted chatbot whose rows are still being removed. */
export type DeletedChatbot = Pick<Chatbot, 'id' | 'accountId'>;

/**
 * The condition that the chatbot of a row with a `chatbot_id` is not deleted. Queries use it because the rows of a
 * deleted chatbot remain until their removal.
 */
export const CHATBOT_NOT_DELETED = sql<boolean>`not exists (
  select 1 from chatbots as deleted where deleted.id = chatbot_id and deleted.deleted_at is not null)`;

/** The condition that the chatbot of a row with a `conversation_id` is not deleted. */
export const CONVERSATION_NOT_DELETED = sql<boolean>`not exists (
  select 1 from conversations as parent join chatbots as deleted on deleted.id = parent.chatbot_id
  where parent.id = conversation_id and deleted.deleted_at is not null)`;

/**
 * The condition that a row with a `subscription_id` does not belong to a deleted chatbot. The subscription of a whole
 * account has no chatbot, so its rows meet the condition.
 */
export const SUBSCRIPTION_NOT_DELETED = sql<boolean>`not exists (
  select 1 from webhook_subscriptions as endpoint join chatbots as deleted on deleted.id = endpoint.chatbot_id
  where endpoint.id = subscription_id and deleted.deleted_at is not null)`;

/**
 * Marks a chatbot as deleted. After the commit, queries find neither the chatbot nor its rows, and its slug is free.
 */
export async function markChatbotDeleted(trx: Queryable, { id, accountId }: DeletedChatbot, at: Timestamp) {
  await trx
    .updateTable('chatbots')
    .set({ deleted_at: at, slug: id, is_active: 0 })
    .where('id', '=', id)
    .where('account_id', '=', accountId)
    .execute();
  await trx.updateTable('webhook_subscriptions').set({ is_active: 0 }).where('chatbot_id', '=', id).execute();
}

/** The chatbots of every account that are deleted but not removed yet. Uses `chatbots_deleted`. */
export async function listDeletedChatbots(db: Queryable): Promise<DeletedChatbot[]> {
  return db
    .selectFrom('chatbots')
    .select(['id', 'account_id as accountId'])
    .where('deleted_at', 'is not', null)
    .execute();
}
