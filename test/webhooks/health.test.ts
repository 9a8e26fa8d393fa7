import { describe, expect, it } from 'vitest';
import { toTimestamp } from '../../src/domain/time.ts';
import type { EndpointHealth } from '../../src/store/webhooks/health.ts';
import { allocateClaims } from '../../src/webhooks/allocate-claims.ts';
import { createCircuits } from '../../src/webhooks/circuits.ts';
import { updateHealth } from '../../src/webhooks/health.ts';

const HOUR = 3_600_000;
const START = Date.UTC(2026, 2, 15);
const HEALTHY: EndpointHealth = {
  ...{ id: 'endpoint', accountId: 'account', chatbotId: null, description: '' },
  ...{ isActive: true, failingSince: null, warnedAt: null, disabledReason: null },
};

/** Applies failed attempts at the given hours to an endpoint's health. */
const failAfter = (health: EndpointHealth, ...hours: readonly number[]): EndpointHealth =>
  hours.reduce(
    (state, hour) => updateHealth(state, { hasSucceeded: false, statusCode: 500, at: START + hour * HOUR }),
    health,
  );

describe('the health of an endpoint', () => {
  it('does not change while deliveries succeed', () => {
    expect(updateHealth(HEALTHY, { hasSucceeded: true, statusCode: 204, at: START })).toBe(HEALTHY);
  });

  it('is cleared by a success', () => {
    const failing = failAfter(HEALTHY, 0, 61);
    expect(failing).toMatchObject({ failingSince: toTimestamp(START), warnedAt: toTimestamp(START + 61 * HOUR) });
    expect(updateHealth(failing, { hasSucceeded: true, statusCode: 200, at: START + 62 * HOUR })).toEqual(HEALTHY);
  });

  it('warns at least 60 hours before the endpoint is switched off, even if attempts are rare', () => {
    expect(failAfter(HEALTHY, 0, 1_000)).toMatchObject({ isActive: true, warnedAt: toTimestamp(START + 1_000 * HOUR) });
    expect(failAfter(HEALTHY, 0, 1_000, 1_059)).toMatchObject({ isActive: true });
    expect(failAfter(HEALTHY, 0, 1_000, 1_060)).toMatchObject({ isActive: false });
  });

  it('is reset when the endpoint is switched on again', () => {
    const reactivated = { ...failAfter(HEALTHY, 0, 60, 120), isActive: true, disabledReason: null, failingSince: null };
    expect(reactivated.warnedAt).not.toBeNull();
    expect(failAfter(reactivated, 500)).toMatchObject({
      isActive: true,
      warnedAt: null,
      failingSince: toTimestamp(START + 500 * HOUR),
    });
  });

  it('does not change while the endpoint is switched off', () => {
    const disabled = { ...HEALTHY, isActive: false, disabledReason: 'The owner switched it off.' };
    expect(failAfter(disabled, 0, 60, 120)).toBe(disabled);
  });
});

describe('the circuit of an endpoint', () => {
  /** Creates circuits, and records `count` failures of one endpoint, `pauseMs` apart. */
  const createFailingCircuits = (count: number, pauseMs: number) => {
    const circuits = createCircuits();
    for (let number = 0; number < count; number++) circuits.record('endpoint', false, START + number * pauseMs);
    return circuits;
  };

  it('opens after five consecutive failures within a minute, for this endpoint alone', () => {
    expect(createFailingCircuits(4, 1_000).isOpen('endpoint')).toBe(false);
    expect(createFailingCircuits(5, 15_000).isOpen('endpoint')).toBe(true);
    expect(createFailingCircuits(50, 15_001).isOpen('endpoint')).toBe(false);
    expect(createFailingCircuits(5, 1_000).isOpen('other')).toBe(false);
  });

  it('stays open until a success', () => {
    const circuits = createFailingCircuits(5, 1_000);
    circuits.record('endpoint', false, START + HOUR);
    expect(circuits.isOpen('endpoint')).toBe(true);
    circuits.record('endpoint', true, START + HOUR);
    expect(circuits.isOpen('endpoint')).toBe(false);
    circuits.record('endpoint', false, START + HOUR);
    expect(circuits.isOpen('endpoint')).toBe(false);
  });
});

describe('the claim limits of endpoints', () => {
  const createIds = (count: number) =>
    Array.from({ length: count }, (_, index) => `e${String(index).padStart(4, '0')}`);
  const allocate = (
    due: readonly string[],
    { inFlight = [] as string[], openCircuits = [] as string[], lastSubscriptionId = '' } = {},
  ) =>
    allocateClaims(due, {
      subscriptionIds: inFlight,
      isCircuitOpen: (id) => openCircuits.includes(id),
      lastSubscriptionId,
    });
  const totalLimit = (allowances: ReturnType<typeof allocate>) =>
    allowances.reduce((total, { limit }) => total + limit, 0);

  it('are 5 each, and 100 in total', () => {
    expect(allocate(['a', 'b'])).toMatchObject([{ limit: 5 }, { limit: 5 }]);
    expect(allocate(['a'], { inFlight: ['a', 'a', 'a'] })).toMatchObject([{ limit: 2 }]);
    expect(allocate(['a'], { inFlight: ['a', 'a', 'a', 'a', 'a'] })).toEqual([]);
    expect(totalLimit(allocate(createIds(1_000)))).toBe(100);
    expect(allocate(['a'], { inFlight: createIds(100) })).toEqual([]);
  });

  it('are 1 for an endpoint with an open circuit', () => {
    expect(allocate(['a', 'b'], { openCircuits: ['a'] })).toMatchObject([{ limit: 1, maxInFlight: 1 }, { limit: 5 }]);
    expect(allocate(['a'], { openCircuits: ['a'], inFlight: ['a'] })).toEqual([]);
  });

  it('are allocated round robin', () => {
    const due = createIds(150);
    const first = allocate(due).map(({ subscriptionId }) => subscriptionId);
    expect(first).toEqual(due.slice(0, 100));
    const second = allocate(due, { lastSubscriptionId: first.at(-1) ?? '' }).map(
      ({ subscriptionId }) => subscriptionId,
    );
    expect(second).toEqual([...due.slice(100), ...due.slice(0, 50)]);
  });

  it('reserve the last 20 slots for endpoints without a delivery in flight', () => {
    const busyIds = createIds(16).flatMap((id) => Array<string>(5).fill(id));
    expect(allocate(createIds(16), { inFlight: busyIds })).toEqual([]);
    expect(allocate([...createIds(16), 'new'], { inFlight: busyIds })).toMatchObject([
      { subscriptionId: 'new', limit: 1 },
    ]);
  });
});
