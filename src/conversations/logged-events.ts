import type { Viewer } from '../access/viewer.ts';
import { type ConversationEvent, isKnownEventType, type WithoutCursor } from '../domain/events.ts';
import { findActivities } from '../store/activities.ts';
import { findConversations } from '../store/conversations.ts';
import type { LoggedEvent } from '../store/events.ts';
import { findLeads } from '../store/leads.ts';
import { findMessages } from '../store/messages.ts';
import type { Queryable } from '../store/tables.ts';
import { canSeeLeads, isVisible } from './visibility.ts';

/** The content of a logged event, as a viewer receives it. */
type EventPayload = WithoutCursor<ConversationEvent>;

/**
 * Loads the payloads of one account's logged events, with the current state of each message, lead and conversation. The
 * result has the order of `loggedEvents`. It has `undefined` for an event of an unknown type, and for one whose content
 * the viewer may not see or no longer exists.
 */
export async function readLoggedEvents(
  db: Queryable,
  viewer: Viewer,
  loggedEvents: readonly LoggedEvent[],
): Promise<(EventPayload | undefined)[]> {
  const { accountId } = viewer;
  const idsOf = (pick: (event: LoggedEvent) => string | null) => [
    ...new Set(loggedEvents.flatMap((event) => pick(event) ?? [])),
  ];
  const read = async <T extends { id: string }>(find: FindMany<T>, ids: string[]) =>
    new Map(ids.length === 0 ? [] : (await find(db, accountId, ids)).map((row) => [row.id, row]));

  const messages = await read(
    findMessages,
    idsOf(({ messageId }) => messageId),
  );
  const replacedMessages = await read(
    findMessages,
    idsOf(({ type, messageId }) => (type === 'MessageCreated' && messages.get(messageId ?? '')?.replacesId) || null),
  );
  const leads = await read(
    findLeads,
    idsOf(({ leadId }) => leadId),
  );
  const activities = await read(
    findActivities,
    idsOf(({ activityId }) => activityId),
  );
  const changedIds = idsOf(({ type, conversationId }) => (type === 'ConversationChanged' ? conversationId : null));
  const conversations = await read(findConversations, changedIds);

  return loggedEvents.map((event): EventPayload | undefined => {
    const { type, conversationId, chatbotId, at } = event;
    if (!isKnownEventType(type)) return undefined;
    const common = { conversationId, chatbotId, at, ...entryOf(event) };
    if (type === 'ConversationChanged') {
      const conversation = conversations.get(conversationId);
      const { changes = [], actor = null } = activities.get(event.activityId ?? '') ?? {};
      return conversation && { type, ...common, conversation, changes, actor };
    }
    if (type === 'LeadCaptured') {
      const lead = canSeeLeads(viewer) ? leads.get(event.leadId ?? '') : undefined;
      return lead && { type, ...common, lead };
    }
    if (type === 'MessageDeleted') {
      const { messageId } = event;
      return messageId !== null && isVisible(viewer, event) ? { type, ...common, messageId } : undefined;
    }
    const message = messages.get(event.messageId ?? '');
    if (message === undefined || !isVisible(viewer, message)) return undefined;
    // If the replaced message was deleted, the event cannot say what else is replaced, so clients read the branch again.
    const isIncomplete =
      type === 'MessageCreated' && message.replacesId !== null && !replacedMessages.has(message.replacesId);
    return { type: isIncomplete ? 'BranchSelected' : type, ...common, message };
  });
}

function entryOf({ shard, shardNumber, id }: LoggedEvent): Pick<EventPayload, 'entry'> {
  return shard === null || shardNumber === null ? {} : { entry: { shard, number: shardNumber, id } };
}

type FindMany<T> = (db: Queryable, accountId: string, ids: readonly string[]) => Promise<T[]>;

/** The reason why a stream of a conversation ends. */
export const CONVERSATION_DELETED = 'The conversation was deleted, or the chatbot that it belongs to.';

/** The reason why a stream of a chatbot ends. */
export const CHATBOT_DELETED = 'The chatbot was deleted.';

/** The message to a client that missed events, or that received events that a restore has undone. */
export const EVENTS_LOST =
  'Events after this cursor were deleted by retention or lost by a restore. Query the data that you need again; this stream continues with new events.';
