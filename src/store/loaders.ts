import DataLoader from 'dataloader';
import type { ConversationOrder } from '../domain/conversation-list.ts';
import type {
  ApiKey,
  Chatbot,
  Conversation,
  ConversationActivity,
  Lead,
  Message,
  Passage,
  Source,
} from '../domain/entities.ts';
import type { SourceOrder } from '../domain/list-filters.ts';
import type { Operation, OperationManifest } from '../domain/operations.ts';
import type { ListPosition } from '../domain/ordered-list.ts';
import type { Member } from '../domain/sign-in/member.ts';
import type { SessionToken } from '../domain/visitors/session-tokens.ts';
import type { Visitor } from '../domain/visitors/visitors.ts';
import type { WebhookAttempt, WebhookDelivery, WebhookEvent, WebhookSubscription } from '../domain/webhooks.ts';
import { findActivities } from './activities.ts';
import { findApiKeys } from './api-keys.ts';
import { findChildMessages } from './branches.ts';
import { findChatbots } from './chatbots.ts';
import { findConversations } from './conversations.ts';
import { listConversationsByChatbot } from './inbox/conversation-list.ts';
import { findLeads } from './leads.ts';
import type { LastMessageKey, ListPageKey, RowCountKey } from './lists/loader-keys.ts';
import { listSourcesByChatbot } from './lists/source-list.ts';
import { findMembers } from './members/members.ts';
import { findLastMessages, findMessages } from './messages.ts';
import { findManifests, findNewestManifests } from './operations/manifests.ts';
import { findOperations } from './operations/operations.ts';
import type { Page } from './pages.ts';
import { countRows } from './row-counts.ts';
import { findPassages } from './search/passages.ts';
import { findSources } from './sources.ts';
import type { Queryable } from './tables.ts';
import { findSessionTokens } from './visitors/session-tokens.ts';
import { findVisitors } from './visitors/visitors.ts';
import { findWebhookDeliveries, listWebhookAttempts } from './webhooks/deliveries.ts';
import { findWebhookEvents } from './webhooks/events.ts';
import { findSealedParts, findWebhookSubscriptions, type SealedParts } from './webhooks/subscriptions.ts';

/**
 * Loaders that read rows by id for one request within one account. They batch reads, and cache the rows until the
 * request ends. Each returns `undefined` for an id that is unknown or that belongs to another account.
 */
export interface Loaders {
  readonly apiKey: DataLoader<string, ApiKey | undefined>;
  readonly chatbot: DataLoader<string, Chatbot | undefined>;
  readonly source: DataLoader<string, Source | undefined>;
  readonly passage: DataLoader<string, Passage | undefined>;
  readonly conversation: DataLoader<string, Conversation | undefined>;
  readonly message: DataLoader<string, Message | undefined>;
  readonly lead: DataLoader<string, Lead | undefined>;
  readonly member: DataLoader<string, Member | undefined>;
  readonly activity: DataLoader<string, ConversationActivity | undefined>;
  readonly visitor: DataLoader<string, Visitor | undefined>;
  readonly sessionToken: DataLoader<string, SessionToken | undefined>;
  /** The last message of a kind that a conversation shows. */
  readonly lastMessage: DataLoader<LastMessageKey, Message | undefined, string>;
  /** The messages with a parent, by the parent's id; the first messages of a conversation, by the conversation's id. */
  readonly childMessages: DataLoader<string, Message[]>;
  readonly webhookSubscription: DataLoader<string, WebhookSubscription | undefined>;
  readonly webhookDelivery: DataLoader<string, WebhookDelivery | undefined>;
  readonly webhookEvent: DataLoader<string, WebhookEvent | undefined>;
  /** The attempts of a delivery in order, by its id. */
  readonly webhookAttempts: DataLoader<string, WebhookAttempt[]>;
  readonly manifest: DataLoader<string, OperationManifest | undefined>;
  /** The newest version of a manifest, by its name. */
  readonly newestManifest: DataLoader<string, OperationManifest | undefined>;
  readonly operation: DataLoader<string, Operation | undefined>;
  /** The sealed parts of a webhook subscription, by its id. */
  readonly sealedParts: DataLoader<string, SealedParts | undefined>;
  /** Pages of lists; not cached, because a mutation may change the list before the next page is read. */
  readonly sourcePages: DataLoader<ListPageKey<SourceOrder>, Source[]>;
  readonly conversationPages: DataLoader<ListPageKey<ConversationOrder>, Conversation[]>;
  /** The number of rows of a list; not cached either. */
  readonly rowCount: DataLoader<RowCountKey, number>;
}

