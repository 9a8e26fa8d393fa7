import { sql } from 'kysely';
import type { MessageStatus } from '../domain/entities.ts';
import { NotFoundError } from '../domain/errors.ts';
import type { LoggedEventType } from '../domain/events.ts';
import { createId } from '../domain/ids.ts';
import type { Timestamp } from '../domain/time.ts';
import { CHATBOT_NOT_DELETED } from './deleted-chatbots.ts';
import { prepareQuery } from './engines/prepared.ts';
import type { ConversationEventRow } from './event-rows.ts';
import { incrementShardNumber, markTrimmed, shardOf } from './logs/account-logs.ts';
import type { Queryable } from './tables.ts';

/** One numbered event of a conversation's log. */
export interface LoggedEvent {
  /** Null for events that an earlier version wrote. */
  readonly id: string | null;
  readonly accountId: string;
  readonly conversationId: string;
  readonly chatbotId: string;
  /** Within the conversation, from 1, without gaps. */
  readonly number: number;
  /** Within the chatbot, from 1, without gaps. */
  readonly chatbotNumber: number;
  /** The shard of the account's log, and the number within the shard; null for events that an earlier version wrote. */
  readonly shard: string | null;
  readonly shardNumber: number | null;
  readonly type: LoggedEventType;
  /** The message that the event is about, if any, and the message's status at the event. */
  readonly messageId: string | null;
  readonly status: MessageStatus | null;
  /** The lead that the event is about, if any. */
  readonly leadId: string | null;
  /** The activity of a ConversationChanged event; null for other events, and for events that an earlier version wrote. */
  readonly activityId: string | null;
  /** Whether the event is a MessageDeleted event of a private note. */
  readonly isPrivate: boolean;
  readonly at: Timestamp;
}

/**
 * Appends an event to the logs of a conversation, its chatbot and its account, in the transaction of the change;
 * `updated_at` of the conversation is the time of its last event. The numbers are in the order of the commits, because
 * the transaction locks the three counters until it ends. Waits for a transaction that deletes the chatbot.
 * @throws NotFoundError when the chatbot is deleted: its conversations accept no more events.
 */
export async function appendEvent(
  trx: Queryable,
  accountId: string,
  event: Pick<LoggedEvent, 'conversationId' | 'type' | 'at'> &
    Partial<Pick<LoggedEvent, 'messageId' | 'status' | 'leadId' | 'activityId' | 'isPrivate'>>,
): Promise<LoggedEvent> {
  const [conversation] = await incrementConversationNumber(trx, [1, event.at, event.conversationId, accountId]);
  const [chatbot] = conversation ? await incrementChatbotNumber(trx, [1, conversation.chatbot_id]) : [];
  if (conversation === undefined || chatbot === undefined) throw new NotFoundError('Conversation');
  const id = createId('conversationEvent');
  const shard = shardOf(conversation.chatbot_id);
  const row: ConversationEventRow = {
    id,
    conversation_id: event.conversationId,
    number: conversation.last_event,
    chatbot_id: conversation.chatbot_id,
    chatbot_number: chatbot.last_event,
    account_id: accountId,
    type: event.type,
    message_id: event.messageId ?? null,
    lead_id: event.leadId ?? null,
    activity_id: event.activityId ?? null,
    is_private: event.isPrivate ? 1 : 0,
    status: event.status ?? null,
    at: event.at,
    shard,
    shard_number: await incrementShardNumber(trx, accountId, { shard, id }),
  };
  await INSERT(
    trx,
    EVENT_COLUMNS.map((column) => row[column]),
  );
  return toLoggedEvent(row);
}

/** A conversation's events after the number `after`, oldest first. Uses the primary key. */
export async function listConversationEvents(
  db: Queryable,
  accountId: string,
  { conversationId, after, limit }: { conversationId: string; after: number; limit: number },
): Promise<LoggedEvent[]> {
  const rows = await db
    .selectFrom('conversation_events')
    .selectAll()
    .where('conversation_id', '=', conversationId)
    .where('number', '>', after)
    .where('account_id', '=', accountId)
    .orderBy('number')
    .limit(limit)
    .execute();
  return rows.map(toLoggedEvent);
}

/**
 * The events of all conversations of a chatbot after the chatbot number `after`, oldest first. Uses
 * `conversation_events_by_chatbot`.
 */
export async function listChatbotEvents(
  db: Queryable,
  accountId: string,
  { chatbotId, after, limit }: { chatbotId: string; after: number; limit: number },
): Promise<LoggedEvent[]> {
  const rows = await db
    .selectFrom('conversation_events')
    .selectAll()
    .where('chatbot_id', '=', chatbotId)
    .where('chatbot_number', '>', after)
    .where('account_id', '=', accountId)
    .orderBy('chatbot_number')
    .limit(limit)
    .execute();
  return rows.map(toLoggedEvent);
}

