import { z } from '@hono/zod-openapi';
import { id, time } from './schemas.ts';

const conversationId = id.openapi({ description: 'The id of the conversation.' });
const messageId = id.openapi({ description: 'The id of the reply.' });
const at = time.openapi({ description: 'The time of the event.' });

/** A citation: evidence for a span of a reply. */
export const CitationSchema = z
  .object({
    passage_id: id
      .nullable()
      .openapi({ description: 'The id of the cited passage; null if its source has been deleted.' }),
    source_id: id.nullable().openapi({ description: 'The id of the cited source; null if it has been deleted.' }),
    title: z
      .string()
      .openapi({ description: 'The title of the source at the time of the citation.', example: 'Opening hours' }),
    url: z.string().openapi({ description: 'The URL of the source; empty if it has none.', example: '' }),
    quote: z.string().openapi({ description: 'The quoted words of the passage.', example: 'We open at 10.' }),
    start: z
      .int()
      .openapi({ description: 'The start of the span in `content`, in UTF-16 code units from 0.', example: 0 }),
    end: z.int().openapi({ description: 'The end of the span in `content`, exclusive.', example: 14 }),
  })
  .openapi('Citation', { description: 'Evidence for a span of a reply.' });

/** A message in events. */
export const MessageSchema = z
  .object({
    id,
    role: z
      .enum(['user', 'assistant', 'agent', 'system'])
      .openapi({ description: 'The author of the message.', example: 'user' }),
    status: z.enum(['queued', 'streaming', 'completed', 'failed', 'stopped', 'interrupted']).openapi({
      description: 'The state of the message; the last four are final.',
      example: 'completed',
    }),
    content: z
      .string()
      .openapi({ description: 'The text; for an unfinished reply, the text written so far.', example: 'Hello' }),
    citations: z.array(CitationSchema).openapi({ description: 'The evidence of a reply, in the order of the text.' }),
    parent_id: id.nullable().openapi({
      description:
        'For a reply, the id of the user message that it answers; else the id of the previous message. Null for the first message and for private notes.',
    }),
    author_name: z.string().nullable().openapi({
      description: 'The name of the person who wrote an `agent` message; null if none was given, and for other roles.',
      example: null,
    }),
    is_private: z.boolean().openapi({ description: 'True for a private note of a person.', example: false }),
    finish_reason: z.enum(['stop', 'length', 'content_filter', 'error', 'aborted']).nullable().openapi({
      description: 'The reason why a reply ended; null until it ends, and for other roles.',
      example: null,
    }),
    follow_ups: z.array(z.string()).openapi({ description: 'Suggested next questions.' }),
    error: z
      .object({
        code: z.string().openapi({ description: 'The stable error code for programs.', example: 'ANSWER_FAILED' }),
        message: z.string().openapi({ description: 'The error as an English sentence.' }),
      })
      .nullable()
      .openapi({ description: 'The error of a failed reply; else null.', example: null }),
    created_at: time,
    completed_at: time.nullable().openapi({ description: 'The time when the message was complete; null until then.' }),
  })
  .openapi('Message', { description: 'A message of a conversation.' });

/** The data of an event about a message that has changed its state. */
const MessageEventModel = z
  .object({
    conversation_id: conversationId,
    at,
    message: MessageSchema,
    replaces_id: id.optional().openapi({
      description:
        'Only in `message.created`, if the message is a new version: the id of the message that it replaces, together with all messages after that one except private notes.',
    }),
  })
  .openapi('MessageEvent', { description: 'A message in a new state. The name of the event gives the state.' });

/** The data of an event about the deletion of a message. */
const MessageDeletionModel = z
  .object({ conversation_id: conversationId, at, message_id: id.openapi({ description: 'The id of the message.' }) })
  .openapi('MessageDeletionEvent', { description: 'The deletion of a message; messages after it stay.' });

/** The data of an event with a piece of a reply. */
const DeltaEventModel = z
  .object({
    conversation_id: conversationId,
    at,
    message_id: messageId,
    offset: z
      .int()
      .openapi({ description: 'The position of the piece in the text, in UTF-16 code units from 0.', example: 0 }),
    text: z.string().openapi({ description: 'The new text.', example: 'On Sundays ' }),
  })
  .openapi('DeltaEvent', { description: 'A piece of the text of a streaming reply.' });

/** The data of an event with a citation of a reply. */
const CitationEventModel = z
  .object({
    conversation_id: conversationId,
    at,
    message_id: messageId,
    citation: CitationSchema,
  })
  .openapi('CitationEvent', { description: 'A citation for text that the stream has already sent.' });

