import DataLoader from 'dataloader';
import type {
  ApiKey,
  Chatbot,
  Conversation,
  ConversationStatus,
  Lead,
  Message,
  Passage,
  Source,
  SourceStatus,
} from '../domain/entities.ts';
import type { WebhookAttempt, WebhookDelivery, WebhookEvent, WebhookSubscription } from '../domain/webhooks.ts';
import { findApiKeys } from './api-keys.ts';
import { findFollowing } from './branches.ts';
import { findChatbots } from './chatbots.ts';
import { findConversations, listConversations } from './conversations.ts';
import { findLeads } from './leads.ts';
import { findLastMessages, findMessages } from './messages.ts';
import type { Page } from './pages.ts';
import { findPassages } from './search/passages.ts';
import { findSources, listSources } from './sources.ts';
import type { Queryable } from './tables.ts';
import { findWebhookDeliveries, listWebhookAttempts } from './webhooks/deliveries.ts';
import { findWebhookEvents } from './webhooks/events.ts';
import { findSealedParts, findWebhookSubscriptions, type SealedParts } from './webhooks/subscriptions.ts';

/**
 * Point reads of one request within one account, batched, and cached until the request ends. Each returns `undefined`
 * for an id that is unknown or another account's.
 */
export interface Loaders {
  readonly apiKey: DataLoader<string, ApiKey | undefined>;
  readonly chatbot: DataLoader<string, Chatbot | undefined>;
  readonly source: DataLoader<string, Source | undefined>;
  readonly passage: DataLoader<string, Passage | undefined>;
  readonly conversation: DataLoader<string, Conversation | undefined>;
  readonly message: DataLoader<string, Message | undefined>;
  readonly lead: DataLoader<string, Lead | undefined>;
  /** By conversation. */
  readonly lastMessage: DataLoader<string, Message | undefined>;
  /** The messages that directly follow a message, by its id; by the id of a conversation, its first messages. */
  readonly following: DataLoader<string, Message[]>;
  readonly webhookSubscription: DataLoader<string, WebhookSubscription | undefined>;
  readonly webhookDelivery: DataLoader<string, WebhookDelivery | undefined>;
  readonly webhookEvent: DataLoader<string, WebhookEvent | undefined>;
  /** The attempts of a delivery in order, by its id. */
  readonly webhookAttempts: DataLoader<string, WebhookAttempt[]>;
  /** By subscription. */
  readonly sealedParts: DataLoader<string, SealedParts | undefined>;
  /** Pages of lists; not cached, as a mutation may change them before the next page. */
  readonly sourcesOf: DataLoader<ListOf<SourceStatus>, Source[]>;
  readonly conversationsOf: DataLoader<ListOf<ConversationStatus>, Conversation[]>;
}

/** A page of a chatbot's list. */
export interface ListOf<Status> {
  readonly chatbotId: string;
  readonly status: Status | undefined;
  readonly page: Page;
}

/** More lists need several queries. */
const MAX_LISTS = 32;

/**
 * Creates the loaders of one request; they find private notes only for viewers who may see them. Each loader is created
 * on first use: most events of a subscription need none.
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

  get apiKey() {
    this.#made.apiKey ??= this.#byId(findApiKeys);
    return this.#made.apiKey;
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
    this.#made.following ??= this.#groupBy(findFollowing, followingKey);
    return this.#made.following;
  }

  get webhookSubscription() {
    this.#made.webhookSubscription ??= this.#byId(findWebhookSubscriptions);
    return this.#made.webhookSubscription;
  }

  get webhookDelivery() {
    this.#made.webhookDelivery ??= this.#byId(findWebhookDeliveries);
    return this.#made.webhookDelivery;
  }

  get webhookEvent() {
    this.#made.webhookEvent ??= this.#byId(findWebhookEvents);
    return this.#made.webhookEvent;
  }

  get webhookAttempts() {
    this.#made.webhookAttempts ??= this.#groupBy(listWebhookAttempts, ({ deliveryId }) => deliveryId);
    return this.#made.webhookAttempts;
  }

  get sealedParts() {
    this.#made.sealedParts ??= this.#byId(findSealedParts);
    return this.#made.sealedParts;
  }

  get sourcesOf() {
    this.#made.sourcesOf ??= this.#byPage(listSources);
    return this.#made.sourcesOf;
  }

  get conversationsOf() {
    this.#made.conversationsOf ??= this.#byPage(listConversations);
    return this.#made.conversationsOf;
  }

  #byId<T extends { id: string }>(find: FindMany<T>): DataLoader<string, T | undefined> {
    return this.#make(find, ({ id }) => id);
  }

  #groupBy<T>(find: FindMany<T>, keyOf: (found: T) => string): DataLoader<string, T[]> {
    return new DataLoader(async (keys) => {
      const found = Map.groupBy(await find(this.#db, this.#accountId, keys), keyOf);
      return keys.map((key) => found.get(key) ?? []);
    });
  }

  #make<T>(find: FindMany<T>, keyOf: (found: T) => string): DataLoader<string, T | undefined> {
    return new DataLoader(async (keys) => {
      const found = new Map((await find(this.#db, this.#accountId, keys)).map((value) => [keyOf(value), value]));
      return keys.map((key) => found.get(key));
    });
  }

  /** A request usually asks several chatbots for the same page, so each page is one query. */
  #byPage<Status, T>(list: ListMany<Status, T>): DataLoader<ListOf<Status>, T[]> {
    const load = async (asked: readonly ListOf<Status>[]) => {
      const found = new Map<ListOf<Status>, T[]>();
      const alike = Map.groupBy(asked, ({ status, page }) => JSON.stringify([status, page]));
      for (const group of alike.values()) {
        const [{ status, page }] = group as [ListOf<Status>];
        const chatbotIds = [...new Set(group.map(({ chatbotId }) => chatbotId))];
        const lists = await list(this.#db, this.#accountId, { chatbotIds, status }, page);
        for (const one of group) found.set(one, lists[chatbotIds.indexOf(one.chatbotId)] ?? []);
      }
      return asked.map((one) => found.get(one) ?? []);
    };
    return new DataLoader(load, { cache: false, maxBatchSize: MAX_LISTS });
  }
}

/**
 * The key of `following` for a message's siblings: the id of its parent, or of its conversation for a first message.
 */
export function followingKey({ parentId, conversationId }: Pick<Message, 'parentId' | 'conversationId'>): string {
  return parentId ?? conversationId;
}

type FindMany<T> = (db: Queryable, accountId: string, ids: readonly string[]) => Promise<T[]>;

type ListMany<Status, T> = (
  db: Queryable,
  accountId: string,
  of: { chatbotIds: readonly string[]; status: Status | undefined },
  page: Page,
) => Promise<T[][]>;