/**
 * The last event of a conversation or a chatbot of the account: its number (0 without events) and its id (null when
 * none is stored). `undefined` for an unknown conversation or chatbot.
 */
export async function findLastEvent(
  db: Queryable,
  accountId: string,
  table: 'conversations' | 'chatbots',
  id: string,
): Promise<Pick<LoggedEvent, 'number' | 'id'> | undefined> {
  const [row] = await selectLastEvent[table](db, [id, accountId]);
  return row && { number: row.last_event, id: row.event_id };
}

/** For trimming, which is not limited to an account: the events of a chatbot after the chatbot number `after`, oldest first. */
export async function listEventsOfAnyAccount(
  db: Queryable,
  { chatbotId, after }: { chatbotId: string; after: number },
  limit: number,
): Promise<LoggedEvent[]> {
  const rows = await db
    .selectFrom('conversation_events')
    .selectAll()
    .where('chatbot_id', '=', chatbotId)
    .where('chatbot_number', '>', after)
    .orderBy('chatbot_number')
    .limit(limit)
    .execute();
  return rows.map(toLoggedEvent);
}

/** For retention: deletes the events of a chatbot's conversations with a smaller chatbot number. */
export async function deleteEventsBefore(trx: Queryable, chatbotId: string, chatbotNumber: number): Promise<void> {
  const [last] = await trx
    .selectFrom('conversation_events')
    .select(['account_id', 'shard', 'shard_number'])
    .where('chatbot_id', '=', chatbotId)
    .where('chatbot_number', '<', chatbotNumber)
    .where('shard_number', 'is not', null)
    .orderBy('chatbot_number', 'desc')
    .limit(1)
    .execute();
  if (last?.shard != null && last.shard_number !== null) {
    await markTrimmed(trx, last.account_id, { shard: last.shard, number: last.shard_number });
  }
  await trx
    .deleteFrom('conversation_events')
    .where('chatbot_id', '=', chatbotId)
    .where('chatbot_number', '<', chatbotNumber)
    .execute();
}

/** The columns in the order of the values of `INSERT`. */
const EVENT_COLUMNS = [
  ...(['id', 'conversation_id', 'number', 'chatbot_id', 'chatbot_number', 'account_id', 'type'] as const),
  ...(['message_id', 'lead_id', 'activity_id', 'is_private', 'status', 'at', 'shard', 'shard_number'] as const),
] as const satisfies readonly (keyof ConversationEventRow)[];
const INSERT = prepareQuery((db) =>
  db
    .insertInto('conversation_events')
    .values(Object.fromEntries(EVENT_COLUMNS.map((column) => [column, ''])) as unknown as ConversationEventRow),
);

const incrementConversationNumber = prepareQuery((db) =>
  db
    .updateTable('conversations')
    .set((row) => ({ last_event: row('last_event', '+', 1), updated_at: '' as Timestamp }))
    .where('id', '=', '')
    .where('account_id', '=', '')
    .returning(['last_event', 'chatbot_id']),
);
const incrementChatbotNumber = prepareQuery((db) =>
  db
    .updateTable('chatbots')
    .set((row) => ({ last_event: row('last_event', '+', 1) }))
    .where('id', '=', '')
    .where('deleted_at', 'is', null)
    .returning('last_event'),
);

const selectLastEvent = {
  // Each subscription runs this query after every signal of a change.
  conversations: prepareQuery((db) =>
    db
      .selectFrom('conversations')
      .select((row) => [
        'last_event',
        row
          .selectFrom('conversation_events as last')
          .select('last.id')
          .whereRef('last.conversation_id', '=', 'conversations.id')
          .whereRef('last.number', '=', 'conversations.last_event')
          .as('event_id'),
      ])
      .where('id', '=', '')
      .where('account_id', '=', '')
      .where(CHATBOT_NOT_DELETED),
  ),
  chatbots: prepareQuery((db) =>
    db
      .selectFrom('chatbots')
      .select((row) => [
        'last_event',
        row
          .selectFrom('conversation_events as last')
          .select('last.id')
          .whereRef('last.chatbot_id', '=', 'chatbots.id')
          .whereRef('last.chatbot_number', '=', 'chatbots.last_event')
          .as('event_id'),
      ])
      .where('id', '=', '')
      .where('account_id', '=', '')
      .where(sql<boolean>`deleted_at is null`),
  ),
};

/** Converts a row to an event. */
export function toLoggedEvent(row: ConversationEventRow): LoggedEvent {
  return {
    id: row.id,
    accountId: row.account_id,
    conversationId: row.conversation_id,
    chatbotId: row.chatbot_id,
    number: row.number,
    chatbotNumber: row.chatbot_number,
    shard: row.shard,
    shardNumber: row.shard_number,
    type: row.type,
    messageId: row.message_id,
    leadId: row.lead_id,
    activityId: row.activity_id,
    isPrivate: row.is_private === 1,
    status: row.status,
    at: row.at,
  };
}
