import type { Deps } from '../deps.ts';
import { toTimestamp } from '../domain/time.ts';
import type { DeliveryStatus } from '../domain/webhooks.ts';
import { createAddressRules } from '../outbound/addresses.ts';
import { createGuardedFetch } from '../outbound/guarded-fetch.ts';
import type { WatchedDatabase } from '../store/new-deliveries.ts';
import type { Queryable } from '../store/tables.ts';
import { endAllLeases, MAX_UNCLEAN_ENDS, releaseDeliveries, SUSPECTED_AFTER } from '../store/unclean-ends.ts';
import {
  type AttemptResult,
  type ClaimedDelivery,
  claimDeliveries,
  listDueEndpoints,
  makeDueNow,
  pullInDeliveries,
} from '../store/webhook-queue.ts';
import { composeBody } from './body.ts';
import { createCircuits } from './circuits.ts';
import { attemptDelivery, ENDED_PROCESSES, type Outcome } from './deliver.ts';
import { prepareDelivery } from './prepare.ts';
import { createRetryTimes } from './retry-times.ts';
import { findDelay, horizonOf } from './schedule.ts';
import { logHealth, settleAttempts } from './settle.ts';
import { listShares, type Share } from './shares.ts';
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
  /** Where something is due that may end the process, and is tried when nothing else is: then its delivery. */
  let suspected: Share | undefined;
  let alone: string | undefined;
  let isStopping = false;

  async function attempt(claimed: ClaimedDelivery): Promise<void> {
    const isGivenUp = claimed.uncleanEnds >= MAX_UNCLEAN_ENDS;
    if (isGivenUp) logger.error(aboutOf(claimed), 'a webhook delivery may be what ends the process');
    const ready = isGivenUp ? undefined : await prepareDelivery(deps, claimed);
    if (ready === undefined && !isGivenUp) {
      taken.delete(claimed.delivery.id);
      return;
    }
    const at = clock.now();
    const outcome = ready === undefined ? ENDED_PROCESSES : await attemptDelivery(sending, ready);
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
    if (alone !== undefined && !held.has(alone)) alone = undefined;
    const shares = isStopping || alone !== undefined ? [] : await shareOut(held);
    if (finished.length === 0 && shares.length === 0) return false;
    const { changes, claimed, waiting } = await db.transaction(async (trx) => ({
      changes: await settleAttempts(trx, finished, clock.now()),
      ...(await claimShares(trx, shares)),
    }));
    if (shares.length > 0) suspected = waiting;
    alone = claimed.find(({ uncleanEnds }) => uncleanEnds >= SUSPECTED_AFTER)?.delivery.id ?? alone;
    results = results.slice(finished.length);
    for (const { claimed: one } of finished) taken.delete(one.delivery.id);
    signal(new Set(finished.map(({ claimed: one }) => one.delivery.accountId)));
    logHealth(logger, changes);
    for (const one of claimed) begin(one);
    lastServed = claimed.at(-1)?.endpoint.subscription.id ?? lastServed;
    return claimed.length > 0;
  }

  /** What may be taken: as soon as something waits to be tried alone, nothing else until it was. */
  async function shareOut(held: ReadonlyMap<string, string>): Promise<readonly Share[]> {
    if (suspected !== undefined) return held.size === 0 ? [suspected] : [];
    const due = await listDueEndpoints(db.read, toTimestamp(clock.now()));
    return listShares(due, { held: [...held.values()], isOpen: circuits.isOpen, lastServed });
  }

  async function claimShares(trx: Queryable, shares: readonly Share[]): Promise<Taken> {
    const now = clock.now();
    const all: ClaimedDelivery[] = [];
    let waiting: Share | undefined;
    for (const share of shares) {
      const lease = { nodeId: node.id, now: toTimestamp(now), until: toTimestamp(now + LEASE_MS) };
      const { claimed, hasOthers } = await claimDeliveries(trx, { ...share, ...lease }, composeBody);
      all.push(...claimed);
      if (hasOthers && !share.isAlone) waiting ??= { ...share, limit: 1, isAlone: true };
    }
    return { claimed: all, waiting };
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
  const starting = db.isShared ? Promise.resolve() : db.transaction(endAllLeases);
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
    // What could not be prepared was not being tried when this process ended. Where the database is away, that counts.
    await db.transaction((trx) => releaseDeliveries(trx, node.id)).catch(() => {});
  };
}

/** What was taken, and where something waits to be tried alone. */
interface Taken {
  readonly claimed: readonly ClaimedDelivery[];
  readonly waiting: Share | undefined;
}

const aboutOf = ({ delivery, uncleanEnds }: ClaimedDelivery) => ({
  ...{ account: delivery.accountId, subscription: delivery.subscriptionId, delivery: delivery.id },
  uncleanEnds,
});
