import DataLoader from 'dataloader';
import type { Chatbot, Conversation, Message, Passage, Source } from '../domain/entities.ts';
import { findChatbots } from './chatbots.ts';
import { findConversations } from './conversations.ts';
import { findLastMessages, findMessages } from './messages.ts';
import { findPassages } from './passages.ts';
import { findSources } from './sources.ts';
import type { Queryable } from './tables.ts';

/**
 * Point reads of one request, batched and remembered for as long as it lasts, all within one account. Each gives
 * `undefined` for an id that is unknown or another account's.
 */
export interface Loaders {
  readonly chatbot: DataLoader<string, Chatbot | undefined>;
  readonly source: DataLoader<string, Source | undefined>;
  readonly passage: DataLoader<string, Passage | undefined>;
  readonly conversation: DataLoader<string, Conversation | undefined>;
  readonly message: DataLoader<string, Message | undefined>;
  /** By conversation. */
  readonly lastMessage: DataLoader<string, Message | undefined>;
}

/** Makes the loaders of one request. */
export function createLoaders(db: Queryable, accountId: string): Loaders {
  const byId = <T extends { id: string }>(find: FindMany<T>) => createLoader(db, accountId, find, (found) => found.id);
  return {
    chatbot: byId(findChatbots),
    source: byId(findSources),
    passage: byId(findPassages),
    conversation: byId(findConversations),
    message: byId(findMessages),
    lastMessage: createLoader(db, accountId, findLastMessages, (message) => message.conversationId),
  };
}

type FindMany<T> = (db: Queryable, accountId: string, ids: readonly string[]) => Promise<T[]>;

function createLoader<T>(
  db: Queryable,
  accountId: string,
  find: FindMany<T>,
  keyOf: (found: T) => string,
): DataLoader<string, T | undefined> {
  return new DataLoader(async (keys) => {
    const found = new Map((await find(db, accountId, keys)).map((value) => [keyOf(value), value]));
    return keys.map((key) => found.get(key));
  });
}
