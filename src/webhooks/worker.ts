import type { Deps } from '../deps.ts';
import { toTimestamp } from '../domain/time.ts';
import type { DeliveryStatus } from '../domain/webhooks.ts';
import { createAddressRules } from '../outbound/addresses.ts';
import { createGuardedFetch } from '../outbound/guarded-fetch.ts';
import type { WatchedDatabase } from '../store/new-deliveries.ts';
import type { Queryable } from '../store/tables.ts';
import {
  type AttemptResult,
  type ClaimedDelivery,
  claimDeliveries,
  listDueEndpoints,
  makeDueNow,
  pullInDeliveries,
  releaseAllDeliveries,
} from '../store/webhook-queue.ts';
import { composeBody } from './body.ts';
import { createCircuits } from './circuits.ts';
import { attemptDelivery, type Outcome } from './deliver.ts';
import { prepareDelivery } from './prepare.ts';
import { createRetryTimes } from './retry-times.ts';
import { findDelay, horizonOf } from './schedule.ts';
import { logHealth, settleAttempts } from './settle.ts';
import { listShares } from './shares.ts';
import { deliveriesTopic } from './topic.ts';

/** How often it looks for what is due by time, or was written by other processes. */
const LOOK_MS = 500;
/** How long what came of an attempt waits for that of others, to be written with it. */
const GATHER_MS = 10;
/** How often it looks for what a clock has made due too late that was set back since. */
const PULL_IN_MS = 60_000;
/** Longer than an attempt can take. */
const LEASE_MS = 30_000;

/** What delivering needs. */
export interface WorkerDeps
  extends Pick<Deps, 'bus' | 'config' | 'db' | 'clock' | 'logger' | 'metrics' | 'node' | 'sealer' | 'selections'> {
  readonly onNewDeliveries: WatchedDatabase['onNewDeliveries'];
}

/**
 * Sends what is due: at once what is written by this process, and within a second what becomes due or others write. Each
 * delivery is sent at least once, whatever happens to the processes that do so.
 * @returns a function that ends it: it begins no more attempts, and waits for those under way.
 */
