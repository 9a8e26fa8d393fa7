/**
 * The outbox events of conversations. Webhooks deliver them. The payloads of `leadCaptured`, `conversationStarted`,
 * `messageReceived` and `conversationEscalated` are part of the REST contract.
 */
import type { Conversation, Lead, Message, Rating } from '../domain/entities.ts';
import { fromJson } from '../domain/json.ts';
import type { OutboxEvent } from '../store/webhooks/outbox.ts';

type ConversationOrigin = Omit<Awaited<ReturnType<OutboxEvent['buildPayload']>>, 'data'>;

/**
 * In UTF-16 units. A payload contains only the beginning of a longer reply and has `is_truncated` set, because some
 * receivers refuse large bodies.
 */
const MAX_TEXT_CHARS = 4_000;

/** A visitor gave contact details. */
export function leadCaptured(conversation: Conversation, lead: Lead): OutboxEvent {
  const data = {
    lead_id: lead.id,
    name: lead.name ?? '',
    email: lead.email ?? '',
    phone: lead.phone ?? '',
    custom_data: fromJson<object>(lead.customData),
  };
  return { name: 'LEAD_CAPTURED', buildPayload: () => ({ ...originOf(conversation), leadId: lead.id, data }) };
}

/** The first message of a new conversation arrived. */
export function conversationStarted(conversation: Conversation): OutboxEvent {
  const { channel, ...data } = conversationFields(conversation);
  return {
    name: 'CONVERSATION_STARTED',
    buildPayload: () => ({ ...originOf(conversation), data: { ...data, channel } }),
  };
}

/** A visitor sent a message. */
export function messageReceived(conversation: Conversation, { id, content }: Message): OutboxEvent {
  const { channel, ...ids } = conversationFields(conversation);
  const data = { ...ids, message_id: id, message: content, channel };
  return { name: 'MESSAGE_RECEIVED', buildPayload: () => ({ ...originOf(conversation), messageId: id, data }) };
}

/** A conversation was escalated to a person for the first time. */
function conversationEscalated(conversation: Conversation): OutboxEvent {
  const { escalationReason, escalatedAt } = conversation;
  const data = { ...conversationFields(conversation), reason: escalationReason ?? '', escalated_at: escalatedAt };
  return { name: 'CONVERSATION_ESCALATED', buildPayload: () => ({ ...originOf(conversation), data }) };
}

/** A conversation was assigned to a person, or its assignment was removed. */
function conversationAssigned(conversation: Conversation): OutboxEvent {
  const data = { ...conversationFields(conversation), assignee: conversation.assignee };
  return { name: 'CONVERSATION_ASSIGNED', buildPayload: () => ({ ...originOf(conversation), data }) };
}

/** A conversation was closed. */
function conversationClosed(conversation: Conversation): OutboxEvent {
  return {
    name: 'CONVERSATION_CLOSED',
    buildPayload: () => ({ ...originOf(conversation), data: conversationFields(conversation) }),
  };
}

/** A handoff ended: the chatbot answers again. */
function handoffEnded(conversation: Conversation): OutboxEvent {
  return {
    name: 'HANDOFF_ENDED',
    buildPayload: () => ({ ...originOf(conversation), data: conversationFields(conversation) }),
  };
}

/** The fields of a finished reply that `messageCompleted` and `messageFailed` use. */
type FinishedReply = Pick<Message, 'id' | 'content' | 'finishReason' | 'error' | 'citations' | 'generation'>;

/** A reply was completed. */
export function messageCompleted(readConversation: () => Promise<Conversation>, reply: FinishedReply): OutboxEvent {
  return {
    name: 'MESSAGE_COMPLETED',
    async buildPayload() {
      const conversation = await readConversation();
      const { id, content, citations, generation } = reply;
      const message = truncate(content);
      const data = {
        ...conversationFields(conversation),
        message_id: id,
        message,
        is_truncated: message !== content,
        finish_reason: reply.finishReason?.toLowerCase() ?? null,
        provider: generation?.provider ?? null,
        model: generation?.model ?? null,
        source_ids: [...new Set(citations.map(({ sourceId }) => sourceId))],
      };
      return { ...originOf(conversation), messageId: id, data };
    },
  };
}

/** The generation of a reply failed. */
export function messageFailed(
  readConversation: () => Promise<Conversation>,
  { id, error }: FinishedReply,
): OutboxEvent {
  return {
    name: 'MESSAGE_FAILED',
    async buildPayload() {
      const conversation = await readConversation();
      const fields = conversationFields(conversation);
      return {
        ...originOf(conversation),
        messageId: id,
        // Without the detail, which needs MANAGE.
        data: { ...fields, message_id: id, error: error && { code: error.code, message: error.message } },
      };
    },
  };
}

/** A visitor rated a reply or a person's message. */
export function messageRated(conversation: Conversation, messageId: string, rating: Rating): OutboxEvent {
  const data = { ...conversationFields(conversation), message_id: messageId, rating: rating.toLowerCase() };
  return { name: 'MESSAGE_RATED', buildPayload: () => ({ ...originOf(conversation), messageId, data }) };
}

/** Lists the outbox events that a change of a conversation causes. */
export function diffEvents(before: Conversation, after: Conversation): OutboxEvent[] {
  const events: OutboxEvent[] = [];
  if (before.escalatedAt === null && after.escalatedAt !== null) events.push(conversationEscalated(after));
  if (before.assignee !== after.assignee || before.assignedMemberId !== after.assignedMemberId)
    events.push(conversationAssigned(after));
  if (before.silentUntil !== null && after.silentUntil === null) events.push(handoffEnded(after));
  if (before.status !== 'CLOSED' && after.status === 'CLOSED') events.push(conversationClosed(after));
  return events;
}

function originOf({ id, channel }: Conversation): ConversationOrigin {
  return { conversationId: id, channel };
}

function conversationFields({ id, sessionId, channel }: Conversation) {
  return { conversation_id: id, session_id: sessionId, channel: channel.toLowerCase() };
}

function truncate(text: string): string {
  return text.length <= MAX_TEXT_CHARS ? text : text.slice(0, MAX_TEXT_CHARS).replace(/[\ud800-\udbff]$/, '');
}
