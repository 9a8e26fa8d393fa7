import { describe, expect, it } from 'vitest';
import type { WebhookSchedule } from '../../src/domain/webhooks.ts';
import { computeRetryDelay } from '../../src/webhooks/retry-schedule.ts';

const shortDelaysMs = [60_000, 300_000, 900_000];

/** Lists the delays of a schedule in seconds. */
function listDelays(schedule: WebhookSchedule, random: number, retryAfterMs: number | null = null): number[] {
  const delays: number[] = [];
  for (let attemptNumber = 1; ; attemptNumber++) {
    const delayMs = computeRetryDelay({ schedule, shortDelaysMs, attemptNumber, retryAfterMs, random });
    if (delayMs === undefined) return delays;
    delays.push(delayMs / 1_000);
  }
}

const HOUR_SECONDS = 3_600;
const LONG_DELAYS_SECONDS = [5, 300, 1_800, ...[2, 5, 10, 14, 20, 24].map((hours) => hours * HOUR_SECONDS)];

describe('the short schedule', () => {
  it('has four attempts, with delays of 1, 5 and 15 minutes that are up to 10 % longer and never shorter', () => {
    expect(listDelays('SHORT', 0)).toEqual([60, 300, 900]);
    expect(listDelays('SHORT', 1)).toEqual([66, 330, 990]);
  });

  it('obeys Retry-After up to twice the scheduled delay', () => {
    expect(listDelays('SHORT', 0, 10_000)).toEqual([60, 300, 900]);
    expect(listDelays('SHORT', 0.5, 100_000)).toEqual([100, 315, 945]);
    expect(listDelays('SHORT', 0, 86_400_000)).toEqual([120, 600, 1_800]);
  });
});

describe('the long schedule', () => {
  it('has ten attempts within about three days, with delays that are up to 20 % shorter or longer', () => {
    expect(listDelays('LONG', 0.5)).toEqual(LONG_DELAYS_SECONDS);
    expect(listDelays('LONG', 0)).toEqual(LONG_DELAYS_SECONDS.map((delay) => delay * 0.8));
    expect(listDelays('LONG', 1)).toEqual(LONG_DELAYS_SECONDS.map((delay) => delay * 1.2));
  });

  it('obeys Retry-After up to twice the scheduled delay', () => {
    expect(listDelays('LONG', 0.5, 3_600_000).slice(0, 4)).toEqual([10, 600, 3_600, 7_200]);
  });
});
