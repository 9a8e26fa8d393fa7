import DataLoader from 'dataloader';
import type { Chatbot, Conversation, Lead, Message, Passage, Source } from '../domain/entities.ts';
import { findFollowing } from './branches.ts';
import { findChatbots } from './chatbots.ts';
import { findConversations } from './conversations.ts';
import { findLeads } from './leads.ts';
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
  readonly lead: DataLoader<string, Lead | undefined>;
  /** By conversation. */
  readonly lastMessage: DataLoader<string, Message | undefined>;
  /** The messages that directly follow a message, or begin a conversation, by its id. */
  readonly following: DataLoader<string, Message[]>;
}

/** Makes the loaders of one request, which find private notes only for those who may see them. */
export function createLoaders(db: Queryable, accountId: string, { withNotes }: { withNotes: boolean }): Loaders {
  const byId = <T extends { id: string }>(find: FindMany<T>) => createLoader(db, accountId, find, (found) => found.id);
  return {
    chatbot: byId(findChatbots),
    source: byId(findSources),
    passage: byId(findPassages),
    conversation: byId(findConversations),
    message: byId(async (...of) => (await findMessages(...of)).filter(({ isPrivate }) => withNotes || !isPrivate)),
    lead: byId(findLeads),
    lastMessage: createLoader(
      db,
      accountId,
      (...of) => findLastMessages(...of, { withNotes }),
      (message) => message.conversationId,
    ),
    following: new DataLoader(async (ids) => {
      const found = Map.groupBy(await findFollowing(db, accountId, ids), (message) => followedBy(message));
      return ids.map((id) => found.get(id) ?? []);
    }),
  };
}

/** What a message follows: the one before it, or as the first its conversation. */
export function followedBy({ parentId, conversationId }: Pick<Message, 'parentId' | 'conversationId'>): string {
  return parentId ?? conversationId;
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
