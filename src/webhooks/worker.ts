import { deliveriesTopic } from '../coordination/topics.ts';
import type { Deps } from '../deps.ts';
import { toTimestamp } from '../domain/time.ts';
import { createAddressRules } from '../outbound/addresses.ts';
import { createGuardedFetch } from '../outbound/guarded-fetch.ts';
import type { Queryable } from '../store/tables.ts';
import type { WatchedDatabase } from '../store/webhooks/new-deliveries.ts';
import {
  type AttemptResult,
  type ClaimedDelivery,
  claimDeliveries,
  correctFutureTimes,
  listDueEndpoints,
  makeDueNow,
} from '../store/webhooks/queue.ts';
import { endAllLeases, releaseDeliveries, SUSPECTED_AFTER } from '../store/webhooks/unclean-ends.ts';
import { allocateClaims, type ClaimAllowance } from './allocate-claims.ts';
import { buildDefaultBody } from './body.ts';
import { createCircuits } from './circuits.ts';
import { logHealth, recordResults } from './record-results.ts';
import { createRetryTimes } from './retry-times.ts';
import { computeTimeBounds } from './schedule.ts';
import { type TryDeps, tryDelivery } from './try-delivery.ts';

/** How often it looks for what is due by time, or was written by other processes. */
const POLL_MS = 500;
/** How long what came of an attempt waits for that of others, to be written with it. */
const RESULT_BATCH_MS = 10;
/** How often it looks for what a clock has made due too late that was set back since. */
const CLOCK_CHECK_MS = 60_000;
/** Longer than an attempt can take. */
const LEASE_MS = 30_000;

/** What delivering needs. */
export interface WorkerDeps
  extends Pick<Deps, 'bus' | 'config' | 'db' | 'clock' | 'logger' | 'metrics' | 'node' | 'sealer' | 'selections'> {
  readonly onNewDeliveries: WatchedDatabase['onNewDeliveries'];
}

/** The deliveries of one process. */
interface Worker {
  readonly deps: WorkerDeps & TryDeps;
  /** The subscriptions of deliveries that are taken, until what came of them is written; by the ids of the deliveries. */
  readonly inFlight: Map<string, string>;
  readonly attempts: Set<Promise<void>>;
  /** What came of attempts and is not written yet. */
  results: AttemptResult[];
  /** Runs until results are written together. */
  batchTimer: NodeJS.Timeout | undefined;
  /** The subscription whose turn was last. */
  lastServed: string;
  /** Where something is due that may end the process, and is tried when nothing else is: then its delivery. */
  suspected: ClaimAllowance | undefined;
  exclusiveId: string | undefined;
  isStopping: boolean;
  polling: Promise<void> | undefined;
  /** Whether it has to look again, as something may be due since. */
  isWoken: boolean;
  isFailing: boolean;
}

/**
 * Sends what is due: at once what is written by this process, and within a second what becomes due or others write. Each
 * delivery is sent at least once, whatever happens to the processes that do so.
 * @returns a function that ends it: it begins no more attempts, and waits for those under way.
 */
export function startWebhookWorker(deps: WorkerDeps): () => Promise<void> {
  const worker = createWorker(deps);
  const { db, logger } = deps;
  // Whoever holds the database alone knows that what is leased was leased by a process that is gone.
  const starting = db.isShared ? Promise.resolve() : db.transaction(endAllLeases);
  const started = starting
    .catch((error: unknown) => logger.error({ err: error }, 'cannot let go of deliveries'))
    .then(() => correctClockErrors(worker))
    .then(() => poll(worker));
  deps.onNewDeliveries((accountIds) => {
    announceDeliveries(worker, accountIds);
    poll(worker);
  });
  const timer = setInterval(poll, POLL_MS, worker);
  const pulling = setInterval(() => void correctClockErrors(worker), CLOCK_CHECK_MS);
  return async () => {
    worker.isStopping = true;
    clearInterval(timer);
    clearInterval(pulling);
    await started;
    await finishAttempts(worker);
  };
}

function createWorker(deps: WorkerDeps): Worker {
  return {
    deps: {
      ...deps,
      fetch: createGuardedFetch(createAddressRules(deps.config.allowedAddresses)),
      circuits: createCircuits(),
      retryTimes: createRetryTimes(deps.clock),
    },
    inFlight: new Map(),
    attempts: new Set(),
    results: [],
    batchTimer: undefined,
    lastServed: '',
    suspected: undefined,
    exclusiveId: undefined,
    isStopping: false,
    polling: undefined,
    isWoken: false,
    isFailing: false,
  };
}

/** Looks for what is due, now or as soon as the look under way is done. */
function poll(worker: Worker): void {
  worker.isWoken = true;
  worker.polling ??= pollUntilIdle(worker).finally(() => {
    worker.polling = undefined;
    if (worker.isWoken) poll(worker);
  });
}

