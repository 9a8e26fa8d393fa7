/** The queue of due deliveries to the endpoints of all accounts. Nodes claim deliveries by leases. */
import { sql } from 'kysely';
import type { Timestamp } from '../../domain/time.ts';
import type {
  DeliveryStatus,
  WebhookAttempt,
  WebhookDelivery,
  WebhookEvent,
  WebhookSchedule,
} from '../../domain/webhooks.ts';
import { prepareQuery } from '../engines/prepared.ts';
import type { Queryable } from '../tables.ts';
import { toDelivery } from './deliveries.ts';
import { findWebhookEvents } from './events.ts';
import { type Endpoint, lockActiveEndpoint } from './subscriptions.ts';
import { countCrashes, SUSPECTED_AFTER_CRASHES } from './unclean-ends.ts';

/** A delivery that a node has claimed in order to attempt it. */
export interface ClaimedDelivery {
  readonly delivery: WebhookDelivery;
  /** Null until it is built from the subscription's document. */
  readonly body: string | null;
  readonly endpoint: Endpoint;
  /** The node that has claimed it. */
  readonly nodeId: string;
  /** How many processes in a row crashed while they attempted this delivery. */
  readonly crashes: number;
}

/** A delivery with a body, ready to be sent. */
export interface ReadyDelivery extends ClaimedDelivery {
  readonly body: string;
}

/**
 * The ids, in order, of the active subscriptions with a due delivery that no node is attempting. Reads the index
 * `webhook_deliveries_due` from one subscription to the next, so a long queue of one subscription costs no time.
 */
export async function listDueSubscriptionIds(db: Queryable, now: Timestamp): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`
    with recursive waiting(id) as (
      select min(subscription_id) from webhook_deliveries where next_attempt_at is not null
      union all
      select (
        select min(subscription_id) from webhook_deliveries
        where next_attempt_at is not null and subscription_id > waiting.id
      ) from waiting where waiting.id is not null
    )
    select webhook_subscriptions.id as id
    from waiting join webhook_subscriptions on webhook_subscriptions.id = waiting.id
    where webhook_subscriptions.is_active = 1 and exists (
      select 1 from webhook_deliveries
      where subscription_id = waiting.id and next_attempt_at <= ${now} and (leased_until is null or leased_until <= ${now})
    )
    order by webhook_subscriptions.id
  `.execute(db);
  return rows.map(({ id }) => id);
}

/** The deliveries to claim, and the lease. */
export interface ClaimOptions {
  readonly subscriptionId: string;
  readonly nodeId: string;
  readonly now: Timestamp;
  /** The expiry of the lease. Afterwards other nodes may claim the delivery, because this node must be dead. */
  readonly leasedUntil: Timestamp;
  /** The maximum number of the endpoint's deliveries in flight on all nodes, including the claimed deliveries. */
  readonly maxInFlight: number;
  /** The maximum number of deliveries to claim. */
  readonly limit: number;
  /** Claims only deliveries that are suspected to crash processes; absent or false: only other deliveries. */
  readonly onlySuspected?: boolean;
}

/** The result of a claim. */
export interface ClaimResult {
  readonly claimed: ClaimedDelivery[];
  /** Whether deliveries are due that the claim excludes: see `onlySuspected`. */
  readonly hasExcludedDeliveries: boolean;
}

/**
 * Claims due deliveries of an endpoint, in the order in which they became due, then by id. Claims nothing for an
 * endpoint that is inactive, or that another node has locked. A delivery without a body gets its body here, before its
 * first attempt, unless the subscription has a document: its execution may take longer than a transaction (see
 * `storeBody`). A lease of a process that is gone means that the process crashed during the attempt. The claim stores
 * the number of crashes together with the new lease, before the next attempt.
 * @param compose builds the default body.
 */
