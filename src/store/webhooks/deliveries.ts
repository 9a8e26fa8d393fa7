import type { Selectable } from 'kysely';
import type { Timestamp } from '../../domain/time.ts';
import type { WebhookAttempt, WebhookDelivery } from '../../domain/webhooks.ts';
import { SUBSCRIPTION_NOT_DELETED } from '../deleted-chatbots.ts';
import { prepareQuery } from '../engines/prepared.ts';
import { padIds } from '../pages.ts';
import type { Queryable } from '../tables.ts';
import { recordNewDeliveries } from './new-deliveries.ts';
import type { WebhookAttemptRow, WebhookDeliveryRow } from './rows.ts';

/** Inserts new deliveries, in the transaction of their event. */
export async function insertWebhookDeliveries(trx: Queryable, deliveries: readonly WebhookDelivery[]): Promise<void> {
  if (deliveries.length === 0) return;
  for (const { accountId } of deliveries) recordNewDeliveries(trx, accountId);
  const rows = deliveries.map((delivery) => ({
    id: delivery.id,
    account_id: delivery.accountId,
    subscription_id: delivery.subscriptionId,
    event_id: delivery.eventId,
    name: delivery.name,
    status: delivery.status,
    body: delivery.body,
    body_problem: delivery.bodyProblem,
    attempt_count: delivery.attemptCount,
    next_attempt_at: delivery.nextAttemptAt,
    leased_by: null,
    leased_until: null,
    created_at: delivery.createdAt,
  }));
  await trx.insertInto('webhook_deliveries').values(rows).execute();
}

/** Finds a delivery of the account. */
export async function findWebhookDelivery(
  db: Queryable,
  accountId: string,
  id: string,
): Promise<WebhookDelivery | undefined> {
  const [row] = await FIND(db, [id, accountId]);
  return row && toDelivery(row);
}

const FIND = prepareQuery((db) =>
  db
    .selectFrom('webhook_deliveries')
    .selectAll()
    .where('id', '=', '')
    .where('account_id', '=', '')
    .where(SUBSCRIPTION_NOT_DELETED),
);

/** Finds several deliveries of the account, in no particular order. */
export async function findWebhookDeliveries(
  db: Queryable,
  accountId: string,
  ids: readonly string[],
): Promise<WebhookDelivery[]> {
  const rows = await db
    .selectFrom('webhook_deliveries')
    .selectAll()
    .where('id', 'in', padIds(ids))
    .where('account_id', '=', accountId)
    .where(SUBSCRIPTION_NOT_DELETED)
    .execute();
  return rows.map(toDelivery);
}

/** Makes a delivery of the account due at `at`, like a new delivery; the count of its attempts continues. */
export async function makeWebhookDeliveryDue(
  trx: Queryable,
  accountId: string,
  id: string,
  at: Timestamp,
): Promise<WebhookDelivery | undefined> {
  const row = await trx
    .updateTable('webhook_deliveries')
    .set({ status: 'PENDING', next_attempt_at: at, unclean_ends: 0 })
    .where('id', '=', id)
    .where('account_id', '=', accountId)
    .returningAll()
    .executeTakeFirst();
  return row && toDelivery(row);
}

/** Selects deliveries: those of an account, of one of its subscriptions, or of the subscriptions of some chatbots. */
export interface DeliveryScope {
  readonly accountId: string;
  readonly subscriptionId: string | undefined;
  readonly chatbotIds?: readonly string[] | undefined;
}

/** The newest deliveries, newest first. Uses `webhook_deliveries_by_account` or `…_by_subscription`. */
export async function listNewestDeliveries(
  db: Queryable,
  selection: DeliveryScope,
  limit: number,
): Promise<WebhookDelivery[]> {
  const rows = await selectDeliveries(db, selection).orderBy('id', 'desc').limit(limit).execute();
  return rows.map(toDelivery);
}

/** The deliveries with the earliest next attempts, in the order of these attempts. Uses `webhook_deliveries_due`. */
export async function listNextDeliveries(
  db: Queryable,
  selection: DeliveryScope,
  limit: number,
): Promise<WebhookDelivery[]> {
  const { accountId } = selection;
  const rows = await selectDeliveries(db, selection)
    .where('subscription_id', 'in', (from) =>
      from.selectFrom('webhook_subscriptions').select('id').where('account_id', '=', accountId),
    )
    .where('next_attempt_at', 'is not', null)
    .orderBy('next_attempt_at')
    .limit(limit)
    .execute();
  return rows.map(toDelivery);
}

function selectDeliveries(db: Queryable, { accountId, subscriptionId, chatbotIds }: DeliveryScope) {
  const all = db
    .selectFrom('webhook_deliveries')
    .selectAll()
    .where('account_id', '=', accountId)
    .where(SUBSCRIPTION_NOT_DELETED)
    .$if(chatbotIds !== undefined, (deliveries) =>
      deliveries.where('subscription_id', 'in', (from) =>
        from
          .selectFrom('webhook_subscriptions')
          .select('id')
          .where('account_id', '=', accountId)
          .where('chatbot_id', 'in', chatbotIds ?? []),
      ),
    );
  return subscriptionId === undefined ? all : all.where('subscription_id', '=', subscriptionId);
}

/** The attempts of several deliveries of the account, in their order. */
export async function listWebhookAttempts(
  db: Queryable,
  accountId: string,
  deliveryIds: readonly string[],
): Promise<WebhookAttempt[]> {
  const rows = await db
    .selectFrom('webhook_attempts')
    .selectAll()
    .where('delivery_id', 'in', padIds(deliveryIds))
    .where('account_id', '=', accountId)
    .orderBy('delivery_id')
    .orderBy('number')
    .execute();
  return rows.map(toAttempt);
}

/** Converts the row of a delivery. */
export function toDelivery(row: Selectable<WebhookDeliveryRow>): WebhookDelivery {
  return {
    id: row.id,
    accountId: row.account_id,
    subscriptionId: row.subscription_id,
    eventId: row.event_id,
    name: row.name,
    status: row.status,
    body: row.body,
    bodyProblem: row.body_problem,
    attemptCount: row.attempt_count,
    nextAttemptAt: row.next_attempt_at,
    createdAt: row.created_at,
  };
}

function toAttempt(row: WebhookAttemptRow): WebhookAttempt {
  return {
    deliveryId: row.delivery_id,
    number: row.number,
    at: row.at,
    durationMs: row.duration_ms,
    statusCode: row.status_code,
    error: row.error,
    response: row.response,
  };
}