async function pollUntilIdle(worker: Worker): Promise<void> {
  const { logger } = worker.deps;
  try {
    while (worker.isWoken) {
      worker.isWoken = false;
      if (await runBatch(worker)) worker.isWoken = true;
      if (worker.isFailing) logger.info('delivering to webhook endpoints again');
      worker.isFailing = false;
    }
  } catch (error) {
    worker.isWoken = false;
    // Once, however long the database is away.
    if (!worker.isFailing) logger.error({ err: error }, 'cannot deliver to webhook endpoints; trying again');
    worker.isFailing = true;
  }
}

/** Writes what came of attempts, and begins others. Returns whether it has begun any. */
async function runBatch(worker: Worker): Promise<boolean> {
  const { clock, db, logger, retryTimes } = worker.deps;
  const finished = [...worker.results];
  const overdue = retryTimes.takeOverdue();
  if (overdue.length > 0) await db.transaction((trx) => makeDueNow(trx, overdue, toTimestamp(clock.now())));
  const held = new Map(worker.inFlight);
  for (const { claimed } of finished) held.delete(claimed.delivery.id);
  if (worker.exclusiveId !== undefined && !held.has(worker.exclusiveId)) worker.exclusiveId = undefined;
  const shares = worker.isStopping || worker.exclusiveId !== undefined ? [] : await chooseAllowances(worker, held);
  if (finished.length === 0 && shares.length === 0) return false;
  const { changes, claimed, waiting } = await db.transaction(async (trx) => ({
    changes: await recordResults(trx, finished, clock.now()),
    ...(await claimAllowances(worker.deps, trx, shares)),
  }));
  if (shares.length > 0) worker.suspected = waiting;
  worker.exclusiveId =
    claimed.find(({ uncleanEnds }) => uncleanEnds >= SUSPECTED_AFTER)?.delivery.id ?? worker.exclusiveId;
  worker.results = worker.results.slice(finished.length);
  for (const { claimed: one } of finished) worker.inFlight.delete(one.delivery.id);
  announceDeliveries(worker, new Set(finished.map(({ claimed: one }) => one.delivery.accountId)));
  logHealth(logger, changes);
  for (const one of claimed) startAttempt(worker, one);
  worker.lastServed = claimed.at(-1)?.endpoint.subscription.id ?? worker.lastServed;
  return claimed.length > 0;
}

/** What may be taken: as soon as something waits to be tried alone, nothing else until it was. */
async function chooseAllowances(worker: Worker, held: ReadonlyMap<string, string>): Promise<readonly ClaimAllowance[]> {
  const { circuits, clock, db } = worker.deps;
  if (worker.suspected !== undefined) return held.size === 0 ? [worker.suspected] : [];
  const due = await listDueEndpoints(db.read, toTimestamp(clock.now()));
  return allocateClaims(due, {
    subscriptionIds: [...held.values()],
    isOpen: circuits.isOpen,
    lastServed: worker.lastServed,
  });
}

/** What was taken, and where something waits to be tried alone. */
interface ClaimedBatch {
  readonly claimed: readonly ClaimedDelivery[];
  readonly waiting: ClaimAllowance | undefined;
}

async function claimAllowances(
  { clock, node }: Pick<WorkerDeps, 'clock' | 'node'>,
  trx: Queryable,
  shares: readonly ClaimAllowance[],
): Promise<ClaimedBatch> {
  const now = clock.now();
  const all: ClaimedDelivery[] = [];
  let waiting: ClaimAllowance | undefined;
  for (const share of shares) {
    const lease = { nodeId: node.id, now: toTimestamp(now), until: toTimestamp(now + LEASE_MS) };
    const { claimed, hasOthers } = await claimDeliveries(trx, { ...share, ...lease }, buildDefaultBody);
    all.push(...claimed);
    if (hasOthers && !share.isAlone) waiting ??= { ...share, limit: 1, isAlone: true };
  }
  return { claimed: all, waiting };
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

/** Tells those who watch that deliveries of accounts have been made or have changed. */
function announceDeliveries({ deps }: Worker, accountIds: ReadonlySet<string>): void {
  for (const accountId of accountIds) deps.bus.publish(deliveriesTopic(accountId));
}

async function correctClockErrors({ deps: { clock, config, db }, isStopping }: Worker): Promise<void> {
  if (isStopping) return;
  // Where the database is away, what looks for due deliveries says so.
  await db.transaction((trx) => correctFutureTimes(trx, computeTimeBounds(config, clock.now()))).catch(() => {});
}

/** Waits for the attempts under way, and writes what came of them. */
async function finishAttempts(worker: Worker): Promise<void> {
  while (worker.polling !== undefined) await worker.polling;
  await Promise.all(worker.attempts);
  clearTimeout(worker.batchTimer);
  poll(worker);
  while (worker.polling !== undefined) await worker.polling;
  // What could not be prepared was not being tried when this process ended. Where the database is away, that counts.
  const { db, node } = worker.deps;
  await db.transaction((trx) => releaseDeliveries(trx, node.id)).catch(() => {});
}
