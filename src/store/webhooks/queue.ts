/** The queue of due deliveries, for the endpoints of all accounts, and the nodes that lease them. */
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
import { countUncleanEnds, SUSPECTED_AFTER } from './unclean-ends.ts';

/** A delivery that a node has claimed in order to attempt it. */
export interface ClaimedDelivery {
  readonly delivery: WebhookDelivery;
  /** Null until it is built from the subscription's document. */
  readonly body: string | null;
  readonly endpoint: Endpoint;
  /** The node that has claimed it. */
  readonly nodeId: string;
  /** How many times in a row a process ended while it attempted this delivery. */
  readonly uncleanEnds: number;
}

/** A delivery with a body, ready to be sent. */
export interface ReadyDelivery extends ClaimedDelivery {
  readonly body: string;
}

/**
 * The active subscriptions with a due delivery that no node is attempting, ordered by id. A long queue of one
 * subscription costs the others nothing. Uses `webhook_deliveries_due`, from one subscription to the next.
 */
export async function listDueEndpoints(db: Queryable, now: Timestamp): Promise<string[]> {
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

/** Which deliveries to claim. */
export interface Claim {
  readonly subscriptionId: string;
  readonly nodeId: string;
  readonly now: Timestamp;
  /** The expiry of the lease: afterwards other nodes may claim the delivery, because this node must be dead. */
  readonly until: Timestamp;
  /** The maximum number of the endpoint's deliveries in progress at all nodes, the claimed ones included. */
  readonly maxInProgress: number;
  /** The maximum number to claim. */
  readonly limit: number;
  /** Whether to claim only deliveries suspected to crash a process; absent: only the others. */
  readonly isAlone?: boolean;
}

/** The claimed deliveries. */
export interface Claimed {
  readonly claimed: ClaimedDelivery[];
  /** Whether there are also due deliveries of the other kind: see `isAlone`. */
  readonly hasOthers: boolean;
}

/**
 * Claims due deliveries of an endpoint, in the order in which they became due, then by id. A delivery without a body
 * gets its body here, before its first attempt, unless the subscription has a document, whose execution may take longer
 * than a transaction: see `storeBody`. Claims nothing for an endpoint that is inactive, or that another node has
 * locked. A lease of a process that is gone means that the process ended during the attempt: the claim counts that
 * together with the new lease, before the next attempt.
 */
export async function claimDeliveries(
  trx: Queryable,
  { subscriptionId, nodeId, now, until, maxInProgress, limit, isAlone = false }: Claim,
  compose: (event: WebhookEvent) => string,
): Promise<Claimed> {
  const endpoint = await lockActiveEndpoint(trx, subscriptionId);
  if (endpoint === undefined) return { claimed: [], hasOthers: false };
  // Deliveries in progress became due before the others.
  const rows = await trx
    .selectFrom('webhook_deliveries')
    .selectAll()
    .where('subscription_id', '=', subscriptionId)
    .where('next_attempt_at', '<=', now)
    .orderBy('next_attempt_at')
    .orderBy('id')
    .limit(2 * maxInProgress)
    .forUpdate()
    .skipLocked()
    .execute();
  const unleased = rows.filter(({ leased_until }) => leased_until === null || leased_until <= now);
  const uncleanEndsOf = await countUncleanEnds(trx, unleased);
  const eligible = unleased.filter(({ id }) => uncleanEndsOf(id) >= SUSPECTED_AFTER === isAlone);
  const chosen = eligible
    .slice(0, Math.max(0, Math.min(limit, maxInProgress - (rows.length - unleased.length))))
    .map(toDelivery);
  const { document } = endpoint.subscription;
  const bodies: ReadonlyMap<string, string> = document === null ? await composeBodies(trx, chosen, compose) : new Map();
  const claimed: ClaimedDelivery[] = [];
  for (const delivery of chosen) {
    const body = delivery.body ?? (document === null ? bodies.get(delivery.eventId) : null);
    if (body === undefined) continue;
    const uncleanEnds = uncleanEndsOf(delivery.id);
    await LEASE(trx, [nodeId, until, body, uncleanEnds, delivery.id]);
    claimed.push({ delivery, body, endpoint, nodeId, uncleanEnds });
  }
  return { claimed, hasOthers: eligible.length < unleased.length };
}

const LEASE = prepareQuery((trx) =>
  trx
    .updateTable('webhook_deliveries')
    .set({ leased_by: '', leased_until: '' as Timestamp, body: '', unclean_ends: 0 })
    .where('id', '=', ''),
);

/**
 * Stores the body of a delivery that has none yet, for the node that has claimed it. Returns the delivery to send;
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

/** Makes deliveries due now that would be due later. */
export async function makeDueNow(
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

/** The latest moments at which a delivery can be due or a lease can expire. */
export interface TimeBounds {
  readonly now: Timestamp;
  /** The latest moment for the next attempt, by the schedule of its subscription. */
  readonly furthest: Readonly<Record<WebhookSchedule, Timestamp>>;
  readonly latestLease: Timestamp;
}

/**
 * Corrects deliveries that are due, or leased, later than possible, because the clock by which they were written was
 * set back since.
 */
export async function correctFutureTimes(trx: Queryable, { now, furthest, latestLease }: TimeBounds): Promise<void> {
  for (const schedule of ['SHORT', 'LONG'] as const) {
    await trx
      .updateTable('webhook_deliveries')
      .set({ next_attempt_at: now })
      .where('next_attempt_at', '>', furthest[schedule])
      .where('subscription_id', 'in', (eb) =>
        eb.selectFrom('webhook_subscriptions').select('id').where('schedule', '=', schedule),
      )
      .execute();
  }
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
 * Records the results of attempts, each once, and releases the deliveries. Returns the recorded results; skips a
 * delivery that another node has claimed meanwhile, or that is deleted.
 */
export async function recordAttempts(trx: Queryable, results: readonly AttemptResult[]): Promise<AttemptResult[]> {
  const recorded: AttemptResult[] = [];
  for (const result of results) if (await settleDelivery(trx, result)) recorded.push(result);
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

async function settleDelivery(trx: Queryable, result: AttemptResult): Promise<boolean> {
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

/** How many deliveries are due, in progress or not. Uses `webhook_deliveries_due`. */
export async function countDueDeliveries(db: Queryable, now: Timestamp): Promise<number> {
  const row = await db
    .selectFrom('webhook_deliveries')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .where('next_attempt_at', '<=', now)
    .executeTakeFirst();
  return Number(row?.count ?? 0);
}
