import { toTimestamp } from '../domain/time.ts';
import type { EndpointHealth } from '../store/webhooks/health.ts';

const HOUR_MS = 3_600_000;
/** Half the time that an endpoint has to come back: after the first half it is said, after the second it is switched off. */
export const FAILURE_STAGE_MS = 60 * HOUR_MS;

const GONE = 410;

/** What an attempt says of an endpoint. */
export interface AttemptSummary {
  readonly hasSucceeded: boolean;
  readonly statusCode: number | null;
  /** In ms. */
  readonly at: number;
}

/**
 * Gives how an endpoint does after an attempt. One that says that it is gone for good is switched off at once; one that has
 * taken nothing for 60 hours is warned of, and one that has taken nothing for 60 more is switched off. The same object, when
 * nothing is new.
 */
export function updateHealth(health: EndpointHealth, { hasSucceeded, statusCode, at }: AttemptSummary): EndpointHealth {
  if (!health.isActive) return health;
  if (hasSucceeded) return health.failingSince === null ? health : { ...health, failingSince: null, warnedAt: null };
  const isNew = health.failingSince === null;
  const failing = isNew ? { ...health, failingSince: toTimestamp(at), warnedAt: null } : health;
  const disable = (disabledReason: string) => ({ ...failing, isActive: false, disabledReason });
  if (statusCode === GONE) return disable('It answered 410: it is gone for good.');
  if (failing.warnedAt !== null && at - Date.parse(failing.warnedAt) >= FAILURE_STAGE_MS) {
    return disable(`Nothing could be delivered for ${(2 * FAILURE_STAGE_MS) / HOUR_MS} hours.`);
  }
  if (failing.warnedAt === null && !isNew && at - Date.parse(health.failingSince ?? '') >= FAILURE_STAGE_MS) {
    return { ...failing, warnedAt: toTimestamp(at) };
  }
  return failing;
}
