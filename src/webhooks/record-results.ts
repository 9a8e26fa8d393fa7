import type { Logger } from 'pino';
import { toTimestamp } from '../domain/time.ts';
import type { Queryable } from '../store/tables.ts';
import { type EndpointHealth, lockEndpointHealth, writeEndpointHealth } from '../store/webhooks/health.ts';
import { enqueueEvents } from '../store/webhooks/outbox.ts';
import { type AttemptResult, recordAttempts } from '../store/webhooks/queue.ts';
import { updateHealth } from './health.ts';

/** An endpoint's health before and after a batch of attempts. */
export interface HealthChange {
  readonly before: EndpointHealth;
  readonly after: EndpointHealth;
}

/**
 * Writes the results of attempts and the new health of their endpoints. Each endpoint that is switched off by a result
 * causes a WEBHOOK_DISABLED event. Returns the health changes, so that the caller can log them after the commit.
 */
export async function recordResults(
  trx: Queryable,
  results: readonly AttemptResult[],
  now: number,
): Promise<HealthChange[]> {
  if (results.length === 0) return [];
  // Every transaction locks endpoints before deliveries, which prevents deadlocks.
  const healths = await lockEndpointHealth(
    trx,
    results.map(({ claimed }) => claimed.endpoint.subscription.id),
  );
  const recorded = await recordAttempts(trx, results);
  const changes = healths.flatMap((before) => {
    const endpointResults = recorded.filter(({ claimed }) => claimed.endpoint.subscription.id === before.id);
    const after = endpointResults.reduce(applyAttempt, before);
    return after === before ? [] : [{ before, after }];
  });
  const at = toTimestamp(now);
  for (const { before, after } of changes) {
    await writeEndpointHealth(trx, after, at);
    if (after.isActive === before.isActive) continue;
    const { id, accountId, chatbotId, description, disabledReason: reason } = after;
    const data = { subscription_id: id, description, reason };
    await enqueueEvents(trx, { accountId, chatbotId, at }, [
      { name: 'WEBHOOK_DISABLED', buildPayload: () => ({ data }) },
    ]);
  }
  return changes;
}

function applyAttempt(health: EndpointHealth, { attempt }: AttemptResult): EndpointHealth {
  const { statusCode, error, at, durationMs } = attempt;
  return updateHealth(health, { hasSucceeded: error === null, statusCode, at: Date.parse(at) + durationMs });
}

/** Logs the endpoints that were switched off, and those that will be if they keep failing. */
export function logHealthChanges(logger: Logger, changes: readonly HealthChange[]): void {
  for (const { before, after } of changes) {
    const logFields = { account: after.accountId, subscription: after.id };
    if (!after.isActive) {
      logger.warn({ ...logFields, reason: after.disabledReason }, 'a webhook endpoint was switched off');
    } else if (before.warnedAt === null && after.warnedAt !== null) {
      logger.warn(
        { ...logFields, failingSince: after.failingSince },
        'a webhook endpoint will be switched off in 60 hours',
      );
    }
  }
}
