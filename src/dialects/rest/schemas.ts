import { z } from '@hono/zod-openapi';

/** The demo chatbot, which every installation has, so that the examples can be tried. */
const DEMO_CHATBOT_ID = '01900000-0000-7000-8000-000000000003';

/** An id in a body. */
export const id = z.uuid().openapi({ description: 'The id.', example: '019cf0f3-9a3c-7c1e-8a5b-2f6d1e0b7c43' });
/** An id in a path. */
export const pathId = (name: string, description: string, example: string) =>
  z.string().openapi({ param: { name, in: 'path' }, format: 'uuid', description, example });
/** A time in a body. */
export const time = z.string().openapi({
  description: 'The time of creation: ISO 8601 in UTC with six fraction digits.',
  example: '2026-03-15T10:30:00.123000+00:00',
});
/** The id of a chatbot in a body. */
export const chatbotId = id.openapi({ example: DEMO_CHATBOT_ID });
const name = z.string().openapi({ description: 'The name shown to visitors.', example: 'ChatGraph guide' });
const slug = z.string().openapi({ description: 'The name in URLs, unique within the account.', example: 'demo' });
const provider = z.string().openapi({
  description: 'The provider that writes the replies: `gemini`, `chatgpt`, `ollama`, or the name of another provider.',
  example: 'chatgpt',
});
const isActive = z.boolean().openapi({ description: 'False while the chatbot is paused.', example: true });

/** A chatbot in lists. */
export const ChatbotSchema = z
  .object({ id: chatbotId, name, slug, provider, is_active: isActive, created_at: time })
  .openapi('Chatbot', { description: 'A chatbot.' });

/** A chatbot with all its fields. */
export const ChatbotDetailSchema = z
  .object({
    id: chatbotId,
    name,
    slug,
    provider,
    system_prompt: z.string().openapi({
      description: 'The instructions for the model; may be empty.',
      example: 'Answer questions about ChatGraph from its documentation.',
    }),
    fallback_message: z.string().openapi({
      description: 'The reply to a question that the sources of the chatbot do not cover.',
      example: 'My sources, the documentation of ChatGraph, say nothing about that.',
    }),
    is_active: isActive,
    created_at: time,
  })
  .openapi('ChatbotDetail', { description: 'A chatbot with its instructions.' });

/** A source of a chatbot. */
export const SourceSchema = z
  .object({
    id,
    type: z.enum(['url', 'file', 'text', 'qa']).openapi({ description: 'The origin of the source.', example: 'url' }),
    title: z.string().openapi({ description: 'The title; may be empty.', example: 'Opening hours' }),
    url: z
      .string()
      .openapi({ description: 'The URL of the source; empty if it has none.', example: 'https://example.com/hours' }),
    status: z.enum(['pending', 'crawling', 'processing', 'done', 'failed']).openapi({
      description: 'The state of the source.',
      example: 'done',
    }),
    page_count: z.int().openapi({ description: 'The number of pages read; 0 until the source is `done`.', example: 1 }),
    created_at: time,
  })
  .openapi('Source', { description: 'A source of knowledge of a chatbot.' });

const textField = z.string({ error: ({ input }) => (input === undefined ? 'Is required.' : 'Must be a string.') });

/** A message to a chatbot. Unknown fields are ignored. */
export const ChatRequestSchema = z
  .object(
    {
      message: textField.openapi({
        description: 'The text: 1 to `MAX_MESSAGE_CHARS` characters (8,000 by default) after trimming.',
        example: 'How do I follow an answer while it is written?',
      }),
      session_id: textField.nullish().openapi({
        description:
          'The name of a conversation of the chatbot, 1 to 255 characters. All messages without a `session_id` share one conversation.',
        example: 'visitor-42',
      }),
    },
    'Must be an object.',
  )
  .openapi('ChatRequest', { description: 'A message to a chatbot.' });

/** The chatbot's reply. */
export const ChatResponseSchema = z
  .object({
    response: z.string().openapi({
      description: 'The complete text of the reply.',
      example: 'To follow an answer while it is written, subscribe to `messageStream` with that id.',
    }),
  })
  .openapi('ChatResponse', { description: 'The reply of a chatbot.' });

/** The error of a refused request. */
export const ErrorSchema = z
  .object({
    detail: z.string().openapi({ description: 'The reason as an English sentence.', example: 'Not Found' }),
  })
  .openapi('Error', { description: 'The error of a refused request.' });

/** The error of a refused request, for clients that accept `application/problem+json`. */
export const ProblemSchema = z
  .object({
    type: z
      .literal('about:blank')
      .openapi({ description: 'The problem type: always `about:blank`, because the status is enough.' }),
    title: z.string().openapi({ description: 'The name of the status.', example: 'Not Found' }),
    status: z.int().openapi({ description: 'The HTTP status.', example: 404 }),
    detail: z.string().openapi({ description: 'The reason as an English sentence.', example: 'Not Found' }),
  })
  .openapi('Problem', { description: 'The error of a refused request, as a problem of RFC 9457.' });

/** The requested part of a list. */
export const PageQuery = z.object({
  limit: z
    .string()
    .regex(/^([1-9]\d?|100)$/, 'Must be a whole number from 1 to 100.')
    .transform(Number)
    .optional()
    .openapi({
      param: { name: 'limit', in: 'query' },
      type: 'integer',
      minimum: 1,
      maximum: 100,
      description: 'The maximum number of items; 100 if only `after` is given. Without both, the whole list is sent.',
      example: 20,
    }),
  after: z
    .string()
    .optional()
    .openapi({
      param: { name: 'after', in: 'query' },
      description:
        'A position in the list: only later items are sent. The `Link` header of the previous page contains the position.',
    }),
});
/** The parsed query of a list. */
export type PageQuery = z.output<typeof PageQuery>;

/** The chatbot in a path. */
export const ChatbotPath = z.object({
  chatbot_id: pathId('chatbot_id', 'The id of the chatbot.', DEMO_CHATBOT_ID),
});

/** The idempotency key of a chat request. */
export const ChatHeaders = z.object({
  'Idempotency-Key': z
    .string()
    .optional()
    .openapi({
      param: { name: 'Idempotency-Key', in: 'header' },
      description:
        'An idempotency key of 1 to 255 characters, bare or in quotes: use a new one, such as a UUID, for each new request. A repeated request with the same key within 24 hours sends no message: it returns the first reply, or waits for it.',
    }),
});

/** The conversation in a path. */
export const ConversationPath = z.object({
  conversation_id: pathId('conversation_id', 'The id of the conversation.', '019cf0f3-9a3c-7c1e-8a5b-2f6d1e0b7c46'),
});

/** The position from which a stream resumes. */
export const EventsQuery = z.object({
  after: z
    .string()
    .optional()
    .openapi({
      param: { name: 'after', in: 'query' },
      description:
        'The `id` of the last received event: the stream resumes after it. If absent, the stream starts with the unfinished reply, then sends new events.',
    }),
});

/** The resume position as a header, which `EventSource` sends automatically. */
export const EventsHeaders = z.object({
  'Last-Event-ID': z
    .string()
    .optional()
    .openapi({
      param: { name: 'Last-Event-ID', in: 'header' },
      description: 'The `id` of the last received event, like the parameter `after`. The header takes precedence.',
    }),
});
