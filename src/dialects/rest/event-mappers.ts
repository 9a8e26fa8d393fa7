import type { z } from '@hono/zod-openapi';
import type {
  Answerer,
  CapturedLeadFragment,
  ChangedConversationFragment,
  ConversationEventsSubscription,
  EventMessageFragment,
  MessageCitationFragment,
} from './documents.ts';
import type { CitationSchema, ConversationSchema, EventSchema, LeadSchema, MessageSchema } from './event-schemas.ts';
import { toLower, toRestTime } from './mappers.ts';

type GraphEvent = ConversationEventsSubscription['conversationEvents'];

const EVENT_NAMES = {
  MessageCreated: 'message.created',
  MessageStarted: 'message.started',
  MessageDelta: 'message.delta',
  CitationAdded: 'citation.added',
  MessageCompleted: 'message.completed',
  MessageFailed: 'message.failed',
  MessageStopped: 'message.stopped',
  MessageInterrupted: 'message.interrupted',
  MessageUpdated: 'message.updated',
  MessageDeleted: 'message.deleted',
  BranchSelected: 'branch.selected',
  FollowUpsSuggested: 'follow_ups.suggested',
  ConversationChanged: 'conversation.changed',
  LeadCaptured: 'lead.captured',
  TypingChanged: 'typing.changed',
  StreamGap: 'stream.gap',
  ConversationDeleted: 'conversation.deleted',
} as const satisfies Record<Exclude<GraphEvent['__typename'], 'StreamReady'>, string>;

/** REST has names of its own for the roles that answer. */
const ANSWERERS = { ASSISTANT: 'ai', AGENT: 'person' } as const satisfies Record<Answerer, string>;

/** An event of a conversation in REST. */
export interface RestEvent {
  readonly name: (typeof EVENT_NAMES)[keyof typeof EVENT_NAMES];
  readonly data: z.output<typeof EventSchema>;
}

/**
 * Maps an event of a conversation; `undefined` for an event that REST does not send: `StreamReady`, because the headers of
 * the response show that the stream has started, and a change of a conversation that is deleted by now.
 */
export function toEvent(event: GraphEvent): RestEvent | undefined {
  if (event.__typename === 'StreamReady') return undefined;
  const data = toEventData(event);
  return data && { name: EVENT_NAMES[event.__typename], data };
}

function toEventData(event: Exclude<GraphEvent, { __typename: 'StreamReady' }>): RestEvent['data'] | undefined {
  // In the stream of one conversation, every event has its id.
  const common = { conversation_id: event.conversationId ?? '', at: toRestTime(event.at) };
  switch (event.__typename) {
    case 'MessageCreated':
      return {
        ...common,
        message: toMessage(event.message),
        ...(event.replaces && { replaces_id: event.replaces.id }),
      };
    case 'MessageDeleted':
      return { ...common, message_id: event.messageId };
    case 'MessageDelta':
      return { ...common, message_id: event.messageId, offset: event.offset, text: event.text };
    case 'CitationAdded':
      return { ...common, message_id: event.messageId, citation: toCitation(event.citation) };
    case 'ConversationChanged':
      if (event.conversation === null) return undefined;
      return {
        ...common,
        conversation: toConversation(event.conversation),
        changes: event.changes.map(toLower),
        actor: event.actor,
      };
    case 'LeadCaptured':
      return { ...common, lead: toLead(event.lead) };
    case 'TypingChanged':
      return { ...common, role: toLower(event.role), is_typing: event.isTyping, author_name: event.authorName };
    case 'StreamGap':
    case 'ConversationDeleted':
      return { ...common, reason: event.reason };
    default:
      return { ...common, message: toMessage(event.message) };
  }
}

function toConversation(conversation: ChangedConversationFragment): z.output<typeof ConversationSchema> {
  const { id, sessionId, silentUntil, assignee, escalatedAt, escalationReason, unreadCount } = conversation;
  return {
    id,
    session_id: sessionId,
    channel: toLower(conversation.channel),
    status: toLower(conversation.status),
    answered_by: ANSWERERS[conversation.answeredBy],
    silent_until: silentUntil && toRestTime(silentUntil),
    assignee,
    escalated_at: escalatedAt && toRestTime(escalatedAt),
    escalation_reason: escalationReason,
    unread_count: unreadCount,
  };
}

function toLead(lead: CapturedLeadFragment): z.output<typeof LeadSchema> {
  const { id, name, email, phone, customData, createdAt } = lead;
  return {
    ...{ id, name: name ?? '', email: email ?? '', phone: phone ?? '' },
    custom_data: customData as Record<string, unknown>,
    created_at: toRestTime(createdAt),
  };
}

function toMessage(message: EventMessageFragment): z.output<typeof MessageSchema> {
  const { id, content, finishReason, followUps, error, completedAt } = message;
  return {
    id,
    role: toLower(message.role),
    status: toLower(message.status),
    content,
    citations: message.citations.map(toCitation),
    parent_id: message.parent?.id ?? null,
    author_name: message.authorName,
    is_private: message.isPrivate,
    finish_reason: finishReason && toLower(finishReason),
    follow_ups: followUps,
    error: error && { code: error.code, message: error.message },
    created_at: toRestTime(message.createdAt),
    completed_at: completedAt && toRestTime(completedAt),
  };
}

function toCitation({ passage, source, ...citation }: MessageCitationFragment): z.output<typeof CitationSchema> {
  const { title, url, quote, start, end } = citation;
  return { passage_id: passage?.id ?? null, source_id: source?.id ?? null, title, url: url ?? '', quote, start, end };
}
