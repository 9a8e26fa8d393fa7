import { z } from 'zod';
import type { Viewer } from '../access/viewer.ts';
import { publishEvents } from '../coordination/topics.ts';
import type { Deps } from '../deps.ts';
import type { Answerer, Conversation, ReaderRole } from '../domain/entities.ts';
import { AssigneeChangedError, InvalidInputError, requireFound } from '../domain/errors.ts';
import { parseId } from '../domain/ids.ts';
import { parseInput, text } from '../domain/input.ts';
import { type Timestamp, toTimestamp } from '../domain/time.ts';
import { findConversation, lockConversation, updateConversation } from '../store/conversations.ts';
import { markReadByVisitor, markReadUntil } from '../store/inbox/read-marks.ts';
import { findNewestMessageId } from '../store/messages.ts';
import type { Queryable } from '../store/tables.ts';
import { enqueueEvents } from '../store/webhooks/outbox.ts';
import { assigneeText, isAssigned, resolveAssignee } from './assignee.ts';
import { diffEvents } from './outbox-events.ts';
import { listChanges, recordChanges } from './record-changes.ts';

type HandoffDeps = Pick<Deps, 'db' | 'clock' | 'bus'>;
type Actor = Pick<Viewer, 'accountId' | 'actorName'>;

/** Returns the role that answers the visitor: AGENT while the chatbot is silent, otherwise ASSISTANT. */
export function answererOf({ silentUntil }: Conversation, now: number): Answerer {
  return silentUntil !== null && silentUntil > toTimestamp(now) ? 'AGENT' : 'ASSISTANT';
}

/**
 * Returns since when the visitor waits for a person: the time of the oldest unread message while a person answers or
 * was requested; null otherwise.
 */
export function waitingSinceOf(conversation: Conversation, now: number): Timestamp | null {
  const expectsPerson = conversation.status === 'ESCALATED' || answererOf(conversation, now) === 'AGENT';
  return expectsPerson ? conversation.unreadSince : null;
}

/** Returns a conversation with a new message: a closed conversation becomes open. */
export function reopen(conversation: Conversation): Conversation {
  return conversation.status === 'CLOSED' ? { ...conversation, status: 'OPEN', closedAt: null } : conversation;
}

/**
 * Escalates a conversation to a person. A closed conversation is reopened; an escalated conversation does not change.
 * The reason, which the account's people see, has at most 1,000 characters.
 * @throws NotFoundError, InvalidInputError
 */
export async function escalateConversation(
  deps: HandoffDeps,
  viewer: Actor,
  input: { id: string; reason?: string | null | undefined },
): Promise<Conversation> {
  const { reason = null } = parseInput(z.object({ reason: text(1, 1_000).optional() }), { reason: input.reason });
  return changeConversation(deps, viewer, input.id, (conversation, at) => escalate(conversation, reason, at));
}

/** The person to assign to a conversation, by name or by a member's id; null removes the assignment. */
export interface AssignInput {
  readonly id: string;
  readonly assignee?: string | null | undefined;
  /** The person who must be assigned before; null: nobody may be. Absent: not checked. */
  readonly ifAssignee?: string | null | undefined;
}

/**
 * Assigns a conversation to a person.
 * @throws NotFoundError; InvalidInputError, also without `assignee`; AssigneeChangedError.
 */
export async function assignConversation(deps: HandoffDeps, viewer: Viewer, input: AssignInput): Promise<Conversation> {
  if (input.assignee === undefined) {
    throw new InvalidInputError([
      { path: ['assignee'], message: 'Name a person, or give null to remove the assignment.' },
    ]);
  }
  const rules = z.object({ assignee: assigneeText.optional(), ifAssignee: assigneeText.optional() });
  const { assignee = null, ifAssignee = null } = parseInput(rules, { ...input });
  return changeConversation(deps, viewer, input.id, async (conversation, _at, trx) => {
    if (input.ifAssignee !== undefined && !isAssigned(conversation, ifAssignee)) {
      throw new AssigneeChangedError(conversation);
    }
    const assigned = await resolveAssignee(trx, viewer.accountId, assignee);
    const isSame =
      conversation.assignee === assigned.assignee && conversation.assignedMemberId === assigned.assignedMemberId;
    return isSame ? conversation : { ...conversation, ...assigned };
  });
}

/**
 * Hands a conversation back to the chatbot, which answers the next message again.
 * @throws NotFoundError
 */
export async function handBackConversation(
  deps: HandoffDeps,
  viewer: Viewer,
  input: { id: string },
): Promise<Conversation> {
  return changeConversation(deps, viewer, input.id, handBack);
}

/**
 * Closes a conversation, whether a person or the chatbot answers. The chatbot still completes a reply that it is
 * generating.
 * @throws NotFoundError
 */
