import { describe, expect, it } from 'vitest';
import type { WebhookSchedule } from '../../src/domain/webhooks.ts';
import { findDelay } from '../../src/webhooks/retry-schedule.ts';

const shortDelaysMs = [60_000, 300_000, 900_000];

/** Lists the delays of a schedule. */
function listDelays(schedule: WebhookSchedule, random: number, retryAfterMs: number | null = null): number[] {
  const delays: number[] = [];
  for (let number = 1; ; number++) {
    const delay = findDelay({ schedule, shortDelaysMs, number, retryAfterMs, random });
    if (delay === undefined) return delays;
    delays.push(delay / 1_000);
  }
}

const HOUR = 3_600;
const LONG = [5, 300, 1_800, ...[2, 5, 10, 14, 20, 24].map((hours) => hours * HOUR)];

describe('the short schedule', () => {
  it('has four attempts, with delays of 1, 5 and 15 minutes, at most a tenth longer and never shorter', () => {
    expect(listDelays('SHORT', 0)).toEqual([60, 300, 900]);
    expect(listDelays('SHORT', 1)).toEqual([66, 330, 990]);
  });

  it('obeys Retry-After up to twice its own delay', () => {
    expect(listDelays('SHORT', 0, 10_000)).toEqual([60, 300, 900]);
    expect(listDelays('SHORT', 0.5, 100_000)).toEqual([100, 315, 945]);
    expect(listDelays('SHORT', 0, 86_400_000)).toEqual([120, 600, 1_800]);
  });
});

describe('the long schedule', () => {
  it('has ten attempts within a little over three days, with delays up to a fifth shorter or longer', () => {
    expect(listDelays('LONG', 0.5)).toEqual(LONG);
    expect(listDelays('LONG', 0)).toEqual(LONG.map((delay) => delay * 0.8));
    expect(listDelays('LONG', 1)).toEqual(LONG.map((delay) => delay * 1.2));
  });

  it('obeys Retry-After up to twice its own delay', () => {
    expect(listDelays('LONG', 0.5, 3_600_000).slice(0, 4)).toEqual([10, 600, 3_600, 7_200]);
  });
});
