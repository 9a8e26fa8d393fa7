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
  listDueEndpoints,
  makeDueNow,
  pullInDeliveries,
} from '../store/webhooks/queue.ts';
import { endAllLeases, releaseDeliveries, SUSPECTED_AFTER } from '../store/webhooks/unclean-ends.ts';
import { composeBody } from './body.ts';
import { createCircuits } from './circuits.ts';
import { createRetryTimes } from './retry-times.ts';
import { horizonOf } from './schedule.ts';
import { logHealth, settleAttempts } from './settle.ts';
import { listShares, type Share } from './shares.ts';
import { type TryDeps, tryDelivery } from './try-delivery.ts';

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

/** The deliveries of one process. */
interface Worker {
  readonly deps: WorkerDeps & TryDeps;
  /** The subscriptions of deliveries that are taken, until what came of them is written; by the ids of the deliveries. */
  readonly taken: Map<string, string>;
  readonly attempts: Set<Promise<void>>;
  /** What came of attempts and is not written yet. */
  results: AttemptResult[];
  /** Runs until results are written together. */
  gathering: NodeJS.Timeout | undefined;
  /** The subscription whose turn was last. */
  lastServed: string;
  /** Where something is due that may end the process, and is tried when nothing else is: then its delivery. */
  suspected: Share | undefined;
  alone: string | undefined;
  isStopping: boolean;
  looking: Promise<void> | undefined;
  /** Whether it has to look again, as something may be due since. */
  isWoken: boolean;
  isFailing: boolean;
}

/**
 * Sends what is due: at once what is written by this process, and within a second what becomes due or others write. Each
 * delivery is sent at least once, whatever happens to the processes that do so.
 * @returns a function that ends it: it begins no more attempts, and waits for those under way.
 */
export function startDelivering(deps: WorkerDeps): () => Promise<void> {
  const worker = createWorker(deps);
  const { db, logger } = deps;
  // Whoever holds the database alone knows that what is leased was leased by a process that is gone.
  const starting = db.isShared ? Promise.resolve() : db.transaction(endAllLeases);
  const started = starting
    .catch((error: unknown) => logger.error({ err: error }, 'cannot let go of deliveries'))
    .then(() => pullIn(worker))
    .then(() => look(worker));
  deps.onNewDeliveries((accountIds) => {
    announceDeliveries(worker, accountIds);
    look(worker);
  });
  const timer = setInterval(look, LOOK_MS, worker);
  const pulling = setInterval(() => void pullIn(worker), PULL_IN_MS);
  return async () => {
    worker.isStopping = true;
    clearInterval(timer);
    clearInterval(pulling);
    await started;
    await finish(worker);
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
    taken: new Map(),
    attempts: new Set(),
    results: [],
    gathering: undefined,
    lastServed: '',
    suspected: undefined,
    alone: undefined,
    isStopping: false,
    looking: undefined,
    isWoken: false,
    isFailing: false,
  };
}

/** Looks for what is due, now or as soon as the look under way is done. */
function look(worker: Worker): void {
  worker.isWoken = true;
  worker.looking ??= lookWhileWoken(worker).finally(() => {
    worker.looking = undefined;
    if (worker.isWoken) look(worker);
  });
}

