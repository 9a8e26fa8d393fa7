import { describe, expect, it } from 'vitest';
import { toTimestamp } from '../../src/domain/time.ts';
import type { EndpointHealth } from '../../src/store/webhooks/health.ts';
import { allocateClaims } from '../../src/webhooks/allocate-claims.ts';
import { createCircuits } from '../../src/webhooks/circuits.ts';
import { updateHealth } from '../../src/webhooks/health.ts';

const HOUR = 3_600_000;
const START = Date.UTC(2026, 2, 15);
const well: EndpointHealth = {
  ...{ id: 'endpoint', accountId: 'account', chatbotId: null, description: '' },
  ...{ isActive: true, failingSince: null, warnedAt: null, disabledReason: null },
};

/** Updates an endpoint's health by attempts that failed after the given hours. */
const failAfter = (health: EndpointHealth, ...hours: readonly number[]): EndpointHealth =>
  hours.reduce(
    (state, hour) => updateHealth(state, { hasSucceeded: false, statusCode: 500, at: START + hour * HOUR }),
    health,
  );

describe('the health of an endpoint', () => {
  it('does not change while deliveries succeed', () => {
    expect(updateHealth(well, { hasSucceeded: true, statusCode: 204, at: START })).toBe(well);
  });

  it('is cleared by a success', () => {
    const failing = failAfter(well, 0, 61);
    expect(failing).toMatchObject({ failingSince: toTimestamp(START), warnedAt: toTimestamp(START + 61 * HOUR) });
    expect(updateHealth(failing, { hasSucceeded: true, statusCode: 200, at: START + 62 * HOUR })).toEqual(well);
  });

  it('gets a warning at least 60 hours before it is switched off, however rare the attempts are', () => {
    expect(failAfter(well, 0, 1_000)).toMatchObject({ isActive: true, warnedAt: toTimestamp(START + 1_000 * HOUR) });
    expect(failAfter(well, 0, 1_000, 1_059)).toMatchObject({ isActive: true });
    expect(failAfter(well, 0, 1_000, 1_060)).toMatchObject({ isActive: false });
  });

  it('is reset when the endpoint is switched on again', () => {
    const again = { ...failAfter(well, 0, 60, 120), isActive: true, disabledReason: null, failingSince: null };
    expect(again.warnedAt).not.toBeNull();
    expect(failAfter(again, 500)).toMatchObject({
      isActive: true,
      warnedAt: null,
      failingSince: toTimestamp(START + 500 * HOUR),
    });
  });

  it('does not change while the endpoint is switched off', () => {
    const off = { ...well, isActive: false, disabledReason: 'Its owner wants it so.' };
    expect(failAfter(off, 0, 60, 120)).toBe(off);
  });
});

describe('the circuit of an endpoint', () => {
  /** Creates circuits in which an endpoint failed a number of times, a pause apart. */
  const failing = (count: number, pauseMs: number) => {
    const circuits = createCircuits();
    for (let number = 0; number < count; number++) circuits.record('endpoint', false, START + number * pauseMs);
    return circuits;
  };

  it('opens after five failures in a row within a minute, for this endpoint alone', () => {
    expect(failing(4, 1_000).isOpen('endpoint')).toBe(false);
    expect(failing(5, 15_000).isOpen('endpoint')).toBe(true);
    expect(failing(50, 15_001).isOpen('endpoint')).toBe(false);
    expect(failing(5, 1_000).isOpen('other')).toBe(false);
  });

  it('stays open until a success', () => {
    const circuits = failing(5, 1_000);
    circuits.record('endpoint', false, START + HOUR);
    expect(circuits.isOpen('endpoint')).toBe(true);
    circuits.record('endpoint', true, START + HOUR);
    expect(circuits.isOpen('endpoint')).toBe(false);
    circuits.record('endpoint', false, START + HOUR);
    expect(circuits.isOpen('endpoint')).toBe(false);
  });
});

describe('the allowances of endpoints', () => {
  const names = (count: number) => Array.from({ length: count }, (_, index) => `e${String(index).padStart(4, '0')}`);
  const share = (due: readonly string[], { inFlight = [] as string[], open = [] as string[], lastServed = '' } = {}) =>
    allocateClaims(due, { subscriptionIds: inFlight, isOpen: (id) => open.includes(id), lastServed });
  const sum = (shares: ReturnType<typeof share>) => shares.reduce((total, { limit }) => total + limit, 0);

  it('are 5 each, and 100 in total', () => {
    expect(share(['a', 'b'])).toMatchObject([{ limit: 5 }, { limit: 5 }]);
    expect(share(['a'], { inFlight: ['a', 'a', 'a'] })).toMatchObject([{ limit: 2 }]);
    expect(share(['a'], { inFlight: ['a', 'a', 'a', 'a', 'a'] })).toEqual([]);
    expect(sum(share(names(1_000)))).toBe(100);
    expect(share(['a'], { inFlight: names(100) })).toEqual([]);
  });

  it('are 1 for an endpoint with an open circuit', () => {
    expect(share(['a', 'b'], { open: ['a'] })).toMatchObject([{ limit: 1, maxInProgress: 1 }, { limit: 5 }]);
    expect(share(['a'], { open: ['a'], inFlight: ['a'] })).toEqual([]);
  });

  it('are given round robin', () => {
    const due = names(150);
    const first = share(due).map(({ subscriptionId }) => subscriptionId);
    expect(first).toEqual(due.slice(0, 100));
    const second = share(due, { lastServed: first.at(-1) ?? '' }).map(({ subscriptionId }) => subscriptionId);
    expect(second).toEqual([...due.slice(100), ...due.slice(0, 50)]);
  });

  it('reserve the last 20 slots for endpoints without a delivery in flight', () => {
    const slow = names(16).flatMap((id) => Array<string>(5).fill(id));
    expect(share(names(16), { inFlight: slow })).toEqual([]);
    expect(share([...names(16), 'new'], { inFlight: slow })).toMatchObject([{ subscriptionId: 'new', limit: 1 }]);
  });
});
