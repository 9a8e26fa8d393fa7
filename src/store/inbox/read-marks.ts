import { sql } from 'kysely';
import type { Conversation, Message } from '../../domain/entities.ts';
import { FINAL_EVENT_TYPES } from '../../domain/events.ts';
import type { Queryable } from '../tables.ts';
import { findNewestAnswerId, findNewestVisitorMessageId } from './newest-messages.ts';

type Owner = Pick<Conversation, 'id' | 'accountId'>;

/**
 * Records that a person has marked a conversation as read, up to a message: a deleted answer then leaves nothing before
 * that message unread. The caller has locked the conversation.
 */
export async function markReadUntil(trx: Queryable, { id, accountId }: Owner, messageId: string): Promise<void> {
  await trx
    .updateTable('conversations')
    .set({
      marked_read_until: messageId,
      read_until: sql<string>`case when read_until < ${messageId} then ${messageId} else read_until end`,
    })
    .where('id', '=', id)
    .where('account_id', '=', accountId)
    .where('marked_read_until', '<', messageId)
    .execute();
}

/** Records that the visitor has marked a conversation as read, up to its last event. The caller has locked it. */
export async function markReadByVisitor(trx: Queryable, { id, accountId }: Owner): Promise<void> {
  await trx
    .updateTable('conversations')
    .set((row) => ({ visitor_read_event: row.ref('last_event') }))
    .where('id', '=', id)
    .where('account_id', '=', accountId)
    .execute();
}

/**
 * Finds what is read after messages have been deleted: up to which message people have answered or read, and how many
 * messages the visitor has not read. Both are what they would be if the deleted messages had never been written. The
 * caller has locked the conversation.
 * @param conversation as it was before.
 */
export async function findReading(
  trx: Queryable,
  conversation: Conversation,
  deleted: readonly Message[],
): Promise<Pick<Conversation, 'readUntil' | 'visitorUnreadCount'>> {
  const { id, accountId } = conversation;
  const marks = await trx
    .selectFrom('conversations')
    .select(['marked_read_until as readUntil', 'visitor_read_event as visitorEvent'])
    .where('id', '=', id)
    .where('account_id', '=', accountId)
    .executeTakeFirstOrThrow();
  const isLastRead = deleted.some((message) => message.id === conversation.readUntil && isAnswer(message));
  const lastAnswer = isLastRead ? ((await findNewestAnswerId(trx, conversation)) ?? '') : conversation.readUntil;
  return {
    readUntil: lastAnswer > marks.readUntil ? lastAnswer : marks.readUntil,
    visitorUnreadCount: await countVisitorUnread(trx, conversation, { deleted, ...marks }),
  };
}

const isAnswer = ({ role, status, outcome, isPrivate }: Message) =>
  (role === 'AGENT' && !isPrivate) || (role === 'ASSISTANT' && status === 'COMPLETED' && outcome !== 'FALLBACK');

/** The types of the events at which a reply ends. */
const REPLY_ENDS = Object.values(FINAL_EVENT_TYPES);

/**
 * Counts by the log, which has the order in which messages ended: by the events after the visitor's newest message and
 * mark. Uses the primary key. If retention has deleted some of these events, takes the deleted messages off the count.
 */
async function countVisitorUnread(
  trx: Queryable,
  conversation: Conversation,
  { deleted, visitorEvent }: { deleted: readonly Message[]; visitorEvent: number },
): Promise<number> {
  const { id, accountId, visitorUnreadCount } = conversation;
  const events = trx
    .selectFrom('conversation_events as event')
    .where('event.conversation_id', '=', id)
    .where('event.account_id', '=', accountId);
  const numbers = events.select('event.number').limit(1);
  const newestId = (await findNewestVisitorMessageId(trx, conversation)) ?? '';
  const [first] = await numbers.orderBy('event.number').execute();
  const [written] = await numbers
    .where('event.message_id', '=', newestId)
    .where('event.type', '=', 'MessageCreated')
    .orderBy('event.number', 'desc')
    .execute();
  const lastRead = Math.max(visitorEvent, written?.number ?? 0);
  if (first === undefined || first.number > lastRead + 1) {
    return Math.max(0, visitorUnreadCount - deleted.filter(isToVisitor).length);
  }
  const { count } = await events
    .innerJoin('messages as m', 'm.id', 'event.message_id')
    .select((row) => row.fn.count('m.id').distinct().as('count'))
    .where('event.number', '>', lastRead)
    .where((row) =>
      row.or([
        row('event.type', 'in', REPLY_ENDS),
        row.and([row('event.type', '=', 'MessageCreated'), row('m.role', '=', 'AGENT')]),
      ]),
    )
    .where('m.is_private', '=', 0)
    .where((row) => row.or([row('m.status', '!=', 'STOPPED'), row('m.content', '!=', '')]))
    .executeTakeFirstOrThrow();
  // Without a message of the visitor, nothing that was read can become unread: earlier versions recorded no marks.
  const hasVisitorMessage = deleted.some(({ role }) => role === 'USER');
  return hasVisitorMessage ? Number(count) : Math.min(visitorUnreadCount, Number(count));
}

/** Returns whether the visitor reads a message: no private note, and no reply that was stopped before it began. */
const isToVisitor = ({ role, status, content, isPrivate }: Message) =>
  role !== 'USER' && !isPrivate && (status !== 'STOPPED' || content !== '');
