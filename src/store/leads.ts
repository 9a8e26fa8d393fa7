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

/** Stores the contact details of a lead. */
export async function updateLeadDetails(
  trx: Queryable,
  { id, accountId, name, email, phone, customData }: Lead,
): Promise<void> {
  await trx
    .updateTable('leads')
    .set({ name, email, phone, custom_data: customData })
    .where('id', '=', id)
    .where('account_id', '=', accountId)
    .execute();
}

/** Finds a lead of the account and locks it until the end of the transaction. */
export async function lockLead(trx: Queryable, accountId: string, id: string): Promise<Lead | undefined> {
  const row = await trx
    .selectFrom('leads')
    .selectAll()
    .where('id', '=', id)
    .where('account_id', '=', accountId)
    .where(CHATBOT_NOT_DELETED)
    .forNoKeyUpdate()
    .executeTakeFirst();
  return row && toLead(row);
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

/** A conversation's leads, newest first. Uses `leads_by_conversation`. */
export async function listConversationLeads(
  db: Queryable,
  accountId: string,
  conversationId: string,
  page: Page,
): Promise<Lead[]> {
  return (await LIST_BY_CONVERSATION(db, [conversationId, accountId], page)).map(toLead);
}

const LIST_BY_CONVERSATION = prepareList('desc', (db) =>
  db.selectFrom('leads').selectAll().where('conversation_id', '=', '').where('account_id', '=', ''),
);

/** Converts the row of a lead. */
export function toLead(row: LeadRow): Lead {
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