/** A conversation in events. */
export const ConversationSchema = z
  .object({
    id,
    session_id: z.string().openapi({
      description: 'The name that the client gave the conversation, or a generated one.',
      example: 'visitor-42',
    }),
    channel: z
      .enum(['api', 'graphql', 'chat_page'])
      .openapi({ description: 'The channel through which the conversation started.' }),
    status: z.enum(['open', 'escalated', 'closed']).openapi({ description: 'The status of the conversation.' }),
    answered_by: z.enum(['ai', 'person']).openapi({ description: 'The party that answers the next message.' }),
    silent_until: time
      .nullable()
      .openapi({ description: 'The time until which the chatbot is silent; null while the chatbot answers.' }),
    assignee: z
      .string()
      .nullable()
      .openapi({ description: 'The person assigned to the conversation; null if nobody is.', example: null }),
    escalated_at: time
      .nullable()
      .openapi({ description: 'The time of the first escalation; null if never escalated.' }),
    escalation_reason: z
      .string()
      .nullable()
      .openapi({ description: 'The reason of the last escalation; null if none was given.', example: null }),
    unread_count: z.int().openapi({ description: 'The number of unread visitor messages.', example: 1 }),
  })
  .openapi('Conversation', { description: 'A conversation of one visitor with one chatbot.' });

/** The data of an event about changes of a conversation, apart from its messages. */
const ConversationChangedEventModel = z
  .object({
    conversation_id: conversationId,
    at,
    conversation: ConversationSchema,
    changes: z
      .array(
        z.enum([
          'escalated',
          'taken_over',
          'handed_back',
          'assigned',
          'closed',
          'reopened',
          'read',
          'labelled',
          'snoozed',
        ]),
      )
      .openapi({ description: 'The changes.', example: ['taken_over'] }),
    actor: z.string().nullable().openapi({
      description:
        'The name of the person or program that caused the changes; null for a visitor and for the gateway itself.',
      example: 'Ada',
    }),
  })
  .openapi('ConversationChangedEvent', {
    description: 'Changes of a conversation, apart from its messages.',
  });

/** A lead in events. */
export const LeadSchema = z
  .object({
    id,
    name: z.string().openapi({ description: 'The name; empty if not given.', example: 'Ada' }),
    email: z.string().openapi({ description: 'The email address; empty if not given.', example: 'ada@example.com' }),
    phone: z.string().openapi({ description: 'The phone number; empty if not given.', example: '' }),
    custom_data: z
      .record(z.string(), z.unknown())
      .openapi({ description: 'The values of all other form fields by name.', example: {} }),
    created_at: time,
  })
  .openapi('Lead', { description: 'A lead: contact details of a visitor.' });

/** The data of an event about the contact details that a visitor has left. */
const LeadEventModel = z
  .object({
    conversation_id: conversationId,
    at,
    lead: LeadSchema,
  })
  .openapi('LeadEvent', { description: 'A lead that a visitor has left.' });

/** The data of an event about the start or end of typing. */
const TypingEventModel = z
  .object({
    conversation_id: conversationId,
    at,
    role: z.enum(['user', 'agent']).openapi({ description: 'The party that types.', example: 'agent' }),
    is_typing: z.boolean().openapi({ description: 'True if the party is typing now.', example: true }),
    author_name: z.string().nullable().openapi({
      description: 'The name of the person who types; null if unknown, for a visitor, and when typing has stopped.',
      example: 'Ada',
    }),
  })
  .openapi('TypingEvent', { description: 'The start or end of typing.' });

/** The data of an event about missed events that are no longer available. */
const GapEventModel = z
  .object({
    conversation_id: conversationId,
    at,
    reason: z.string().openapi({ description: 'The reason as an English sentence.' }),
  })
  .openapi('GapEvent', { description: 'A gap: some events are missing, and new events follow.' });

/** The data of the last event of a deleted conversation. */
const DeletionEventModel = z
  .object({
    conversation_id: conversationId,
    at,
    reason: z.string().openapi({ description: 'The reason as an English sentence.' }),
  })
  .openapi('DeletionEvent', { description: 'The deletion of the conversation; the last event.' });

/** Two events as they are sent. */
export const EVENTS_EXAMPLE = [
  { text: 'On Sundays ', offset: 0 },
  { text: 'we open at 10.', offset: 11 },
]
  .map(({ text, offset }, index) => {
    const data = {
      conversation_id: '019cf0f3-9a3c-7c1e-8a5b-2f6d1e0b7c46',
      at: '2026-03-15T10:30:00.123000+00:00',
      message_id: '019cf0f3-9a3c-7c1e-8a5b-2f6d1e0b7c43',
      offset,
      text,
    };
    return `id: Yzow${index}\nevent: message.delta\ndata: ${JSON.stringify(data)}\n\n`;
  })
  .join('');

/** The data of any event. */
export const EventSchema = z.union([
  MessageEventModel,
  DeltaEventModel,
  CitationEventModel,
  ConversationChangedEventModel,
  LeadEventModel,
  TypingEventModel,
  GapEventModel,
  DeletionEventModel,
  MessageDeletionModel,
]);
