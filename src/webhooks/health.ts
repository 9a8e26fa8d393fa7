import { toTimestamp } from '../domain/time.ts';
import type { EndpointHealth } from '../store/webhooks/health.ts';

const HOUR_MS = 3_600_000;
/** An endpoint that has failed for this long gets a warning; after as long again it is switched off. */
export const FAILURE_STAGE_MS = 60 * HOUR_MS;

const GONE = 410;

/** The part of an attempt's result that affects the endpoint's health. */
export interface AttemptSummary {
  readonly hasSucceeded: boolean;
  readonly statusCode: number | null;
  /** Unix time in milliseconds. */
  readonly at: number;
}

/**
 * Returns an endpoint's health after an attempt. An endpoint that responds with 410 is switched off immediately. An
 * endpoint without a success for 60 hours gets a warning, and after 60 more hours it is switched off. Returns the same
 * object when nothing changes.
 */
export function updateHealth(health: EndpointHealth, { hasSucceeded, statusCode, at }: AttemptSummary): EndpointHealth {
  if (!health.isActive) return health;
  if (hasSucceeded) return health.failingSince === null ? health : { ...health, failingSince: null, warnedAt: null };
  const isFirstFailure = health.failingSince === null;
  const failing = isFirstFailure ? { ...health, failingSince: toTimestamp(at), warnedAt: null } : health;
  const disable = (disabledReason: string) => ({ ...failing, isActive: false, disabledReason });
  if (statusCode === GONE) return disable('It answered 410: it is gone for good.');
  if (failing.warnedAt !== null && at - Date.parse(failing.warnedAt) >= FAILURE_STAGE_MS) {
    return disable(`Nothing could be delivered for ${(2 * FAILURE_STAGE_MS) / HOUR_MS} hours.`);
  }
  if (failing.warnedAt === null && !isFirstFailure && at - Date.parse(health.failingSince ?? '') >= FAILURE_STAGE_MS) {
    return { ...failing, warnedAt: toTimestamp(at) };
  }
  return failing;
}
