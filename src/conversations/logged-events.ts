import type { Viewer } from '../access/viewer.ts';
import type { ConversationEvent, WithoutCursor } from '../domain/events.ts';
import { findConversations } from '../store/conversations.ts';
import type { LoggedEvent } from '../store/events.ts';
import { findLeads } from '../store/leads.ts';
import { findMessages } from '../store/messages.ts';
import type { Queryable } from '../store/tables.ts';
import { canSeeLeads, isVisible } from './visibility.ts';

/** What a logged event tells. */
type EventPayload = WithoutCursor<ConversationEvent>;

/**
 * Reads what logged events of one account tell a viewer: of things as they are by now. In the order of `logged`, with
 * `undefined` for what the viewer may not see, or what is gone.
 */
export async function readLoggedEvents(
  db: Queryable,
  viewer: Viewer,
  logged: readonly LoggedEvent[],
): Promise<(EventPayload | undefined)[]> {
  const { accountId } = viewer;
  const idsOf = (pick: (event: LoggedEvent) => string | null) => [...new Set(logged.flatMap((one) => pick(one) ?? []))];
  const read = async <T extends { id: string }>(find: FindMany<T>, ids: string[]) =>
    new Map(ids.length === 0 ? [] : (await find(db, accountId, ids)).map((one) => [one.id, one]));

  const messages = await read(
    findMessages,
    idsOf(({ messageId }) => messageId),
  );
  const leads = await read(
    findLeads,
    idsOf(({ leadId }) => leadId),
  );
  const changed = idsOf(({ type, conversationId }) => (type === 'HandoffChanged' ? conversationId : null));
  const conversations = await read(findConversations, changed);

  return logged.map((event): EventPayload | undefined => {
    const { type, conversationId, at } = event;
    if (type === 'HandoffChanged') {
      const conversation = conversations.get(conversationId);
      return conversation && { type, conversationId, at, conversation };
    }
    if (type === 'LeadCaptured') {
      const lead = canSeeLeads(viewer) ? leads.get(event.leadId ?? '') : undefined;
      return lead && { type, conversationId, at, lead };
    }
    const message = messages.get(event.messageId ?? '');
    if (message === undefined || !isVisible(viewer, message)) return undefined;
    return { type, conversationId, at, message };
  });
}

type FindMany<T> = (db: Queryable, accountId: string, ids: readonly string[]) => Promise<T[]>;

/** Why a conversation is gone that was followed. */
export const CONVERSATION_DELETED = 'The conversation was deleted, or the chatbot that it belongs to.';

/** What is told to one who has missed events, or was told some that a restore has undone. */
export const EVENTS_LOST =
  'Events since this cursor are no longer kept, or were lost with events before it. Read anew what you need; what follows is from now on.';
