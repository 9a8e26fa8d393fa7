import type { Selectable } from 'kysely';
import type { Conversation } from '../domain/entities.ts';
import { fromJson, toJson } from '../domain/json.ts';
import { CHATBOT_NOT_DELETED } from './deleted-chatbots.ts';
import { prepareQuery } from './engines/prepared.ts';
import type { ConversationRow } from './inbox/conversation-row.ts';
import { padIds } from './pages.ts';
import type { Queryable } from './tables.ts';

/** Inserts a new conversation. Its session id is unique within the chatbot: see `lockConversationBySession`. */
export async function insertConversation(trx: Queryable, conversation: Conversation): Promise<void> {
  await trx
    .insertInto('conversations')
    .values({
      id: conversation.id,
      account_id: conversation.accountId,
      chatbot_id: conversation.chatbotId,
      session_id: conversation.sessionId,
      channel: conversation.channel,
      ...toChangeableColumns(conversation),
      metadata: conversation.metadata,
      created_at: conversation.createdAt,
    })
    .execute();
}

/** Updates the changeable fields of a conversation. */
export async function updateConversation(trx: Queryable, conversation: Conversation): Promise<void> {
  await trx
    .updateTable('conversations')
    .set(toChangeableColumns(conversation))
    .where('id', '=', conversation.id)
    .where('account_id', '=', conversation.accountId)
    .execute();
}

/** Finds a conversation of the account. */
export async function findConversation(
  db: Queryable,
  accountId: string,
  id: string,
): Promise<Conversation | undefined> {
  const [row] = await FIND(db, [id, accountId]);
  return row && toConversation(row);
}

/**
 * Finds a conversation of the account and locks it until the end of the transaction. So transactions that change the
 * same conversation run one after another, and each transaction reads what the previous one has written. Lock the
 * conversation before you lock anything else.
 */
export async function lockConversation(
  trx: Queryable,
  accountId: string,
  id: string,
): Promise<Conversation | undefined> {
  const [row] = await LOCK(trx, [id, accountId]);
  return row && toConversation(row);
}

/** Locks a conversation without waiting. Returns whether it exists and could be locked. */
export async function tryLockConversation(trx: Queryable, accountId: string, id: string): Promise<boolean> {
  const row = await trx
    .selectFrom('conversations')
    .select('id')
    .where('id', '=', id)
    .where('account_id', '=', accountId)
    .where(CHATBOT_NOT_DELETED)
    .forNoKeyUpdate()
    .skipLocked()
    .executeTakeFirst();
  return row !== undefined;
}

/** Finds the conversation with a session id within a chatbot. Uses `conversations_by_session`. */
export async function findConversationBySession(
  db: Queryable,
  accountId: string,
  chatbotId: string,
  sessionId: string,
): Promise<Conversation | undefined> {
  const [row] = await FIND_BY_SESSION(db, [chatbotId, sessionId, accountId]);
  return row && toConversation(row);
}

/**
 * Finds and locks the conversation with a session id within a chatbot: see `lockConversation`. Uses
 * `conversations_by_session`.
 */
export async function lockConversationBySession(
  trx: Queryable,
  accountId: string,
  chatbotId: string,
  sessionId: string,
): Promise<Conversation | undefined> {
  const [row] = await LOCK_BY_SESSION(trx, [chatbotId, sessionId, accountId]);
  return row && toConversation(row);
}

/** Finds several conversations of the account, in no particular order. */
export async function findConversations(
  db: Queryable,
  accountId: string,
  ids: readonly string[],
): Promise<Conversation[]> {
  const rows = await db
    .selectFrom('conversations')
    .selectAll()
    .where('id', 'in', padIds(ids))
    .where('account_id', '=', accountId)
    .where(CHATBOT_NOT_DELETED)
    .execute();
  return rows.map(toConversation);
}

const selectById = (db: Queryable) =>
  db
    .selectFrom('conversations')
    .selectAll()
    .where('id', '=', '')
    .where('account_id', '=', '')
    .where(CHATBOT_NOT_DELETED);
const FIND = prepareQuery(selectById);
const LOCK = prepareQuery((db) => selectById(db).forNoKeyUpdate());
const selectBySession = (db: Queryable) =>
  db
    .selectFrom('conversations')
    .selectAll()
    .where('chatbot_id', '=', '')
    .where('session_id', '=', '')
    .where('account_id', '=', '');
const FIND_BY_SESSION = prepareQuery(selectBySession);
const LOCK_BY_SESSION = prepareQuery((db) => selectBySession(db).forNoKeyUpdate());

function toChangeableColumns(conversation: Conversation) {
  return {
    visitor_id: conversation.visitorId,
    status: conversation.status,
    silent_until: conversation.silentUntil,
    assignee: conversation.assignee,
    assigned_member_id: conversation.assignedMemberId,
    escalated_at: conversation.escalatedAt,
    escalation_reason: conversation.escalationReason,
    unread_count: conversation.unreadCount,
    unread_since: conversation.unreadSince,
    waiting_since: expectsPerson(conversation) ? conversation.unreadSince : null,
    read_until: conversation.readUntil,
    visitor_unread_count: conversation.visitorUnreadCount,
    last_message_at: conversation.lastMessageAt,
    closed_at: conversation.closedAt,
    first_agent_reply_at: conversation.firstAgentReplyAt,
    labels: toJson(conversation.labels),
    priority: conversation.priority,
    snoozed_until: conversation.snoozedUntil,
    updated_at: conversation.updatedAt,
  };
}

/** Whether a person is expected to answer, unless the silence of the chatbot has ended since. */
const expectsPerson = ({ status, silentUntil }: Conversation) => status === 'ESCALATED' || silentUntil !== null;

/** Converts a row to a conversation. */
export function toConversation(row: Selectable<ConversationRow>): Conversation {
  return {
    id: row.id,
    accountId: row.account_id,
    chatbotId: row.chatbot_id,
    visitorId: row.visitor_id,
    sessionId: row.session_id,
    channel: row.channel,
    status: row.status,
    silentUntil: row.silent_until,
    assignee: row.assignee,
    assignedMemberId: row.assigned_member_id,
    escalatedAt: row.escalated_at,
    escalationReason: row.escalation_reason,
    unreadCount: row.unread_count,
    unreadSince: row.unread_since,
    readUntil: row.read_until,
    visitorUnreadCount: row.visitor_unread_count,
    lastMessageAt: row.last_message_at || row.created_at,
    closedAt: row.closed_at,
    firstAgentReplyAt: row.first_agent_reply_at,
    labels: fromJson<string[]>(row.labels),
    priority: row.priority,
    snoozedUntil: row.snoozed_until,
    metadata: row.metadata,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}
