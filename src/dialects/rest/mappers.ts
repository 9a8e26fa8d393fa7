import type { z } from '@hono/zod-openapi';
import { toTimestamp } from '../../domain/time.ts';
import type { ChatbotSummaryFragment, GetChatbotQuery, ListSourcesQuery } from './documents.ts';
import type { ChatbotDetailSchema, ChatbotSchema, SourceSchema } from './schemas.ts';

/** The REST names of providers whose names differ between REST and GraphQL, by GraphQL name. */
const PROVIDERS: Readonly<Record<string, string>> = { google: 'gemini', openai: 'chatgpt', open: 'ollama' };

type GraphChatbot = NonNullable<GetChatbotQuery['chatbot']>;
type GraphSource = NonNullable<ListSourcesQuery['chatbot']>['sources']['nodes'][number];

/** Maps a chatbot to its form in lists. The order of the keys is fixed. */
export function toChatbot(chatbot: ChatbotSummaryFragment): z.output<typeof ChatbotSchema> {
  const { id, name, slug } = chatbot;
  return {
    id,
    name,
    slug,
    provider: toProvider(chatbot),
    is_active: chatbot.isActive,
    created_at: toRestTime(chatbot.createdAt),
  };
}

/** Maps a chatbot to its detailed form. */
export function toChatbotDetail(chatbot: GraphChatbot): z.output<typeof ChatbotDetailSchema> {
  const { id, name, slug } = chatbot;
  return {
    id,
    name,
    slug,
    provider: toProvider(chatbot),
    system_prompt: chatbot.instructions,
    fallback_message: chatbot.fallbackMessage,
    is_active: chatbot.isActive,
    created_at: toRestTime(chatbot.createdAt),
  };
}

/** Maps a source. */
export function toSource(source: GraphSource): z.output<typeof SourceSchema> {
  return {
    id: source.id,
    type: toLower(source.type),
    title: source.title,
    url: source.url ?? '',
    status: toLower(source.status),
    page_count: source.pageCount,
    created_at: toRestTime(source.createdAt),
  };
}

/** The REST form of an enum value. */
export const toLower = <T extends string>(name: T) => name.toLowerCase() as Lowercase<T>;

function toProvider({ provider }: ChatbotSummaryFragment): string {
  return Object.hasOwn(PROVIDERS, provider) ? (PROVIDERS[provider] ?? provider) : provider;
}

/** Converts a GraphQL timestamp, which has milliseconds, to a REST timestamp with six fraction digits. */
export function toRestTime(at: string): string {
  return toTimestamp(Date.parse(at));
}
