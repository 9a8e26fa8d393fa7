import type { Lead } from '../domain/entities.ts';
import { CHATBOT_NOT_DELETED } from './deleted-chatbots.ts';
import { type Page, padIds, prepareList } from './pages.ts';
import type { LeadRow, Queryable } from './tables.ts';

/** Inserts a new lead. */
export async function insertLead(trx: Queryable, lead: Lead): Promise<void> {
  await trx
    .insertInto('leads')
    .values({
      id: lead.id,
      account_id: lead.accountId,
      chatbot_id: lead.chatbotId,
      conversation_id: lead.conversationId,
      name: lead.name,
      email: lead.email,
      phone: lead.phone,
      custom_data: lead.customData,
      created_at: lead.createdAt,
    })
    .execute();
}

/** Finds several leads of the account, in no particular order. */
export async function findLeads(db: Queryable, accountId: string, ids: readonly string[]): Promise<Lead[]> {
  const rows = await db
    .selectFrom('leads')
    .selectAll()
    .where('id', 'in', padIds(ids))
    .where('account_id', '=', accountId)
    .where(CHATBOT_NOT_DELETED)
    .execute();
  return rows.map(toLead);
}

/** A chatbot's leads, newest first. Uses `leads_by_chatbot`. */
export async function listLeads(db: Queryable, accountId: string, chatbotId: string, page: Page): Promise<Lead[]> {
  return (await LIST(db, [chatbotId, accountId], page)).map(toLead);
}

const LIST = prepareList('desc', (db) =>
  db.selectFrom('leads').selectAll().where('chatbot_id', '=', '').where('account_id', '=', ''),
);

function toLead(row: LeadRow): Lead {
  return {
    id: row.id,
    accountId: row.account_id,
    chatbotId: row.chatbot_id,
    conversationId: row.conversation_id,
    name: row.name,
    email: row.email,
    phone: row.phone,
    customData: row.custom_data,
    createdAt: row.created_at,
  };
}