async function lookWhileWoken(worker: Worker): Promise<void> {
  const { logger } = worker.deps;
  try {
    while (worker.isWoken) {
      worker.isWoken = false;
      if (await writeAndBegin(worker)) worker.isWoken = true;
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
async function writeAndBegin(worker: Worker): Promise<boolean> {
  const { clock, db, logger, retryTimes } = worker.deps;
  const finished = [...worker.results];
  const overdue = retryTimes.takeOverdue();
  if (overdue.length > 0) await db.transaction((trx) => makeDueNow(trx, overdue, toTimestamp(clock.now())));
  const held = new Map(worker.taken);
  for (const { claimed } of finished) held.delete(claimed.delivery.id);
  if (worker.alone !== undefined && !held.has(worker.alone)) worker.alone = undefined;
  const shares = worker.isStopping || worker.alone !== undefined ? [] : await shareOut(worker, held);
  if (finished.length === 0 && shares.length === 0) return false;
  const { changes, claimed, waiting } = await db.transaction(async (trx) => ({
    changes: await settleAttempts(trx, finished, clock.now()),
    ...(await claimShares(worker.deps, trx, shares)),
  }));
  if (shares.length > 0) worker.suspected = waiting;
  worker.alone = claimed.find(({ uncleanEnds }) => uncleanEnds >= SUSPECTED_AFTER)?.delivery.id ?? worker.alone;
  worker.results = worker.results.slice(finished.length);
  for (const { claimed: one } of finished) worker.taken.delete(one.delivery.id);
  announceDeliveries(worker, new Set(finished.map(({ claimed: one }) => one.delivery.accountId)));
  logHealth(logger, changes);
  for (const one of claimed) begin(worker, one);
  worker.lastServed = claimed.at(-1)?.endpoint.subscription.id ?? worker.lastServed;
  return claimed.length > 0;
}

/** What may be taken: as soon as something waits to be tried alone, nothing else until it was. */
async function shareOut(worker: Worker, held: ReadonlyMap<string, string>): Promise<readonly Share[]> {
  const { circuits, clock, db } = worker.deps;
  if (worker.suspected !== undefined) return held.size === 0 ? [worker.suspected] : [];
  const due = await listDueEndpoints(db.read, toTimestamp(clock.now()));
  return listShares(due, { held: [...held.values()], isOpen: circuits.isOpen, lastServed: worker.lastServed });
}

/** What was taken, and where something waits to be tried alone. */
interface Taken {
  readonly claimed: readonly ClaimedDelivery[];
  readonly waiting: Share | undefined;
}

async function claimShares(
  { clock, node }: Pick<WorkerDeps, 'clock' | 'node'>,
  trx: Queryable,
  shares: readonly Share[],
): Promise<Taken> {
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

function begin(worker: Worker, claimed: ClaimedDelivery): void {
  worker.taken.set(claimed.delivery.id, claimed.endpoint.subscription.id);
  const attempt = runAttempt(worker, claimed).finally(() => {
    worker.attempts.delete(attempt);
    worker.gathering ??= setTimeout(() => {
      worker.gathering = undefined;
      look(worker);
    }, GATHER_MS);
  });
  worker.attempts.add(attempt);
}

async function runAttempt(worker: Worker, claimed: ClaimedDelivery): Promise<void> {
  const result = await tryDelivery(worker.deps, claimed);
  if (result === undefined) worker.taken.delete(claimed.delivery.id);
  else worker.results.push(result);
}

/** Tells those who watch that deliveries of accounts have been made or have changed. */
function announceDeliveries({ deps }: Worker, accountIds: ReadonlySet<string>): void {
  for (const accountId of accountIds) deps.bus.publish(deliveriesTopic(accountId));
}

async function pullIn({ deps: { clock, config, db }, isStopping }: Worker): Promise<void> {
  if (isStopping) return;
  // Where the database is away, what looks for due deliveries says so.
  await db.transaction((trx) => pullInDeliveries(trx, horizonOf(config, clock.now()))).catch(() => {});
}

/** Waits for the attempts under way, and writes what came of them. */
async function finish(worker: Worker): Promise<void> {
  while (worker.looking !== undefined) await worker.looking;
  await Promise.all(worker.attempts);
  clearTimeout(worker.gathering);
  look(worker);
  while (worker.looking !== undefined) await worker.looking;
  // What could not be prepared was not being tried when this process ended. Where the database is away, that counts.
  const { db, node } = worker.deps;
  await db.transaction((trx) => releaseDeliveries(trx, node.id)).catch(() => {});
}
