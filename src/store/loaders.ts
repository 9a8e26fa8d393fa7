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

/**
 * Makes the loaders of one request, which find private notes only for those who may see them. Each is made when it is
 * first asked for: most events of a subscription need none.
 */
export function createLoaders(db: Queryable, accountId: string, { withNotes }: { withNotes: boolean }): Loaders {
  return new LazyLoaders(db, accountId, withNotes);
}

class LazyLoaders implements Loaders {
  readonly #db: Queryable;
  readonly #accountId: string;
  readonly #withNotes: boolean;
  readonly #made: { -readonly [name in keyof Loaders]?: Loaders[name] } = {};

  constructor(db: Queryable, accountId: string, withNotes: boolean) {
    this.#db = db;
    this.#accountId = accountId;
    this.#withNotes = withNotes;
  }

  get chatbot() {
    this.#made.chatbot ??= this.#byId(findChatbots);
    return this.#made.chatbot;
  }

  get source() {
    this.#made.source ??= this.#byId(findSources);
    return this.#made.source;
  }

  get passage() {
    this.#made.passage ??= this.#byId(findPassages);
    return this.#made.passage;
  }

  get conversation() {
    this.#made.conversation ??= this.#byId(findConversations);
    return this.#made.conversation;
  }

  get message() {
    this.#made.message ??= this.#byId(async (...of) => {
      const found = await findMessages(...of);
      return found.filter(({ isPrivate }) => this.#withNotes || !isPrivate);
    });
    return this.#made.message;
  }

  get lead() {
    this.#made.lead ??= this.#byId(findLeads);
    return this.#made.lead;
  }

  get lastMessage() {
    const withNotes = this.#withNotes;
    this.#made.lastMessage ??= this.#make(
      (...of) => findLastMessages(...of, { withNotes }),
      ({ conversationId }) => conversationId,
    );
    return this.#made.lastMessage;
  }

  get following() {
    this.#made.following ??= new DataLoader(async (ids) => {
      const found = Map.groupBy(await findFollowing(this.#db, this.#accountId, ids), (message) => followedBy(message));
      return ids.map((id) => found.get(id) ?? []);
    });
    return this.#made.following;
  }

  #byId<T extends { id: string }>(find: FindMany<T>): DataLoader<string, T | undefined> {
    return this.#make(find, ({ id }) => id);
  }

  #make<T>(find: FindMany<T>, keyOf: (found: T) => string): DataLoader<string, T | undefined> {
    return new DataLoader(async (keys) => {
      const found = new Map((await find(this.#db, this.#accountId, keys)).map((value) => [keyOf(value), value]));
      return keys.map((key) => found.get(key));
    });
  }
}

/** What a message follows: the one before it, or as the first its conversation. */
export function followedBy({ parentId, conversationId }: Pick<Message, 'parentId' | 'conversationId'>): string {
  return parentId ?? conversationId;
}

type FindMany<T> = (db: Queryable, accountId: string, ids: readonly string[]) => Promise<T[]>;
