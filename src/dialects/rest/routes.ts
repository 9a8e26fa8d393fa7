import { createRoute, z } from '@hono/zod-openapi';
import { ERRORS, type ErrorCode } from '../../domain/errors.ts';
import { EVENTS_EXAMPLE, EventSchema } from './event-schemas.ts';
import {
  ChatbotDetailSchema,
  ChatbotPath,
  ChatbotSchema,
  ChatHeaders,
  ChatRequestSchema,
  ChatResponseSchema,
  ConversationPath,
  ErrorSchema,
  EventsHeaders,
  EventsQuery,
  PageQuery,
  ProblemSchema,
  SourceSchema,
} from './schemas.ts';

/** The error codes that every route can return. */
export const COMMON_ERRORS = [
  'UNAUTHENTICATED',
  'FORBIDDEN',
  'RATE_LIMITED',
  'INTERNAL_SERVER_ERROR',
  'SERVICE_UNAVAILABLE',
] as const;

const replayHeader = z.object({
  'Idempotency-Replayed': z.literal('true').optional().openapi({
    description: 'Present if an earlier request with the same `Idempotency-Key` has stored the message.',
  }),
});

/** The response header of lists. */
export const linkHeader = z.object({
  Link: z.string().optional().openapi({
    description:
      'The URL of the next page, as `<…>; rel="next"`; absent on the last page and if the whole list is sent.',
  }),
});

/** `GET /chatbots` */
export const listChatbotsRoute = createRoute({
  method: 'get',
  path: '/chatbots',
  operationId: 'listChatbots',
  tags: ['Chatbots'],
  summary: 'List chatbots',
  description: 'Lists the chatbots of the account, oldest first, paused ones included. Needs the scope `read`.',
  request: { query: PageQuery },
  responses: {
    200: {
      description: 'The chatbots.',
      headers: linkHeader,
      content: { 'application/json': { schema: z.array(ChatbotSchema) } },
    },
    ...errorResponses('BAD_USER_INPUT', ...COMMON_ERRORS),
  },
});

/** `GET /chatbots/{chatbot_id}` */
export const getChatbotRoute = createRoute({
  method: 'get',
  path: '/chatbots/{chatbot_id}',
  operationId: 'getChatbot',
  tags: ['Chatbots'],
  summary: 'Get a chatbot',
  description: 'Returns a chatbot with its instructions. Needs the scope `read`.',
  request: { params: ChatbotPath },
  responses: {
    200: { description: 'The chatbot.', content: { 'application/json': { schema: ChatbotDetailSchema } } },
    ...errorResponses('NOT_FOUND', ...COMMON_ERRORS),
  },
});

/** `GET /chatbots/{chatbot_id}/sources` */
export const listSourcesRoute = createRoute({
  method: 'get',
  path: '/chatbots/{chatbot_id}/sources',
  operationId: 'listSources',
  tags: ['Sources'],
  summary: 'List the sources of a chatbot',
  description: 'Lists the sources of a chatbot, newest first. Needs the scope `read`.',
  request: { params: ChatbotPath, query: PageQuery },
  responses: {
    200: {
      description: 'The sources.',
      headers: linkHeader,
      content: { 'application/json': { schema: z.array(SourceSchema) } },
    },
    ...errorResponses('BAD_USER_INPUT', 'NOT_FOUND', ...COMMON_ERRORS),
  },
});

/** `POST /chatbots/{chatbot_id}/chat` */
export const chatRoute = createRoute({
  method: 'post',
  path: '/chatbots/{chatbot_id}/chat',
  operationId: 'chat',
  tags: ['Chat'],
  summary: 'Ask a chatbot',
  description:
    'Sends a message and waits for the complete reply. Replies of one conversation are written one at a time. A reply continues if the client disconnects. Needs the scope `chat`.',
  request: {
    params: ChatbotPath,
    headers: ChatHeaders,
    body: { required: true, content: { 'application/json': { schema: ChatRequestSchema } } },
  },
  responses: {
    200: {
      description: 'The reply.',
      headers: replayHeader,
      content: { 'application/json': { schema: ChatResponseSchema } },
    },
    ...errorResponses(
      'MALFORMED_BODY',
      'INVALID_INPUT',
      'CHATBOT_PAUSED',
      'NOT_FOUND',
      'PAYLOAD_TOO_LARGE',
      'UNSUPPORTED_MEDIA_TYPE',
      'IDEMPOTENCY_CONFLICT',
      'QUOTA_EXCEEDED',
      'ANSWER_FAILED',
      'ANSWER_TIMEOUT',
      ...COMMON_ERRORS,
    ),
  },
});

/** `GET /conversations/{conversation_id}/events` */
export const conversationEventsRoute = createRoute({
  method: 'get',
  path: '/conversations/{conversation_id}/events',
  operationId: 'conversationEvents',
  tags: ['Chat'],
  summary: 'Follow a conversation',
  description:
    'Streams server-sent events of a conversation: messages, the text of streaming replies, changes of the conversation, leads and typing. The stream stays open and sends a comment every 12 seconds. The `id` of the last event, sent as `Last-Event-ID` or `after`, resumes the stream without loss or repetition. Needs the scope `chat` or `read`.',
  request: { params: ConversationPath, query: EventsQuery, headers: EventsHeaders },
  responses: {
    200: {
      description:
        'The events. `message.created`, `message.started`, `message.completed`, `message.failed`, `message.stopped`, `message.interrupted`, `message.updated`, `branch.selected` and `follow_ups.suggested` have a `MessageEvent` as data, `message.deleted` a `MessageDeletionEvent`, `message.delta` a `DeltaEvent`, `citation.added` a `CitationEvent`, `conversation.changed` a `ConversationChangedEvent`, `lead.captured` a `LeadEvent`, `typing.changed` a `TypingEvent`, `stream.gap` a `GapEvent`, and `conversation.deleted`, the last event of a stream, a `DeletionEvent`.',
      content: {
        'text/event-stream': { schema: EventSchema, example: EVENTS_EXAMPLE },
      },
    },
    ...errorResponses('BAD_USER_INPUT', 'NOT_FOUND', ...COMMON_ERRORS),
  },
});

/** Documents the responses to refused requests, one per status. */
export function errorResponses(...codes: ErrorCode[]) {
  const byStatus = Map.groupBy(codes, (code) => ERRORS[code].status);
  return Object.fromEntries([...byStatus].map(([status, sameStatus]) => [status, errorResponse(sameStatus)]));
}

function errorResponse(codes: ErrorCode[]) {
  const texts = codes.map((code) => ERRORS[code].text);
  return {
    description: texts.join(' / '),
    content: {
      'application/json': {
        schema: ErrorSchema,
        examples: Object.fromEntries(codes.map((code) => [code, { value: { detail: ERRORS[code].text } }])),
      },
      'application/problem+json': { schema: ProblemSchema },
    },
  };
}
