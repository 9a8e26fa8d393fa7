import { z } from '@hono/zod-openapi';
import { id, time } from './schemas.ts';

const conversationId = id.openapi({ description: 'The conversation it happened in.' });
const messageId = id.openapi({ description: 'The reply.' });
const at = time.openapi({ description: 'When it happened.' });

/** Evidence for a stretch of a reply. */
export const CitationSchema = z
  .object({
    passage_id: id.nullable().openapi({ description: 'The passage; null when its source was deleted since.' }),
    source_id: id.nullable().openapi({ description: 'The source; null when it was deleted since.' }),
    title: z.string().openapi({ description: 'The title of the source when it was cited.', example: 'Opening hours' }),
    url: z.string().openapi({ description: 'The address of the source; empty where it has none.', example: '' }),
    quote: z.string().openapi({ description: 'The words that the reply rests on.', example: 'We open at 10.' }),
    start: z.int().openapi({ description: 'Where the stretch begins, in UTF-16 code units.', example: 0 }),
    end: z.int().openapi({ description: 'Where it ends, exclusive.', example: 14 }),
  })
  .openapi('Citation', { description: 'Evidence for a stretch of a reply.' });

/** A message as its events tell it. */
export const MessageSchema = z
  .object({
    id,
    role: z.enum(['user', 'assistant', 'agent', 'system']).openapi({ description: 'Who says it.', example: 'user' }),
    status: z.enum(['queued', 'streaming', 'completed', 'failed', 'stopped', 'interrupted']).openapi({
      description: 'How far it has come; the last four are ends.',
      example: 'completed',
    }),
    content: z.string().openapi({ description: 'The text, or what there is of it so far.', example: 'Hello' }),
    citations: z.array(CitationSchema).openapi({ description: 'What it rests on, in the order of the text.' }),
    parent_id: id.nullable().openapi({ description: 'What it follows: a reply its question; null for the first.' }),
    author_name: z.string().nullable().openapi({ description: "Who wrote a person's message.", example: null }),
    is_private: z.boolean().openapi({ description: 'Whether it is a note between people.', example: false }),
    finish_reason: z.enum(['stop', 'length', 'content_filter', 'error', 'aborted']).nullable().openapi({
      description: 'Why a reply ended; null before that, and for other roles.',
      example: null,
    }),
    follow_ups: z.array(z.string()).openapi({ description: 'Questions that the visitor may want to ask next.' }),
    error: z
      .object({
        code: z.string().openapi({ description: 'The reason in a word that never changes.', example: 'ANSWER_FAILED' }),
        message: z.string().openapi({ description: 'The reason in a sentence for people.' }),
      })
      .nullable()
      .openapi({ description: 'Why a reply failed; null unless it did.', example: null }),
    created_at: time,
    completed_at: time.nullable().openapi({ description: 'When it ended; null before that.' }),
  })
  .openapi('Message', { description: 'One thing said in a conversation.' });

/** A message that has come to a stage. */
const MessageEventModel = z
  .object({ conversation_id: conversationId, at, message: MessageSchema })
  .openapi('MessageEvent', { description: 'A message has come to a stage, which the name of the event says.' });

/** A piece of a reply. */
const DeltaEventModel = z
  .object({
    conversation_id: conversationId,
    at,
    message_id: messageId,
    offset: z.int().openapi({ description: 'Where the piece stands in its text, in UTF-16 code units.', example: 0 }),
    text: z.string().openapi({ description: 'The piece.', example: 'On Sundays ' }),
  })
  .openapi('DeltaEvent', { description: 'A piece of a reply.' });

/** A citation of a reply. */
const CitationEventModel = z
  .object({
    conversation_id: conversationId,
    at,
    message_id: messageId,
    citation: CitationSchema,
  })
  .openapi('CitationEvent', { description: 'Evidence for text that was told before.' });

/** A conversation as its events tell it. */
export const ConversationSchema = z
  .object({
    id,
    session_id: z.string().openapi({ description: 'What clients name it by.', example: 'visitor-42' }),
    channel: z.enum(['api', 'graphql', 'chat_page', 'widget']).openapi({ description: 'The way it came in.' }),
    status: z.enum(['open', 'escalated', 'closed']).openapi({ description: 'Where it stands.' }),
    answered_by: z.enum(['ai', 'person']).openapi({ description: 'Who answers the next message.' }),
    silent_until: time.nullable().openapi({ description: 'Until when the chatbot is silent; null if it is not.' }),
    assignee: z.string().nullable().openapi({ description: 'The person who takes care of it.', example: null }),
    escalated_at: time.nullable().openapi({ description: 'When a person was first asked for.' }),
    escalation_reason: z.string().nullable().openapi({ description: 'Why, where it was said.', example: null }),
    unread_count: z.int().openapi({ description: "The visitor's unread messages.", example: 1 }),
  })
  .openapi('Conversation', { description: 'What one visitor and one chatbot say to each other.' });

/** Who answers, or where a conversation stands. */
const HandoffEventModel = z
  .object({
    conversation_id: conversationId,
    at,
    conversation: ConversationSchema,
  })
  .openapi('HandoffEvent', { description: 'Who answers, who takes care of it or where it stands has changed.' });

/** A lead as its event tells it. */
export const LeadSchema = z
  .object({
    id,
    name: z.string().openapi({ description: 'A name; empty when none was given.', example: 'Ada' }),
    email: z.string().openapi({ description: 'An email address; may be empty.', example: 'ada@example.com' }),
    phone: z.string().openapi({ description: 'A phone number; may be empty.', example: '' }),
    custom_data: z.record(z.string(), z.unknown()).openapi({ description: 'What else was given.', example: {} }),
    created_at: time,
  })
  .openapi('Lead', { description: 'Who left how to be reached.' });

/** A lead that was left. */
const LeadEventModel = z
  .object({
    conversation_id: conversationId,
    at,
    lead: LeadSchema,
  })
  .openapi('LeadEvent', { description: 'A visitor has left how to be reached.' });

/** Someone who types. */
const TypingEventModel = z
  .object({
    conversation_id: conversationId,
    at,
    role: z.enum(['user', 'agent']).openapi({ description: 'Who.', example: 'agent' }),
    is_typing: z.boolean().openapi({ description: 'Whether they type now.', example: true }),
  })
  .openapi('TypingEvent', { description: 'Someone began to type, or has stopped.' });

/** Something that cannot be told any more. */
const GapEventModel = z
  .object({
    conversation_id: conversationId,
    at,
    reason: z.string().openapi({ description: 'Why, for people.' }),
  })
  .openapi('GapEvent', { description: 'Some events are no longer kept; what follows is from now on.' });

/** The last event of a conversation that is deleted. */
const DeletionEventModel = z
  .object({
    conversation_id: conversationId,
    at,
    reason: z.string().openapi({ description: 'Why, for people.' }),
  })
  .openapi('DeletionEvent', { description: 'The conversation was deleted; the last event.' });

/** Every form of an event. */
export const EventSchema = z.union([
  MessageEventModel,
  DeltaEventModel,
  CitationEventModel,
  HandoffEventModel,
  LeadEventModel,
  TypingEventModel,
  GapEventModel,
  DeletionEventModel,
]);
