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
 * Returns the numbers of an account, or of some of its chatbots. Only those that a person answers are counted, because
 * that ends with time: within `conversations_silent`, which contains the conversations of the last day. A closed
 * conversation is never silent.
 * @param chatbotIds absent: all chatbots of the account.
 */
export async function countInbox(
  db: Queryable,
  accountId: string,
  { chatbotIds, now }: { chatbotIds: readonly string[] | undefined; now: Timestamp },
): Promise<InboxCounts> {
  if (chatbotIds?.length === 0) return { open: 0, escalated: 0, withAgent: 0, unassigned: 0, unread: 0 };
  const chosen = chatbotIds ? sql`and id in (${sql.join(chatbotIds)})` : sql``;
  const chatbots = sql`chatbots where account_id = ${accountId} and deleted_at is null ${chosen}`;
  const { rows } = await sql<Record<keyof InboxCounts, number | string | null>>`
    select sum(open) as open, sum(escalated) as escalated, sum(unassigned) as unassigned, sum(unread) as unread,
      (select count(*) from conversations where account_id = ${accountId} and silent_until > ${now}
        and chatbot_id in (select id from ${chatbots})) as "withAgent"
    from inbox_counts where chatbot_id in (select id from ${chatbots})`.execute(db);
  const [row] = rows;
  const numberOf = (name: keyof InboxCounts) => Number(row?.[name] ?? 0);
  return {
    open: numberOf('open'),
    escalated: numberOf('escalated'),
    withAgent: numberOf('withAgent'),
    unassigned: numberOf('unassigned'),
    unread: numberOf('unread'),
  };
}
