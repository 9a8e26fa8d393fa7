import { deliveriesTopic } from '../coordination/topics.ts';
import type { Deps } from '../deps.ts';
import { toTimestamp } from '../domain/time.ts';
import { openGuardedFetch } from '../outbound/open-guarded-fetch.ts';
import type { Queryable } from '../store/tables.ts';
import type { WatchedDatabase } from '../store/webhooks/new-deliveries.ts';
import {
  type AttemptResult,
  type ClaimedDelivery,
  claimDeliveries,
  correctFutureTimes,
  listDueSubscriptionIds,
  makeDeliveriesDueNow,
} from '../store/webhooks/queue.ts';
import { expireAllLeases, releaseDeliveries, SUSPECTED_AFTER_CRASHES } from '../store/webhooks/unclean-ends.ts';
import { allocateClaims, type ClaimAllowance } from './allocate-claims.ts';
import { buildDefaultBody } from './body.ts';
import { createCircuits } from './circuits.ts';
import { createDueTimes } from './due-times.ts';
import { logHealthChanges, recordResults } from './record-results.ts';
import { computeTimeBounds } from './retry-schedule.ts';
import { type TryDeps, tryDelivery } from './try-delivery.ts';

/** How often the worker checks for deliveries that became due or that other processes created. */
const POLL_MS = 500;
/** How long the worker collects results before it writes them in one transaction. */
const RESULT_BATCH_MS = 10;
/** How often the worker corrects due times that are too late because they were written before a clock was set back. */
const CLOCK_CHECK_MS = 60_000;
/** How long a claimed delivery belongs to this process: longer than an attempt can take. */
const LEASE_MS = 30_000;

/** The services that the worker uses. */
export interface WorkerDeps
  extends Pick<Deps, 'bus' | 'config' | 'db' | 'clock' | 'logger' | 'metrics' | 'node' | 'sealer' | 'selections'> {
  readonly onNewDeliveries: WatchedDatabase['onNewDeliveries'];
}

/** The state of one process's worker. */
interface Worker {
  readonly deps: WorkerDeps & TryDeps;
  /** The subscriptions of claimed deliveries whose results are not written yet, by delivery id. */
  readonly inFlight: Map<string, string>;
  readonly attempts: Set<Promise<void>>;
  /** Results that are not written yet. */
  results: AttemptResult[];
  /** Triggers writing the next batch of results. */
  batchTimer: NodeJS.Timeout | undefined;
  /** The subscription of the last claimed delivery. */
  lastSubscriptionId: string;
  /** Set while a delivery that may crash the process is due; the worker claims it when no other is in flight. */
  suspectedAllowance: ClaimAllowance | undefined;
  /** The suspected delivery that is being attempted, during which the worker claims no other. */
  exclusiveId: string | undefined;
  isStopping: boolean;
  polling: Promise<void> | undefined;
  /** Whether the worker has to check for due deliveries again. */
  isPollRequested: boolean;
  isFailing: boolean;
}

/**
 * Starts the worker that sends due deliveries: it sends those that this process creates immediately, others within a
 * second of their due time.
 * Each delivery is sent at least once, even if processes crash.
 * @returns a function that stops the worker: it starts no more attempts, and waits for those in flight.
 */
export function startWebhookWorker(deps: WorkerDeps): () => Promise<void> {
  const worker = createWorker(deps);
  const { db, logger } = deps;
  // If no other process uses the database, every lease belongs to a process that no longer runs.
  const leaseExpiry = db.isShared ? Promise.resolve() : db.transaction(expireAllLeases);
  const started = leaseExpiry
    .catch((error: unknown) => logger.error({ err: error }, 'cannot release the deliveries of the previous process'))
    .then(() => correctClockErrors(worker))
    .then(() => poll(worker));
  deps.onNewDeliveries((accountIds) => {
    announceDeliveries(worker, accountIds);
    poll(worker);
  });
  const timer = setInterval(poll, POLL_MS, worker);
  const clockTimer = setInterval(() => void correctClockErrors(worker), CLOCK_CHECK_MS);
  return async () => {
    worker.isStopping = true;
    clearInterval(timer);
    clearInterval(clockTimer);
    await started;
    await finishAttempts(worker);
  };
}

function createWorker(deps: WorkerDeps): Worker {
  return {
    deps: {
      ...deps,
      fetch: openGuardedFetch(deps.config),
      circuits: createCircuits(),
      dueTimes: createDueTimes(deps.clock),
    },
    inFlight: new Map(),
    attempts: new Set(),
    results: [],
    batchTimer: undefined,
    lastSubscriptionId: '',
    suspectedAllowance: undefined,
    exclusiveId: undefined,
    isStopping: false,
    polling: undefined,
    isPollRequested: false,
    isFailing: false,
  };
}

/** Checks for due deliveries, immediately or as soon as the running check ends. */
function poll(worker: Worker): void {
  worker.isPollRequested = true;
  worker.polling ??= pollUntilIdle(worker).finally(() => {
    worker.polling = undefined;
    if (worker.isPollRequested) poll(worker);
  });
}

async function pollUntilIdle(worker: Worker): Promise<void> {
  const { logger } = worker.deps;
  try {
    while (worker.isPollRequested) {
      worker.isPollRequested = false;
      if (await runBatch(worker)) worker.isPollRequested = true;
      if (worker.isFailing) logger.info('delivering to webhook endpoints again');
      worker.isFailing = false;
    }
  } catch (error) {
    worker.isPollRequested = false;
    // Logs once for each period in which the database is unreachable.
    if (!worker.isFailing) logger.error({ err: error }, 'cannot deliver to webhook endpoints; trying again');
    worker.isFailing = true;
  }
}

