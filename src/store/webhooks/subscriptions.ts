import type { Selectable } from 'kysely';
import type { Channel } from '../../domain/entities.ts';
import { fromJson, toJson } from '../../domain/json.ts';
import type { Timestamp } from '../../domain/time.ts';
import type { WebhookEventName, WebhookSubscription } from '../../domain/webhooks.ts';
import { CHATBOT_NOT_DELETED } from '../deleted-chatbots.ts';
import { prepareQuery } from '../engines/prepared.ts';
import { type Page, padIds, pageOf, prepareList } from '../pages.ts';
import type { Queryable } from '../tables.ts';
import type { WebhookSubscriptionRow } from './rows.ts';

/** The sealed parts of a subscription, which no client can read: its signing secrets and custom headers. */
export interface SealedParts {
  readonly sealedSecret: string;
  /** The previous secret, while both are valid. */
  readonly sealedOldSecret: string | null;
  readonly oldSecretUntil: Timestamp | null;
  /** A JSON object; null without custom headers. */
  readonly sealedHeaders: string | null;
}

/** A subscription with its sealed parts. */
export interface Endpoint {
  readonly subscription: WebhookSubscription;
  readonly sealed: SealedParts;
}

/** Inserts a new subscription. */
export async function insertWebhookSubscription(
  trx: Queryable,
  subscription: WebhookSubscription,
  sealed: SealedParts,
): Promise<void> {
  await trx
    .insertInto('webhook_subscriptions')
    .values({ ...toRow(subscription), ...toSealedColumns(sealed), warned_at: null })
    .execute();
}

/** Updates all changeable fields of a subscription, and its sealed parts if given. */
export async function updateWebhookSubscription(
  trx: Queryable,
  subscription: WebhookSubscription,
  sealed?: SealedParts,
): Promise<void> {
  const { id, account_id, created_at, ...fields } = toRow(subscription);
  await trx
    .updateTable('webhook_subscriptions')
    .set({ ...fields, ...(sealed && toSealedColumns(sealed)) })
    .where('id', '=', id)
    .where('account_id', '=', account_id)
    .execute();
}

/** Deletes a subscription with its deliveries. */
export async function deleteWebhookSubscription(trx: Queryable, accountId: string, id: string): Promise<void> {
  await trx.deleteFrom('webhook_subscriptions').where('id', '=', id).where('account_id', '=', accountId).execute();
}

/** Finds a subscription of the account. */
export async function findWebhookSubscription(
  db: Queryable,
  accountId: string,
  id: string,
): Promise<WebhookSubscription | undefined> {
  return (await findEndpoint(db, accountId, id))?.subscription;
}

/** Finds a subscription of the account with its sealed parts. */
export async function findEndpoint(db: Queryable, accountId: string, id: string): Promise<Endpoint | undefined> {
  const [row] = await FIND(db, [accountId, id]);
  return row && toEndpoint(row);
}

const selectList = (db: Queryable) =>
  db.selectFrom('webhook_subscriptions').selectAll().where('account_id', '=', '').where(CHATBOT_NOT_DELETED);
const selectById = (db: Queryable) => selectList(db).where('id', '=', '');
const FIND = prepareQuery(selectById);
// New events for the subscription do not wait for this lock.
const LOCK = prepareQuery((db) => selectById(db).forNoKeyUpdate());

/** Finds a subscription of the account and locks it until the end of the transaction. */
export async function lockWebhookSubscription(
  trx: Queryable,
  accountId: string,
  id: string,
): Promise<Endpoint | undefined> {
  const [row] = await LOCK(trx, [accountId, id]);
  return row && toEndpoint(row);
}

/**
 * Finds an active subscription of any account and locks it until the end of the transaction, unless another transaction
 * has locked it. Does not wait.
 */
export async function lockActiveEndpoint(trx: Queryable, id: string): Promise<Endpoint | undefined> {
  const [row] = await LOCK_ACTIVE(trx, [id, 1]);
  return row && toEndpoint(row);
}

