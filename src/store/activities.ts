import type { ConversationActivity } from '../domain/entities.ts';
import { fromJson, toJson } from '../domain/json.ts';
import { CONVERSATION_NOT_DELETED } from './deleted-chatbots.ts';
import type { ConversationActivityRow } from './event-rows.ts';
import { type Page, padIds, prepareList } from './pages.ts';
import type { Queryable } from './tables.ts';

/** Inserts a new activity. */
export async function insertActivity(trx: Queryable, activity: ConversationActivity): Promise<void> {
  await trx
    .insertInto('conversation_activities')
    .values({
      id: activity.id,
      account_id: activity.accountId,
      conversation_id: activity.conversationId,
      changes: toJson(activity.changes),
      actor: activity.actor,
      at: activity.at,
    })
    .execute();
}

/** Finds several activities of the account, in no particular order. */
export async function findActivities(
  db: Queryable,
  accountId: string,
  ids: readonly string[],
): Promise<ConversationActivity[]> {
  const rows = await db
    .selectFrom('conversation_activities')
    .selectAll()
    .where('id', 'in', padIds(ids))
    .where('account_id', '=', accountId)
    .where(CONVERSATION_NOT_DELETED)
    .execute();
  return rows.map(toActivity);
}

/** The activities of a conversation, oldest first. Uses `conversation_activities_by_conversation`. */
export async function listActivities(
  db: Queryable,
  accountId: string,
  conversationId: string,
  page: Page,
): Promise<ConversationActivity[]> {
  return (await LIST(db, [conversationId, accountId], page)).map(toActivity);
}

const LIST = prepareList('asc', (db) =>
  db.selectFrom('conversation_activities').selectAll().where('conversation_id', '=', '').where('account_id', '=', ''),
);

function toActivity(row: ConversationActivityRow): ConversationActivity {
  return {
    id: row.id,
    accountId: row.account_id,
    conversationId: row.conversation_id,
    changes: fromJson(row.changes),
    actor: row.actor,
    at: row.at,
  };
}