export function startDelivering(deps: WorkerDeps): () => Promise<void> {
  const { bus, config, db, clock, logger, metrics, node } = deps;
  const sending = { ...deps, fetch: createGuardedFetch(createAddressRules(config.allowedAddresses)) };
  const circuits = createCircuits();
  const retryTimes = createRetryTimes(clock);
  /** The subscriptions of deliveries that are taken, until what came of them is written; by the ids of the deliveries. */
  const taken = new Map<string, string>();
  const attempts = new Set<Promise<void>>();
  let results: AttemptResult[] = [];
  let gathering: NodeJS.Timeout | undefined;
  let lastServed = '';
  let isStopping = false;

  async function attempt(claimed: ClaimedDelivery): Promise<void> {
    const ready = await prepareDelivery(deps, claimed);
    if (ready === undefined) {
      taken.delete(claimed.delivery.id);
      return;
    }
    const at = clock.now();
    const outcome = await attemptDelivery(sending, ready);
    const result = judge(claimed, outcome, at);
    circuits.note(claimed.endpoint.subscription.id, outcome.error === null, clock.monotonicMs());
    metrics.webhookAttempts.inc({ outcome: result.status.toLowerCase() });
    metrics.webhookSeconds.observe(outcome.durationMs / 1_000);
    results.push(result);
  }

  function judge(claimed: ClaimedDelivery, outcome: Outcome, startedAt: number): AttemptResult {
    const { delivery, endpoint } = claimed;
    const { retryAfterMs, isHopeless, ...told } = outcome;
    const number = delivery.attemptCount + 1;
    const { schedule } = endpoint.subscription;
    const retry = {
      schedule,
      contractDelaysMs: config.webhookRetryDelaysMs,
      number,
      retryAfterMs,
      random: Math.random(),
    };
    const delayMs = outcome.error === null || isHopeless ? undefined : findDelay(retry);
    const nextAttemptAt = delayMs === undefined ? null : toTimestamp(clock.now() + delayMs);
    if (delayMs !== undefined && nextAttemptAt !== null) retryTimes.note({ id: delivery.id, nextAttemptAt }, delayMs);
    const failed: DeliveryStatus = delayMs === undefined ? 'EXHAUSTED' : 'FAILED';
    return {
      claimed,
      attempt: { deliveryId: delivery.id, number, at: toTimestamp(startedAt), ...told },
      status: outcome.error === null ? 'DELIVERED' : failed,
      nextAttemptAt,
    };
  }

  /** Writes what came of attempts, and begins others. Returns whether it has begun any. */
  async function turn(): Promise<boolean> {
    const finished = [...results];
    const overdue = retryTimes.takeOverdue();
    if (overdue.length > 0) await db.transaction((trx) => makeDueNow(trx, overdue, toTimestamp(clock.now())));
    const held = new Map(taken);
    for (const { claimed } of finished) held.delete(claimed.delivery.id);
    const due = isStopping ? [] : await listDueEndpoints(db.read, toTimestamp(clock.now()));
    const shares = listShares(due, { held: [...held.values()], isOpen: circuits.isOpen, lastServed });
    if (finished.length === 0 && shares.length === 0) return false;
    const { changes, claimed } = await db.transaction(async (trx) => ({
      changes: await settleAttempts(trx, finished, clock.now()),
      claimed: await claimShares(trx, shares),
    }));
    results = results.slice(finished.length);
    for (const { claimed: one } of finished) taken.delete(one.delivery.id);
    signal(new Set(finished.map(({ claimed: one }) => one.delivery.accountId)));
    logHealth(logger, changes);
    for (const one of claimed) begin(one);
    lastServed = claimed.at(-1)?.endpoint.subscription.id ?? lastServed;
    return claimed.length > 0;
  }

  async function claimShares(trx: Queryable, shares: ReturnType<typeof listShares>): Promise<ClaimedDelivery[]> {
    const now = clock.now();
    const claimed: ClaimedDelivery[] = [];
    for (const share of shares) {
      const lease = { nodeId: node.id, now: toTimestamp(now), until: toTimestamp(now + LEASE_MS) };
      claimed.push(...(await claimDeliveries(trx, { ...share, ...lease }, composeBody)));
    }
    return claimed;
  }

  function begin(claimed: ClaimedDelivery): void {
    taken.set(claimed.delivery.id, claimed.endpoint.subscription.id);
    const running = attempt(claimed).finally(() => {
      attempts.delete(running);
      gathering ??= setTimeout(() => {
        gathering = undefined;
        look();
      }, GATHER_MS);
    });
    attempts.add(running);
  }

  /** Tells those who watch that deliveries of accounts have been made or have changed. */
  function signal(accountIds: ReadonlySet<string>): void {
    for (const accountId of accountIds) bus.publish(deliveriesTopic(accountId));
  }

  let looking: Promise<void> | undefined;
  let isWoken = false;
  let isFailing = false;

  async function lookWhileWoken(): Promise<void> {
    try {
      while (isWoken) {
        isWoken = false;
        if (await turn()) isWoken = true;
        if (isFailing) logger.info('delivering to webhook endpoints again');
        isFailing = false;
      }
    } catch (error) {
      isWoken = false;
      // Once, however long the database is away.
      if (!isFailing) logger.error({ err: error }, 'cannot deliver to webhook endpoints; trying again');
      isFailing = true;
    }
  }

  function look(): void {
    isWoken = true;
    looking ??= lookWhileWoken().finally(() => {
      looking = undefined;
      if (isWoken) look();
    });
  }

  async function pullIn(): Promise<void> {
    if (isStopping) return;
    // Where the database is away, what looks for due deliveries says so.
    await db.transaction((trx) => pullInDeliveries(trx, horizonOf(config, clock.now()))).catch(() => {});
  }

  // Whoever holds the database alone knows that what is leased was leased by a process that is gone.
  const starting = db.isShared ? Promise.resolve() : db.transaction(releaseAllDeliveries);
  const started = starting
    .catch((error: unknown) => logger.error({ err: error }, 'cannot let go of deliveries'))
    .then(pullIn)
    .then(look);
  deps.onNewDeliveries((accountIds) => {
    signal(accountIds);
    look();
  });
  const timer = setInterval(look, LOOK_MS);
  const pulling = setInterval(() => void pullIn(), PULL_IN_MS);
  return async () => {
    isStopping = true;
    clearInterval(timer);
    clearInterval(pulling);
    await started;
    while (looking !== undefined) await looking;
    await Promise.all(attempts);
    clearTimeout(gathering);
    look();
    while (looking !== undefined) await looking;
  };
}