// New deliveries for the subscription do not wait for this lock.
const LOCK_ACTIVE = prepareQuery((db) =>
  db
    .selectFrom('webhook_subscriptions')
    .selectAll()
    .where('id', '=', '')
    .where('is_active', '=', 1)
    .forNoKeyUpdate()
    .skipLocked(),
);

/** Finds several subscriptions of the account, in no particular order. */
export async function findWebhookSubscriptions(
  db: Queryable,
  accountId: string,
  ids: readonly string[],
): Promise<WebhookSubscription[]> {
  const rows = await db
    .selectFrom('webhook_subscriptions')
    .selectAll()
    .where('id', 'in', padIds(ids))
    .where('account_id', '=', accountId)
    .where(CHATBOT_NOT_DELETED)
    .execute();
  return rows.map(toSubscription);
}

/** The sealed parts of several subscriptions of the account, with their ids, in no particular order. */
export async function findSealedParts(
  db: Queryable,
  accountId: string,
  ids: readonly string[],
): Promise<(SealedParts & { readonly id: string })[]> {
  const rows = await db
    .selectFrom('webhook_subscriptions')
    .select(['id', 'sealed_secret', 'sealed_old_secret', 'old_secret_until', 'sealed_headers'])
    .where('id', 'in', padIds(ids))
    .where('account_id', '=', accountId)
    .where(CHATBOT_NOT_DELETED)
    .execute();
  return rows.map((row) => ({ id: row.id, ...toSealed(row) }));
}

/** The id of a subscription, and its sealed parts. */
export interface SealedSubscription {
  readonly id: string;
  readonly sealed: SealedParts;
}

/** The sealed parts of the subscriptions of all accounts, for sealing them again. */
export async function listAllSealedParts(db: Queryable): Promise<SealedSubscription[]> {
  const rows = await db.selectFrom('webhook_subscriptions').selectAll().execute();
  return rows.map((row) => ({ id: row.id, sealed: toSealed(row) }));
}

/** Replaces a subscription's sealed parts, unless its owner has changed them since they were read. */
export async function replaceSealedParts(
  trx: Queryable,
  { id, sealed: { sealedSecret, sealedHeaders } }: SealedSubscription,
  newParts: SealedParts,
): Promise<void> {
  await trx
    .updateTable('webhook_subscriptions')
    .set(toSealedColumns(newParts))
    .where('id', '=', id)
    .where('sealed_secret', '=', sealedSecret)
    .where('sealed_headers', sealedHeaders === null ? 'is' : '=', sealedHeaders)
    .execute();
}

/**
 * The account's subscriptions, newest first: all, or those of some chatbots only. Uses
 * `webhook_subscriptions_by_account`.
 */
export async function listWebhookSubscriptions(
  db: Queryable,
  accountId: string,
  { chatbotIds }: { chatbotIds?: readonly string[] | undefined },
  page: Page,
): Promise<WebhookSubscription[]> {
  if (chatbotIds === undefined) return (await LIST(db, [accountId], page)).map(toSubscription);
  if (chatbotIds.length === 0) return [];
  // An account has at most 50 subscriptions.
  const rows = await db
    .selectFrom('webhook_subscriptions')
    .selectAll()
    .where('account_id', '=', accountId)
    .where('chatbot_id', 'in', chatbotIds)
    .where(CHATBOT_NOT_DELETED)
    .execute();
  const { limit, after: before, before: after, fromEnd } = page;
  return pageOf(rows.map(toSubscription), { limit, after, before, fromEnd: fromEnd !== true }).reverse();
}

const LIST = prepareList('desc', selectList);

/** The number of the account's subscriptions: all, or those of some chatbots only. */
export async function countWebhookSubscriptions(
  db: Queryable,
  accountId: string,
  { chatbotIds }: { chatbotIds?: readonly string[] | undefined } = {},
): Promise<number> {
  if (chatbotIds?.length === 0) return 0;
  const { count } = await db
    .selectFrom('webhook_subscriptions')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .where('account_id', '=', accountId)
    .$if(chatbotIds !== undefined, (query) => query.where('chatbot_id', 'in', chatbotIds ?? []))
    .where(CHATBOT_NOT_DELETED)
    .executeTakeFirstOrThrow();
  return Number(count);
}

