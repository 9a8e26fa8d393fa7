import type { z } from '@hono/zod-openapi';
import { toTimestamp } from '../domain/time.ts';
import type {
  ChatbotSummaryFragment,
  ConversationEventsSubscription,
  GetChatbotQuery,
  ListSourcesQuery,
  MessageCitationFragment,
  StageMessageFragment,
} from './documents.ts';
import type {
  ChatbotDetailModel,
  ChatbotModel,
  CitationEventModel,
  CitationModel,
  DeltaEventModel,
  MessageEventModel,
  MessageModel,
  SourceModel,
} from './models.ts';

/** Providers that REST knows by the name of their product. */
const PROVIDERS: Readonly<Record<string, string>> = { google: 'gemini', openai: 'chatgpt', open: 'ollama' };

type GraphChatbot = NonNullable<GetChatbotQuery['chatbot']>;
type GraphEvent = ConversationEventsSubscription['conversationEvents'];
type GraphSource = NonNullable<ListSourcesQuery['chatbot']>['sources']['nodes'][number];

/** Maps a chatbot to its form in lists. The order of the keys is part of it. */
export function toChatbot(chatbot: ChatbotSummaryFragment): z.output<typeof ChatbotModel> {
  const { id, name, slug } = chatbot;
  return { id, name, slug, provider: toProvider(chatbot), is_active: chatbot.isActive, created_at: toTime(chatbot) };
}

/** Maps a chatbot to its full form. */
export function toChatbotDetail(chatbot: GraphChatbot): z.output<typeof ChatbotDetailModel> {
  const { id, name, slug } = chatbot;
  return {
    id,
    name,
    slug,
    provider: toProvider(chatbot),
    system_prompt: chatbot.instructions,
    fallback_message: chatbot.fallbackMessage,
    is_active: chatbot.isActive,
    created_at: toTime(chatbot),
  };
}

const SOURCE_TYPES = {
  SITE: 'url',
  URL: 'url',
  FILE: 'file',
  TEXT: 'text',
  QA: 'qa',
  TRANSCRIPT: 'file',
} as const satisfies Record<GraphSource['type'], string>;

/** Maps a source. */
export function toSource(source: GraphSource): z.output<typeof SourceModel> {
  return {
    id: source.id,
    type: SOURCE_TYPES[source.type],
    title: source.title,
    url: source.url ?? '',
    status: toLower(source.status),
    page_count: source.pageCount,
    created_at: toTime(source),
  };
}

const EVENT_NAMES = {
  MessageCreated: 'message.created',
  MessageStarted: 'message.started',
  MessageDelta: 'message.delta',
  CitationAdded: 'citation.added',
  MessageCompleted: 'message.completed',
  MessageFailed: 'message.failed',
  MessageStopped: 'message.stopped',
  MessageInterrupted: 'message.interrupted',
  BranchSelected: 'branch.selected',
} as const satisfies Record<GraphEvent['__typename'], string>;

/** An event of a conversation as REST tells it. */
export interface RestEvent {
  readonly name: (typeof EVENT_NAMES)[GraphEvent['__typename']];
  readonly data: z.output<typeof MessageEventModel | typeof DeltaEventModel | typeof CitationEventModel>;
}

/** Maps an event of a conversation. */
export function toEvent(event: GraphEvent): RestEvent {
  return { name: EVENT_NAMES[event.__typename], data: toEventData(event) };
}

function toEventData(event: GraphEvent): RestEvent['data'] {
  const about = { conversation_id: event.conversationId, at: toTimestamp(Date.parse(event.at)) };
  if ('message' in event) return { ...about, message: toMessage(event.message) };
  const { messageId: message_id } = event;
  if ('citation' in event) return { ...about, message_id, citation: toCitation(event.citation) };
  return { ...about, message_id, offset: event.offset, text: event.text };
}

function toMessage(message: StageMessageFragment): z.output<typeof MessageModel> {
  const { id, content, finishReason, error, completedAt } = message;
  return {
    id,
    role: toLower(message.role),
    status: toLower(message.status),
    content,
    citations: message.citations.map(toCitation),
    parent_id: message.parent?.id ?? null,
    finish_reason: finishReason && toLower(finishReason),
    error: error && { code: error.code, message: error.message },
    created_at: toTime(message),
    completed_at: completedAt && toTimestamp(Date.parse(completedAt)),
  };
}

function toCitation({ passage, source, ...citation }: MessageCitationFragment): z.output<typeof CitationModel> {
  const { title, url, quote, start, end } = citation;
  return { passage_id: passage?.id ?? null, source_id: source?.id ?? null, title, url: url ?? '', quote, start, end };
}

const toLower = <T extends string>(name: T) => name.toLowerCase() as Lowercase<T>;

function toProvider({ provider }: ChatbotSummaryFragment): string {
  return Object.hasOwn(PROVIDERS, provider) ? (PROVIDERS[provider] ?? provider) : provider;
}

/** The graph's milliseconds as REST's six digits. */
function toTime({ createdAt }: { createdAt: string }): string {
  return toTimestamp(Date.parse(createdAt));
}