/** Writes the results of finished attempts, and starts new ones. Returns whether it has started any. */
async function runBatch(worker: Worker): Promise<boolean> {
  const { clock, db, logger, dueTimes } = worker.deps;
  const finished = [...worker.results];
  const overdue = dueTimes.removeOverdue();
  if (overdue.length > 0) await db.transaction((trx) => makeDeliveriesDueNow(trx, overdue, toTimestamp(clock.now())));
  const inFlight = new Map(worker.inFlight);
  for (const { claimed } of finished) inFlight.delete(claimed.delivery.id);
  if (worker.exclusiveId !== undefined && !inFlight.has(worker.exclusiveId)) worker.exclusiveId = undefined;
  const allowances =
    worker.isStopping || worker.exclusiveId !== undefined ? [] : await chooseAllowances(worker, inFlight);
  if (finished.length === 0 && allowances.length === 0) return false;
  const { changes, claimed, suspectedAllowance } = await db.transaction(async (trx) => ({
    changes: await recordResults(trx, finished, clock.now()),
    ...(await claimAllowances(worker.deps, trx, allowances)),
  }));
  if (allowances.length > 0) worker.suspectedAllowance = suspectedAllowance;
  worker.exclusiveId =
    claimed.find(({ crashes }) => crashes >= SUSPECTED_AFTER_CRASHES)?.delivery.id ?? worker.exclusiveId;
  worker.results = worker.results.slice(finished.length);
  for (const { claimed: attempted } of finished) worker.inFlight.delete(attempted.delivery.id);
  announceDeliveries(worker, new Set(finished.map(({ claimed: attempted }) => attempted.delivery.accountId)));
  logHealthChanges(logger, changes);
  for (const delivery of claimed) startAttempt(worker, delivery);
  worker.lastSubscriptionId = claimed.at(-1)?.endpoint.subscription.id ?? worker.lastSubscriptionId;
  return claimed.length > 0;
}

/** Decides what to claim. While a suspected delivery is due, nothing else is claimed, so that it is attempted alone. */
async function chooseAllowances(
  worker: Worker,
  inFlight: ReadonlyMap<string, string>,
): Promise<readonly ClaimAllowance[]> {
  const { circuits, clock, db } = worker.deps;
  if (worker.suspectedAllowance !== undefined) return inFlight.size === 0 ? [worker.suspectedAllowance] : [];
  const due = await listDueSubscriptionIds(db.read, toTimestamp(clock.now()));
  return allocateClaims(due, {
    subscriptionIds: [...inFlight.values()],
    isCircuitOpen: circuits.isOpen,
    lastSubscriptionId: worker.lastSubscriptionId,
  });
}

/** The claimed deliveries, and the allowance for a suspected delivery that has to be attempted alone. */
interface ClaimedBatch {
  readonly claimed: readonly ClaimedDelivery[];
  readonly suspectedAllowance: ClaimAllowance | undefined;
}

async function claimAllowances(
  { clock, node }: Pick<WorkerDeps, 'clock' | 'node'>,
  trx: Queryable,
  allowances: readonly ClaimAllowance[],
): Promise<ClaimedBatch> {
  const now = clock.now();
  const claimedDeliveries: ClaimedDelivery[] = [];
  let suspectedAllowance: ClaimAllowance | undefined;
  for (const allowance of allowances) {
    const lease = { nodeId: node.id, now: toTimestamp(now), leasedUntil: toTimestamp(now + LEASE_MS) };
    const { claimed, hasExcludedDeliveries } = await claimDeliveries(trx, { ...allowance, ...lease }, buildDefaultBody);
    claimedDeliveries.push(...claimed);
    if (hasExcludedDeliveries && !allowance.onlySuspected)
      suspectedAllowance ??= { ...allowance, limit: 1, onlySuspected: true };
  }
  return { claimed: claimedDeliveries, suspectedAllowance };
}

function startAttempt(worker: Worker, claimed: ClaimedDelivery): void {
  worker.inFlight.set(claimed.delivery.id, claimed.endpoint.subscription.id);
  const attempt = runAttempt(worker, claimed).finally(() => {
    worker.attempts.delete(attempt);
    worker.batchTimer ??= setTimeout(() => {
      worker.batchTimer = undefined;
      poll(worker);
    }, RESULT_BATCH_MS);
  });
  worker.attempts.add(attempt);
}

async function runAttempt(worker: Worker, claimed: ClaimedDelivery): Promise<void> {
  const result = await tryDelivery(worker.deps, claimed);
  if (result === undefined) worker.inFlight.delete(claimed.delivery.id);
  else worker.results.push(result);
}

/** Notifies delivery streams that deliveries of accounts were created or changed. */
function announceDeliveries({ deps }: Worker, accountIds: ReadonlySet<string>): void {
  for (const accountId of accountIds) deps.bus.publish(deliveriesTopic(accountId));
}

async function correctClockErrors({ deps: { clock, config, db }, isStopping }: Worker): Promise<void> {
  if (isStopping) return;
  // A failure is not logged here, because the check for due deliveries logs an unreachable database.
  await db.transaction((trx) => correctFutureTimes(trx, computeTimeBounds(config, clock.now()))).catch(() => {});
}

/** Waits for the attempts in flight, and writes their results. */
async function finishAttempts(worker: Worker): Promise<void> {
  while (worker.polling !== undefined) await worker.polling;
  await Promise.all(worker.attempts);
  clearTimeout(worker.batchTimer);
  poll(worker);
  while (worker.polling !== undefined) await worker.polling;
  // Releases deliveries that could not be prepared, so that this clean end does not count as a crash during their
  // attempts. If the database is unreachable, it does count.
  const { db, node } = worker.deps;
  await db.transaction((trx) => releaseDeliveries(trx, node.id)).catch(() => {});
}