/** The subscriptions with a document, of all accounts, oldest first. */
export async function listDocuments(
  db: Queryable,
): Promise<{ readonly id: string; readonly accountId: string; readonly document: string }[]> {
  return db
    .selectFrom('webhook_subscriptions')
    .select(['id', 'account_id as accountId', 'document'])
    .where('document', 'is not', null)
    .orderBy('id')
    .$narrowType<{ document: string }>()
    .execute();
}

/** The conditions of a subscription on the events that it receives. */
export interface EventFilter {
  readonly id: string;
  readonly chatbotId: string | null;
  readonly events: readonly WebhookEventName[];
  readonly channels: readonly Channel[] | null;
}

/** The event filters of the account's active subscriptions. Uses `webhook_subscriptions_by_account`. */
export async function listEventFilters(db: Queryable, accountId: string): Promise<EventFilter[]> {
  const rows = await LIST_FILTERS(db, [accountId, 1]);
  return rows.map(({ id, chatbot_id, events, channels }) => ({
    id,
    chatbotId: chatbot_id,
    events: fromJson<WebhookEventName[]>(events),
    channels: channels === null ? null : fromJson<Channel[]>(channels),
  }));
}

// Runs for every event.
const LIST_FILTERS = prepareQuery((db) =>
  db
    .selectFrom('webhook_subscriptions')
    .select(['id', 'chatbot_id', 'events', 'channels'])
    .where('account_id', '=', '')
    .where('is_active', '=', 1),
);

function toRow(subscription: WebhookSubscription) {
  return {
    id: subscription.id,
    account_id: subscription.accountId,
    chatbot_id: subscription.chatbotId,
    url: subscription.url,
    description: subscription.description,
    events: toJson(subscription.events),
    channels: subscription.channels && toJson(subscription.channels),
    schedule: subscription.schedule,
    document: subscription.document,
    is_active: subscription.isActive ? (1 as const) : (0 as const),
    disabled_reason: subscription.disabledReason,
    failing_since: subscription.failingSince,
    created_at: subscription.createdAt,
    updated_at: subscription.updatedAt,
  } satisfies Partial<WebhookSubscriptionRow>;
}

function toSealedColumns(sealed: SealedParts) {
  return {
    sealed_secret: sealed.sealedSecret,
    sealed_old_secret: sealed.sealedOldSecret,
    old_secret_until: sealed.oldSecretUntil,
    sealed_headers: sealed.sealedHeaders,
  } satisfies Partial<WebhookSubscriptionRow>;
}

function toSubscription(row: Selectable<WebhookSubscriptionRow>): WebhookSubscription {
  return {
    id: row.id,
    accountId: row.account_id,
    chatbotId: row.chatbot_id,
    url: row.url,
    description: row.description,
    events: fromJson<WebhookEventName[]>(row.events),
    channels: row.channels === null ? null : fromJson<Channel[]>(row.channels),
    schedule: row.schedule,
    document: row.document,
    isActive: row.is_active === 1,
    disabledReason: row.disabled_reason,
    failingSince: row.failing_since,
    warnedAt: row.warned_at,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}

function toEndpoint(row: Selectable<WebhookSubscriptionRow>): Endpoint {
  return { subscription: toSubscription(row), sealed: toSealed(row) };
}

function toSealed(
  row: Pick<Selectable<WebhookSubscriptionRow>, keyof ReturnType<typeof toSealedColumns>>,
): SealedParts {
  return {
    sealedSecret: row.sealed_secret,
    sealedOldSecret: row.sealed_old_secret,
    oldSecretUntil: row.old_secret_until,
    sealedHeaders: row.sealed_headers,
  };
}
