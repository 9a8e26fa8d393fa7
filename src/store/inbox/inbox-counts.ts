import { sql } from 'kysely';
import type { Timestamp } from '../../domain/time.ts';
import type { Queryable } from '../tables.ts';

/** The numbers of conversations that an inbox shows; those that are CLOSED count nowhere. */
export interface InboxCounts {
  readonly open: number;
  readonly escalated: number;
  readonly withAgent: number;
  readonly unassigned: number;
  readonly unread: number;
}

/**
 * Counts the conversations of an account, or of some of its chatbots. Each number is a count within an index that
 * contains all its columns: `conversations_of_chatbot_by_status`, `conversations_assigned`, `conversations_silent` and
 * `conversations_unread`. A closed conversation is never silent.
 * @param chatbotIds absent: all chatbots of the account.
 */
export async function countInbox(
  db: Queryable,
  accountId: string,
  { chatbotIds, now }: { chatbotIds: readonly string[] | undefined; now: Timestamp },
): Promise<InboxCounts> {
  if (chatbotIds?.length === 0) return { open: 0, escalated: 0, withAgent: 0, unassigned: 0, unread: 0 };
  const chosen = chatbotIds ? sql`and id in (${sql.join(chatbotIds)})` : sql``;
  const inChatbots = sql`chatbot_id in (
    select id from chatbots where account_id = ${accountId} and deleted_at is null ${chosen})`;
  const ofAccount = sql`account_id = ${accountId} and ${inChatbots}`;
  const { rows } = await sql<Record<'open' | 'escalated' | 'assigned' | 'with_agent' | 'unread', number | string>>`
    select
      (select count(*) from conversations where ${inChatbots} and status = 'OPEN') as open,
      (select count(*) from conversations where ${inChatbots} and status = 'ESCALATED') as escalated,
      (select count(*) from conversations where ${ofAccount} and assignee is not null and status <> 'CLOSED')
        as assigned,
      (select count(*) from conversations where ${ofAccount} and silent_until > ${now}) as with_agent,
      (select count(*) from conversations where ${ofAccount} and unread_since is not null and status <> 'CLOSED') as unread
  `.execute(db);
  const { open = 0, escalated = 0, assigned = 0, with_agent = 0, unread = 0 } = rows[0] ?? {};
  return {
    open: Number(open),
    escalated: Number(escalated),
    withAgent: Number(with_agent),
    unassigned: Number(open) + Number(escalated) - Number(assigned),
    unread: Number(unread),
  };
}
