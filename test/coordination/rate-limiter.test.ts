import { describe, expect, it } from 'vitest';
import { createMemoryRateLimiter, RATE_WINDOW_MS, type RateLimitResult } from '../../src/coordination/rate-limiter.ts';
import { createManualClock } from '../helpers/clock.ts';

/** A limiter with a clock to turn. */
function openLimiter() {
  const clock = createManualClock();
  const limiter = createMemoryRateLimiter(clock);
  return {
    turn: clock.turn,
    take: (limit: number, cost?: number, key = 'key') => limiter.consume(key, limit, cost) as RateLimitResult,
    peek: (limit: number, key = 'key') => limiter.peek(key, limit) as RateLimitResult,
  };
}

/** Random numbers from 0 to 1, the same for the same seed. */
function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

describe('the rate limiter', () => {
  it.each([
    { seed: 1, limit: 1, pause: 40_000, maxCost: 1 },
    { seed: 2, limit: 5, pause: 20_000, maxCost: 1 },
    { seed: 3, limit: 60, pause: 1_500, maxCost: 1 },
    { seed: 4, limit: 60, pause: 800, maxCost: 1 },
    { seed: 5, limit: 20, pause: 4_000, maxCost: 7 },
    { seed: 6, limit: 300, pause: 250, maxCost: 40 },
  ])('allows exactly $limit requests in any 60 seconds (seed $seed)', ({ seed, limit, pause, maxCost }) => {
    const { turn, take } = openLimiter();
    const random = createRandom(seed);
    const passed: number[] = [];
    let now = 0;
    for (let i = 0; i < 3_000; i++) {
      // Bursts at one moment, short gaps, and now and then a gap of more than a minute; at times to the very edge.
      const oldest = passed.at(-limit) ?? now;
      const gap = random() < 0.3 ? 0 : random() < 0.02 ? 61_000 : Math.floor(random() * pause);
      const step = random() < 0.05 ? Math.max(0, oldest + RATE_WINDOW_MS - now - (random() < 0.5 ? 1 : 0)) : gap;
      now += step;
      turn(step);
      const cost = 1 + Math.floor(random() * maxCost);
      const inWindow = passed.filter((at) => at > now - RATE_WINDOW_MS);
      const { isAllowed, remaining, resetMs, retryAfterMs } = take(limit, cost);
      expect(isAllowed).toBe(inWindow.length + cost <= limit);
      if (isAllowed) for (let n = 0; n < cost; n++) passed.push(now);
      const after = passed.filter((at) => at > now - RATE_WINDOW_MS);
      expect(after.length).toBeLessThanOrEqual(limit);
      expect(remaining).toBe(limit - after.length);
      expect(resetMs).toBe((after[0] ?? 0) + RATE_WINDOW_MS - now);
      const freed = after[after.length + cost - limit - 1] ?? 0;
      expect(retryAfterMs).toBe(isAllowed ? 0 : freed + RATE_WINDOW_MS - now);
    }
    expect(passed.length).toBeGreaterThan(limit);
  });

  it('allows a refused request after the reported time, and not a moment before', () => {
    const { turn, take } = openLimiter();
    take(10, 4);
    turn(1_000);
    take(10, 6);
    turn(500);
    const { isAllowed, retryAfterMs } = take(10, 5);
    expect([isAllowed, retryAfterMs]).toEqual([false, 59_500]);
    turn(59_499);
    expect(take(10, 5).isAllowed).toBe(false);
    turn(1);
    expect(take(10, 5)).toEqual({ isAllowed: true, limit: 10, remaining: 5, resetMs: 60_000, retryAfterMs: 0 });
  });

  it('consumes a cost as a whole or not at all', () => {
    const { take } = openLimiter();
    expect(take(10, 8).remaining).toBe(2);
    expect(take(10, 3)).toMatchObject({ isAllowed: false, remaining: 2 });
    expect(take(10, 2)).toMatchObject({ isAllowed: true, remaining: 0 });
  });

  it('counts no refused requests', () => {
    const { turn, take } = openLimiter();
    take(2, 2);
    turn(30_000);
    for (let i = 0; i < 100; i++) expect(take(2).isAllowed).toBe(false);
    turn(30_000);
    expect(take(2).isAllowed).toBe(true);
    expect(take(2).isAllowed).toBe(true);
  });

  it('counts each key separately', () => {
    const { take } = openLimiter();
    expect(take(1, 1, 'one').isAllowed).toBe(true);
    expect(take(1, 1, 'two').isAllowed).toBe(true);
    expect(take(1, 1, 'one').isAllowed).toBe(false);
  });

  it('returns the status of a key without consuming a request', () => {
    const { turn, take, peek } = openLimiter();
    expect(peek(3)).toEqual({ isAllowed: true, limit: 3, remaining: 3, resetMs: 0, retryAfterMs: 0 });
    take(3);
    turn(1_000);
    take(3);
    for (let i = 0; i < 5; i++) expect(peek(3)).toMatchObject({ remaining: 1, resetMs: 59_000 });
    take(3);
    expect(peek(3).remaining).toBe(0);
    turn(60_000);
    expect(peek(3)).toMatchObject({ remaining: 3, resetMs: 0 });
  });

  it('accepts a limit that differs from call to call', () => {
    const { take, peek } = openLimiter();
    take(10, 10);
    expect(take(5)).toMatchObject({ isAllowed: false, remaining: 0, limit: 5 });
    expect(peek(20).remaining).toBe(10);
    expect(take(20, 10).isAllowed).toBe(true);
  });

  it.each([-3_600_000, 3_600_000])('keeps counting when the wall clock is set by %i ms', (ms) => {
    const clock = createManualClock();
    const limiter = createMemoryRateLimiter(clock);
    for (let i = 0; i < 3; i++) expect(limiter.consume('key', 5)).toMatchObject({ isAllowed: true });
    clock.jump(ms);
    for (let i = 0; i < 2; i++) expect(limiter.consume('key', 5)).toMatchObject({ isAllowed: true });
    expect(limiter.consume('key', 5)).toMatchObject({ isAllowed: false, retryAfterMs: 60_000 });
    clock.turn(59_999);
    expect(limiter.consume('key', 5)).toMatchObject({ isAllowed: false });
    clock.turn(1);
    expect(limiter.consume('key', 5)).toMatchObject({ isAllowed: true, remaining: 4 });
  });

  it('enforces a limit of a million', () => {
    const { turn, take } = openLimiter();
    expect(take(1_000_000, 999_999).isAllowed).toBe(true);
    turn(1);
    expect(take(1_000_000)).toMatchObject({ isAllowed: true, remaining: 0 });
    expect(take(1_000_000)).toMatchObject({ isAllowed: false, retryAfterMs: 59_999 });
    turn(59_999);
    expect(take(1_000_000)).toMatchObject({ isAllowed: true, remaining: 999_998 });
  });
});
