import type { Deps } from '../deps.ts';
import { toTimestamp } from '../domain/time.ts';
import type { DeliveryStatus } from '../domain/webhooks.ts';
import type { AttemptResult, ClaimedDelivery } from '../store/webhooks/queue.ts';
import { MAX_CRASHES } from '../store/webhooks/unclean-ends.ts';
import type { Circuits } from './circuits.ts';
import { type AttemptOutcome, type DeliverDeps, PROCESS_CRASHED, sendDelivery } from './deliver.ts';
import type { DueTimes } from './due-times.ts';
import { prepareDelivery } from './prepare-delivery.ts';
import { computeRetryDelay, type RetryInput } from './retry-schedule.ts';

/** The services that an attempt uses. */
export interface TryDeps
  extends DeliverDeps,
    Pick<Deps, 'config' | 'db' | 'clock' | 'logger' | 'metrics' | 'sealer' | 'selections'> {
  readonly circuits: Circuits;
  readonly dueTimes: DueTimes;
}

/**
 * Attempts a claimed delivery once, or gives it up if processes crashed too often during its attempts.
 * @returns the result to write; undefined when the delivery could not be prepared, and nothing was sent.
 */
export async function tryDelivery(deps: TryDeps, claimed: ClaimedDelivery): Promise<AttemptResult | undefined> {
  const { circuits, clock, logger, metrics } = deps;
  const isGivenUp = claimed.crashes >= MAX_CRASHES;
  if (isGivenUp)
    logger.error(logFieldsOf(claimed), 'giving up a webhook delivery: processes crashed while they attempted it');
  const ready = isGivenUp ? undefined : await prepareDelivery(deps, claimed);
  if (ready === undefined && !isGivenUp) return undefined;
  const startedAt = clock.now();
  const outcome = ready === undefined ? PROCESS_CRASHED : await sendDelivery(deps, ready);
  const result = toResult(deps, claimed, { outcome, startedAt });
  circuits.record(claimed.endpoint.subscription.id, outcome.error === null, clock.monotonicMs());
  metrics.webhookAttempts.inc({ outcome: result.status.toLowerCase() });
  metrics.webhookSeconds.observe(outcome.durationMs / 1_000);
  return result;
}

/** Determines a delivery's new status, and the time of its next attempt. */
function toResult(
  { clock, config, dueTimes }: TryDeps,
  claimed: ClaimedDelivery,
  { outcome, startedAt }: { outcome: AttemptOutcome; startedAt: number },
): AttemptResult {
  const { delivery, endpoint } = claimed;
  const { retryAfterMs, isPermanent, ...attempt } = outcome;
  const attemptNumber = delivery.attemptCount + 1;
  const { schedule } = endpoint.subscription;
  const retry: RetryInput = {
    schedule,
    shortDelaysMs: config.webhookRetryDelaysMs,
    attemptNumber,
    retryAfterMs,
    random: Math.random(),
  };
  const delayMs = outcome.error === null || isPermanent ? undefined : computeRetryDelay(retry);
  const nextAttemptAt = delayMs === undefined ? null : toTimestamp(clock.now() + delayMs);
  if (delayMs !== undefined && nextAttemptAt !== null) dueTimes.record({ id: delivery.id, nextAttemptAt }, delayMs);
  const failedStatus: DeliveryStatus = delayMs === undefined ? 'EXHAUSTED' : 'FAILED';
  return {
    claimed,
    attempt: { deliveryId: delivery.id, number: attemptNumber, at: toTimestamp(startedAt), ...attempt },
    status: outcome.error === null ? 'DELIVERED' : failedStatus,
    nextAttemptAt,
  };
}

const logFieldsOf = ({ delivery, crashes }: ClaimedDelivery) => ({
  ...{ account: delivery.accountId, subscription: delivery.subscriptionId, delivery: delivery.id },
  uncleanEnds: crashes,
});
