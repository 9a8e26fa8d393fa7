import { toTimestamp } from '../domain/time.ts';
import type { EndpointHealth } from '../store/webhooks/health.ts';

const HOUR_MS = 3_600_000;
/** An endpoint that has failed for this long gets a warning; after the same time again it is switched off. */
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
  const failingHealth = isFirstFailure ? { ...health, failingSince: toTimestamp(at), warnedAt: null } : health;
  const disable = (disabledReason: string) => ({ ...failingHealth, isActive: false, disabledReason });
  if (statusCode === GONE) return disable('The endpoint answered 410: it is gone.');
  if (failingHealth.warnedAt !== null && at - Date.parse(failingHealth.warnedAt) >= FAILURE_STAGE_MS) {
    return disable(`Nothing could be delivered for ${(2 * FAILURE_STAGE_MS) / HOUR_MS} hours.`);
  }
  const failingMs = isFirstFailure ? 0 : at - Date.parse(health.failingSince ?? '');
  if (failingHealth.warnedAt === null && failingMs >= FAILURE_STAGE_MS) {
    return { ...failingHealth, warnedAt: toTimestamp(at) };
  }
  return failingHealth;
}