/** The maximum number of lists that one query reads. */
const MAX_LISTS = 32;

/**
 * Creates the loaders of one request. With `withNotes`, they find private notes too. Each loader is created on first
 * use, because most events of a subscription need no loader.
 */
export function createLoaders(db: Queryable, accountId: string, { withNotes }: { withNotes: boolean }): Loaders {
  return new LazyLoaders(db, accountId, withNotes);
}

class LazyLoaders implements Loaders {
  readonly #db: Queryable;
  readonly #accountId: string;
  readonly #withNotes: boolean;
  readonly #created: { -readonly [name in keyof Loaders]?: Loaders[name] } = {};

  constructor(db: Queryable, accountId: string, withNotes: boolean) {
    this.#db = db;
    this.#accountId = accountId;
    this.#withNotes = withNotes;
  }

  get apiKey() {
    this.#created.apiKey ??= this.#byId(findApiKeys);
    return this.#created.apiKey;
  }

  get chatbot() {
    this.#created.chatbot ??= this.#byId(findChatbots);
    return this.#created.chatbot;
  }

  get source() {
    this.#created.source ??= this.#byId(findSources);
    return this.#created.source;
  }

  get passage() {
    this.#created.passage ??= this.#byId(findPassages);
    return this.#created.passage;
  }

  get conversation() {
    this.#created.conversation ??= this.#byId(findConversations);
    return this.#created.conversation;
  }

