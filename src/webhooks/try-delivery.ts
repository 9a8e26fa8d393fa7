import type { Deps } from '../deps.ts';
import { toTimestamp } from '../domain/time.ts';
import type { DeliveryStatus } from '../domain/webhooks.ts';
import type { AttemptResult, ClaimedDelivery } from '../store/webhooks/queue.ts';
import { MAX_UNCLEAN_ENDS } from '../store/webhooks/unclean-ends.ts';
import type { Circuits } from './circuits.ts';
import { type AttemptOutcome, attemptDelivery, type DeliverDeps, PROCESS_ENDED } from './deliver.ts';
import type { DueTimes } from './overdue-retries.ts';
import { prepareDelivery } from './prepare-delivery.ts';
import { findDelay } from './retry-schedule.ts';

/** The services that an attempt uses and reports to. */
export interface TryDeps
  extends DeliverDeps,
    Pick<Deps, 'config' | 'db' | 'clock' | 'logger' | 'metrics' | 'sealer' | 'selections'> {
  readonly circuits: Circuits;
  readonly dueTimes: DueTimes;
}

/**
 * Makes one attempt at a claimed delivery. If processes crashed too often during its attempts, gives it up instead.
 * @returns the result to write; undefined when the delivery could not be prepared, and nothing was sent.
 */
export async function tryDelivery(deps: TryDeps, claimed: ClaimedDelivery): Promise<AttemptResult | undefined> {
  const { circuits, clock, logger, metrics } = deps;
  const isGivenUp = claimed.uncleanEnds >= MAX_UNCLEAN_ENDS;
  if (isGivenUp)
    logger.error(logFieldsOf(claimed), 'a webhook delivery is given up: processes crashed while they tried it');
  const ready = isGivenUp ? undefined : await prepareDelivery(deps, claimed);
  if (ready === undefined && !isGivenUp) return undefined;
  const startedAt = clock.now();
  const outcome = ready === undefined ? PROCESS_ENDED : await attemptDelivery(deps, ready);
  const result = toResult(deps, claimed, { outcome, startedAt });
  circuits.record(claimed.endpoint.subscription.id, outcome.error === null, clock.monotonicMs());
  metrics.webhookAttempts.inc({ outcome: result.status.toLowerCase() });
  metrics.webhookSeconds.observe(outcome.durationMs / 1_000);
  return result;
}

/** Determines a delivery's new status, and when it is tried again. */
function toResult(
  { clock, config, dueTimes }: TryDeps,
  claimed: ClaimedDelivery,
  { outcome, startedAt }: { outcome: AttemptOutcome; startedAt: number },
): AttemptResult {
  const { delivery, endpoint } = claimed;
  const { retryAfterMs, isPermanent, ...attempt } = outcome;
  const number = delivery.attemptCount + 1;
  const { schedule } = endpoint.subscription;
  const retry = {
    schedule,
    shortDelaysMs: config.webhookRetryDelaysMs,
    number,
    retryAfterMs,
    random: Math.random(),
  };
  const delayMs = outcome.error === null || isPermanent ? undefined : findDelay(retry);
  const nextAttemptAt = delayMs === undefined ? null : toTimestamp(clock.now() + delayMs);
  if (delayMs !== undefined && nextAttemptAt !== null) dueTimes.record({ id: delivery.id, nextAttemptAt }, delayMs);
  const failedStatus: DeliveryStatus = delayMs === undefined ? 'EXHAUSTED' : 'FAILED';
  return {
    claimed,
    attempt: { deliveryId: delivery.id, number, at: toTimestamp(startedAt), ...attempt },
    status: outcome.error === null ? 'DELIVERED' : failedStatus,
    nextAttemptAt,
  };
}

const logFieldsOf = ({ delivery, uncleanEnds }: ClaimedDelivery) => ({
  ...{ account: delivery.accountId, subscription: delivery.subscriptionId, delivery: delivery.id },
  uncleanEnds,
});