export async function claimDeliveries(
  trx: Queryable,
  { subscriptionId, nodeId, now, leasedUntil, maxInFlight, limit, onlySuspected = false }: ClaimOptions,
  compose: (event: WebhookEvent) => string,
): Promise<ClaimResult> {
  const endpoint = await lockActiveEndpoint(trx, subscriptionId);
  if (endpoint === undefined) return { claimed: [], hasExcludedDeliveries: false };
  // The limit covers deliveries in progress too: they became due before the others, so they come first.
  const rows = await trx
    .selectFrom('webhook_deliveries')
    .selectAll()
    .where('subscription_id', '=', subscriptionId)
    .where('next_attempt_at', '<=', now)
    .orderBy('next_attempt_at')
    .orderBy('id')
    .limit(2 * maxInFlight)
    .forUpdate()
    .skipLocked()
    .execute();
  const unleased = rows.filter(({ leased_until }) => leased_until === null || leased_until <= now);
  const crashesOf = await countCrashes(trx, unleased);
  const eligible = unleased.filter(({ id }) => crashesOf(id) >= SUSPECTED_AFTER_CRASHES === onlySuspected);
  const chosen = eligible
    .slice(0, Math.max(0, Math.min(limit, maxInFlight - (rows.length - unleased.length))))
    .map(toDelivery);
  const { document } = endpoint.subscription;
  const bodies: ReadonlyMap<string, string> = document === null ? await composeBodies(trx, chosen, compose) : new Map();
  const claimed: ClaimedDelivery[] = [];
  for (const delivery of chosen) {
    const body = delivery.body ?? (document === null ? bodies.get(delivery.eventId) : null);
    if (body === undefined) continue;
    const crashes = crashesOf(delivery.id);
    await LEASE(trx, [nodeId, leasedUntil, body, crashes, delivery.id]);
    claimed.push({ delivery, body, endpoint, nodeId, crashes });
  }
  return { claimed, hasExcludedDeliveries: eligible.length < unleased.length };
}

const LEASE = prepareQuery((trx) =>
  trx
    .updateTable('webhook_deliveries')
    .set({ leased_by: '', leased_until: '' as Timestamp, body: '', unclean_ends: 0 })
    .where('id', '=', ''),
);

/**
 * Stores the body of a delivery without one, for the node that has claimed the delivery. Returns the delivery to send;
 * undefined when another node has claimed it meanwhile, or it is deleted.
 */
export async function storeBody(
  trx: Queryable,
  claimed: ClaimedDelivery,
  { body, problem }: { body: string; problem: string | null },
): Promise<ReadyDelivery | undefined> {
  const { delivery, nodeId } = claimed;
  const { numUpdatedRows } = await trx
    .updateTable('webhook_deliveries')
    .set({ body, body_problem: problem })
    .where('id', '=', delivery.id)
    .where('leased_by', '=', nodeId)
    .where('attempt_count', '=', delivery.attemptCount)
    .where('body', 'is', null)
    .executeTakeFirstOrThrow();
  return numUpdatedRows === 1n ? { ...claimed, body } : undefined;
}

/** The bodies of deliveries without one, by the ids of their events. */
async function composeBodies(
  trx: Queryable,
  deliveries: readonly WebhookDelivery[],
  compose: (event: WebhookEvent) => string,
): Promise<ReadonlyMap<string, string>> {
  const withoutBody = deliveries.filter(({ body }) => body === null);
  const [first] = withoutBody;
  if (first === undefined) return new Map();
  const events = await findWebhookEvents(
    trx,
    first.accountId,
    withoutBody.map(({ eventId }) => eventId),
  );
  return new Map(events.map((event) => [event.id, compose(event)]));
}

/** Makes deliveries due now, unless their next attempts have changed since they were read. */
export async function makeDeliveriesDueNow(
  trx: Queryable,
  deliveries: readonly { readonly id: string; readonly nextAttemptAt: Timestamp }[],
  now: Timestamp,
): Promise<void> {
  for (const { id, nextAttemptAt } of deliveries) {
    await trx
      .updateTable('webhook_deliveries')
      .set({ next_attempt_at: now })
      .where('id', '=', id)
      .where('next_attempt_at', '=', nextAttemptAt)
      .execute();
  }
}