export async function closeConversation(
  deps: HandoffDeps,
  viewer: Viewer,
  input: { id: string },
): Promise<Conversation> {
  return changeConversation(deps, viewer, input.id, (conversation, at) => close(conversation, at));
}

/**
 * Marks the messages of the other side as read: those of the visitor by the account's people (the default), or those of
 * the chatbot and of people by the visitor. Without unread messages, only records that nothing is unread.
 * @throws NotFoundError
 */
export async function markConversationRead(
  deps: HandoffDeps,
  viewer: Viewer,
  { id, by }: { id: string; by?: ReaderRole | null | undefined },
): Promise<Conversation> {
  if (by === 'USER') {
    return changeConversation(deps, { ...viewer, actorName: null }, id, async (conversation, _at, trx) => {
      await markReadByVisitor(trx, conversation);
      return conversation.visitorUnreadCount === 0 ? conversation : { ...conversation, visitorUnreadCount: 0 };
    });
  }
  return changeConversation(deps, viewer, id, async (conversation, _at, trx) => {
    const readUntil = (await findNewestMessageId(trx, conversation.accountId, conversation.id)) ?? '';
    await markReadUntil(trx, conversation, readUntil);
    if (conversation.unreadCount === 0) return conversation;
    return { ...conversation, unreadCount: 0, unreadSince: null, readUntil };
  });
}

/**
 * Finds a conversation by the id that a client gave.
 * @throws NotFoundError
 */
export async function getConversation(db: Queryable, accountId: string, givenId: string): Promise<Conversation> {
  const id = requireFound('Conversation', parseId('conversation', givenId));
  return requireFound('Conversation', await findConversation(db, accountId, id));
}

/**
 * Finds a conversation by the id that a client gave, and locks it: see `lockConversation`.
 * @throws NotFoundError
 */
export async function getLockedConversation(trx: Queryable, accountId: string, givenId: string): Promise<Conversation> {
  const id = requireFound('Conversation', parseId('conversation', givenId));
  return requireFound('Conversation', await lockConversation(trx, accountId, id));
}

/** Returns an escalated conversation: the same object when it is escalated already. */
export function escalate(conversation: Conversation, reason: string | null, at: Timestamp): Conversation {
  if (conversation.status === 'ESCALATED') return conversation;
  const escalatedAt = conversation.escalatedAt ?? at;
  return { ...conversation, status: 'ESCALATED', closedAt: null, escalatedAt, escalationReason: reason };
}

/** Returns a conversation that the chatbot answers again: the same object when nothing changes. */
export function handBack(conversation: Conversation): Conversation {
  return endHandoff(conversation, conversation.status === 'ESCALATED' ? 'OPEN' : conversation.status);
}

/** Returns a closed conversation, which is no longer put aside: the same object when it is closed already. */
export function close(conversation: Conversation, at: Timestamp): Conversation {
  const closed = endHandoff(conversation, 'CLOSED');
  return conversation.status === 'CLOSED' ? closed : { ...closed, closedAt: at, snoozedUntil: null };
}

/** Returns a conversation after the end of its handoff to a person: the same object when nothing changes. */
function endHandoff(conversation: Conversation, status: Conversation['status']): Conversation {
  const { silentUntil, assignee } = conversation;
  if (silentUntil === null && assignee === null && status === conversation.status) return conversation;
  return { ...conversation, status, silentUntil: null, assignee: null, assignedMemberId: null };
}

/**
 * Changes a conversation by `apply`, stores the result and the changes, and emits their events. If `apply` returns the
 * object that it received, nothing is stored or emitted.
 * @throws NotFoundError, and what `apply` throws.
 */
export async function changeConversation(
  deps: HandoffDeps,
  { accountId, actorName }: Actor,
  conversationId: string,
  apply: (conversation: Conversation, at: Timestamp, trx: Queryable) => Conversation | Promise<Conversation>,
): Promise<Conversation> {
  const at = toTimestamp(deps.clock.now());
  const { changed, events } = await deps.db.transaction(async (trx) => {
    const current = await getLockedConversation(trx, accountId, conversationId);
    const applied = await apply(current, at, trx);
    if (applied === current) return { changed: current, events: [] };
    const changed = { ...applied, updatedAt: at };
    await updateConversation(trx, changed);
    const eventContext = { accountId, chatbotId: current.chatbotId, at };
    await enqueueEvents(trx, eventContext, diffEvents(current, changed));
    const changes = listChanges(current, changed, at);
    return { changed, events: [await recordChanges(trx, changed, { changes, actor: actorName, at })] };
  });
  publishEvents(deps.bus, events);
  return changed;
}