  get message() {
    this.#created.message ??= this.#byId(async (...args) => {
      const messages = await findMessages(...args);
      return messages.filter(({ isPrivate }) => this.#withNotes || !isPrivate);
    });
    return this.#created.message;
  }

  get lead() {
    this.#created.lead ??= this.#byId(findLeads);
    return this.#created.lead;
  }

  get member() {
    this.#created.member ??= this.#byId(findMembers);
    return this.#created.member;
  }

  get activity() {
    this.#created.activity ??= this.#byId(findActivities);
    return this.#created.activity;
  }

  get visitor() {
    this.#created.visitor ??= this.#byId(findVisitors);
    return this.#created.visitor;
  }

  get lastMessage() {
    this.#created.lastMessage ??= new DataLoader((keys) => this.#findLastMessages(keys), {
      cacheKeyFn: JSON.stringify,
    });
    return this.#created.lastMessage;
  }

  get childMessages() {
    this.#created.childMessages ??= this.#groupBy(findChildMessages, parentKeyOf);
    return this.#created.childMessages;
  }

  get webhookSubscription() {
    this.#created.webhookSubscription ??= this.#byId(findWebhookSubscriptions);
    return this.#created.webhookSubscription;
  }

  get webhookDelivery() {
    this.#created.webhookDelivery ??= this.#byId(findWebhookDeliveries);
    return this.#created.webhookDelivery;
  }

  get webhookEvent() {
    this.#created.webhookEvent ??= this.#byId(findWebhookEvents);
    return this.#created.webhookEvent;
  }

  get webhookAttempts() {
    this.#created.webhookAttempts ??= this.#groupBy(listWebhookAttempts, ({ deliveryId }) => deliveryId);
    return this.#created.webhookAttempts;
  }

  get sessionToken() {
    this.#created.sessionToken ??= this.#byId(findSessionTokens);
    return this.#created.sessionToken;
  }

  get manifest() {
    this.#created.manifest ??= this.#byId(findManifests);
    return this.#created.manifest;
  }

  get newestManifest() {
    this.#created.newestManifest ??= this.#byKey(findNewestManifests, ({ name }) => name);
    return this.#created.newestManifest;
  }

  get operation() {
    this.#created.operation ??= this.#byId(findOperations);
    return this.#created.operation;
  }

  get sealedParts() {
    this.#created.sealedParts ??= this.#byId(findSealedParts);
    return this.#created.sealedParts;
  }

  get sourcePages() {
    this.#created.sourcePages ??= this.#byPage((db, accountId, chatbotIds, order, page) =>
      listSourcesByChatbot(db, accountId, { chatbotIds, order }, page),
    );
    return this.#created.sourcePages;
  }

  get conversationPages() {
    this.#created.conversationPages ??= this.#byPage((db, accountId, chatbotIds, order, page) =>
      listConversationsByChatbot(db, accountId, { chatbotIds, order }, page),
    );
    return this.#created.conversationPages;
  }

  get rowCount() {
    this.#created.rowCount ??= new DataLoader((keys) => this.#countRows(keys), {
      cache: false,
      maxBatchSize: MAX_LISTS,
    });
    return this.#created.rowCount;
  }

  #byId<T extends { id: string }>(find: FindMany<T>): DataLoader<string, T | undefined> {
    return this.#byKey(find, ({ id }) => id);
  }

  #groupBy<T>(find: FindMany<T>, keyOf: (row: T) => string): DataLoader<string, T[]> {
    return new DataLoader(async (keys) => {
      const groups = Map.groupBy(await find(this.#db, this.#accountId, keys), keyOf);
      return keys.map((key) => groups.get(key) ?? []);
    });
  }

  #byKey<T>(find: FindMany<T>, keyOf: (row: T) => string): DataLoader<string, T | undefined> {
    return new DataLoader(async (keys) => {
      const rows = new Map((await find(this.#db, this.#accountId, keys)).map((value) => [keyOf(value), value]));
      return keys.map((key) => rows.get(key));
    });
  }

  /** A request usually reads the same page of several chatbots, so one query reads it for all of them. */
  #byPage<Order, T>(list: ListMany<Order, T>): DataLoader<ListPageKey<Order>, T[]> {
    type Key = ListPageKey<Order>;
    const load = async (requests: readonly Key[]) => {
      const pages = new Map<Key, T[]>();
      const groups = Map.groupBy(requests, ({ order, page }) => JSON.stringify([order, page]));
      for (const group of groups.values()) {
        const [{ order, page }] = group as [Key];
        const chatbotIds = [...new Set(group.map(({ chatbotId }) => chatbotId))];
        const lists = await list(this.#db, this.#accountId, chatbotIds, order, page);
        for (const request of group) pages.set(request, lists[chatbotIds.indexOf(request.chatbotId)] ?? []);
      }
      return requests.map((request) => pages.get(request) ?? []);
    };
    return new DataLoader(load, { cache: false, maxBatchSize: MAX_LISTS });
  }

  /** One query finds the last messages of all conversations that have the same filter. */
  async #findLastMessages(keys: readonly LastMessageKey[]): Promise<(Message | undefined)[]> {
    const found = new Map<LastMessageKey, Message | undefined>();
    for (const group of Map.groupBy(keys, ({ conversationId: _, ...filter }) => JSON.stringify(filter)).values()) {
      const [{ conversationId: _, ...filter }] = group as [LastMessageKey];
      const ids = group.map(({ conversationId }) => conversationId);
      const withNotes = filter.withNotes && this.#withNotes;
      const messages = await findLastMessages(this.#db, this.#accountId, ids, { ...filter, withNotes });
      const byConversation = new Map(messages.map((message) => [message.conversationId, message]));
      for (const key of group) found.set(key, byConversation.get(key.conversationId));
    }
    return keys.map((key) => found.get(key));
  }

  /** One query counts the rows of all lists of a table that have the same filter. */
  async #countRows(keys: readonly RowCountKey[]): Promise<number[]> {
    const counts = new Map<RowCountKey, number>();
    for (const group of Map.groupBy(keys, ({ table, values }) => JSON.stringify([table, values])).values()) {
      const [filter] = group as [RowCountKey];
      const ownerIds = [...new Set(group.map(({ ownerId }) => ownerId))];
      const countsByOwner = await countRows(this.#db, this.#accountId, filter, ownerIds);
      for (const key of group) counts.set(key, countsByOwner.get(key.ownerId) ?? 0);
    }
    return keys.map((key) => counts.get(key) ?? 0);
  }
}

/**
 * The key of `childMessages` for a message and its siblings: the id of its parent, or of its conversation for a first
 * message.
 */
export function parentKeyOf({ parentId, conversationId }: Pick<Message, 'parentId' | 'conversationId'>): string {
  return parentId ?? conversationId;
}

type FindMany<T> = (db: Queryable, accountId: string, ids: readonly string[]) => Promise<T[]>;

type ListMany<Order, T> = (
  db: Queryable,
  accountId: string,
  chatbotIds: readonly string[],
  order: Order,
  page: Page<ListPosition>,
) => Promise<T[][]>;