/** The latest times at which a delivery can be due or a lease can expire. */
export interface TimeBounds {
  readonly now: Timestamp;
  /** The latest time of a next attempt, by the schedule of the subscription. */
  readonly latestNextAttempt: Readonly<Record<WebhookSchedule, Timestamp>>;
  readonly latestLease: Timestamp;
}

/**
 * Corrects deliveries that are due, or leased, later than possible, because the clock was set back after they were
 * written.
 */
export async function correctFutureTimes(
  trx: Queryable,
  { now, latestNextAttempt, latestLease }: TimeBounds,
): Promise<void> {
  for (const schedule of ['SHORT', 'LONG'] as const) {
    await trx
      .updateTable('webhook_deliveries')
      .set({ next_attempt_at: now })
      .where('next_attempt_at', '>', latestNextAttempt[schedule])
      .where('subscription_id', 'in', (eb) =>
        eb.selectFrom('webhook_subscriptions').select('id').where('schedule', '=', schedule),
      )
      .execute();
  }
  // A new delivery is due immediately. `latestLease` allows for differences between the clocks of processes.
  await trx
    .updateTable('webhook_deliveries')
    .set({ next_attempt_at: now })
    .where('next_attempt_at', '>', latestLease)
    .where('attempt_count', '=', 0)
    .execute();
  await trx
    .updateTable('webhook_deliveries')
    .set({ leased_by: null, leased_until: null })
    .where('next_attempt_at', 'is not', null)
    .where('leased_until', '>', latestLease)
    .execute();
}

/** The result of an attempt, and the time of the next. */
export interface AttemptResult {
  readonly claimed: ClaimedDelivery;
  readonly attempt: WebhookAttempt;
  readonly status: DeliveryStatus;
  readonly nextAttemptAt: Timestamp | null;
}

/**
 * Records the results of attempts, each once, and releases the deliveries. Skips a delivery that another node has
 * claimed meanwhile, or that is deleted. Returns the recorded results.
 */
export async function recordAttempts(trx: Queryable, results: readonly AttemptResult[]): Promise<AttemptResult[]> {
  const recorded: AttemptResult[] = [];
  for (const result of results) if (await updateDelivery(trx, result)) recorded.push(result);
  if (recorded.length === 0) return recorded;
  const rows = recorded.map(({ claimed: { delivery }, attempt }) => ({
    delivery_id: delivery.id,
    number: attempt.number,
    account_id: delivery.accountId,
    at: attempt.at,
    duration_ms: attempt.durationMs,
    status_code: attempt.statusCode,
    error: attempt.error,
    response: attempt.response,
  }));
  await trx.insertInto('webhook_attempts').values(rows).execute();
  return recorded;
}

async function updateDelivery(trx: Queryable, result: AttemptResult): Promise<boolean> {
  const { claimed, attempt, status, nextAttemptAt } = result;
  const { numUpdatedRows } = await trx
    .updateTable('webhook_deliveries')
    .set({
      status,
      attempt_count: attempt.number,
      next_attempt_at: nextAttemptAt,
      leased_by: null,
      leased_until: null,
      unclean_ends: 0,
    })
    .where('id', '=', claimed.delivery.id)
    .where('leased_by', '=', claimed.nodeId)
    .where('attempt_count', '=', claimed.delivery.attemptCount)
    .executeTakeFirstOrThrow();
  return numUpdatedRows === 1n;
}

/** How many deliveries are due, including deliveries in progress. Uses `webhook_deliveries_due`. */
export async function countDueDeliveries(db: Queryable, now: Timestamp): Promise<number> {
  const row = await db
    .selectFrom('webhook_deliveries')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .where('next_attempt_at', '<=', now)
    .executeTakeFirst();
  return Number(row?.count ?? 0);
}
