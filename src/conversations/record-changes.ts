import type { Conversation, ConversationChange } from '../domain/entities.ts';
import { createIdAfter } from '../domain/ids.ts';
import type { Timestamp } from '../domain/time.ts';
import { insertActivity } from '../store/activities.ts';
import { appendEvent, type LoggedEvent } from '../store/events.ts';
import { findNewestId } from '../store/newest-ids.ts';
import type { Queryable } from '../store/tables.ts';

/** Lists the changes between two states of a conversation at the time of the change, in the order of the enum. */
export function listChanges(before: Conversation, after: Conversation, at: Timestamp): ConversationChange[] {
  const isSilent = ({ silentUntil }: Conversation) => silentUntil !== null && silentUntil > at;
  const hasNewStatus = (status: Conversation['status']) => before.status !== status && after.status === status;
  const isRead = (count: 'unreadCount' | 'visitorUnreadCount') => before[count] > 0 && after[count] === 0;
  const isWithdrawn = before.status === 'ESCALATED' && after.status === 'OPEN';
  const changes: Record<ConversationChange, boolean> = {
    ESCALATED: hasNewStatus('ESCALATED'),
    TAKEN_OVER: !isSilent(before) && isSilent(after),
    HANDED_BACK: (before.silentUntil !== null && after.silentUntil === null) || isWithdrawn,
    ASSIGNED: before.assignee !== after.assignee || before.assignedMemberId !== after.assignedMemberId,
    CLOSED: hasNewStatus('CLOSED'),
    REOPENED: before.status === 'CLOSED' && after.status !== 'CLOSED',
    LABELLED: before.priority !== after.priority || before.labels.join('\n') !== after.labels.join('\n'),
    SNOOZED: before.snoozedUntil !== after.snoozedUntil,
    READ: isRead('unreadCount') || isRead('visitorUnreadCount'),
  };
  return Object.entries(changes).flatMap(([change, hasHappened]) =>
    hasHappened ? (change as ConversationChange) : [],
  );
}

/**
 * Stores what has changed about a conversation as an activity, with its ConversationChanged event. The caller has
 * locked the conversation.
 * @param actor the name of the person or program that caused the changes; null for a visitor and for the gateway.
 */
export async function recordChanges(
  trx: Queryable,
  { id: conversationId, accountId }: Pick<Conversation, 'id' | 'accountId'>,
  { changes, actor, at }: { changes: readonly ConversationChange[]; actor: string | null; at: Timestamp },
): Promise<LoggedEvent> {
  const newestId = await findNewestId(trx, 'conversation_activities', conversationId);
  const id = createIdAfter('conversationActivity', newestId);
  await insertActivity(trx, { id, accountId, conversationId, changes, actor, at });
  return appendEvent(trx, accountId, { type: 'ConversationChanged', conversationId, activityId: id, at });
}
