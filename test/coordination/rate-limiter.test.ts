import { describe, expect, it } from 'vitest';
import { createMemoryRateLimiter, RATE_WINDOW_MS, type RateLimitResult } from '../../src/coordination/rate-limiter.ts';
import { createManualClock } from '../helpers/clock.ts';

/** Creates a rate limiter with a clock that the test advances. */
function createLimiter() {
  const clock = createManualClock();
  const limiter = createMemoryRateLimiter(clock);
  return {
    advance: clock.advance,
    consume: (limit: number, cost?: number, key = 'key') => limiter.consume(key, limit, cost) as RateLimitResult,
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
    { seed: 1, limit: 1, maxGapMs: 40_000, maxCost: 1 },
    { seed: 2, limit: 5, maxGapMs: 20_000, maxCost: 1 },
    { seed: 3, limit: 60, maxGapMs: 1_500, maxCost: 1 },
    { seed: 4, limit: 60, maxGapMs: 800, maxCost: 1 },
    { seed: 5, limit: 20, maxGapMs: 4_000, maxCost: 7 },
    { seed: 6, limit: 300, maxGapMs: 250, maxCost: 40 },
  ])('allows exactly $limit requests in any 60 seconds (seed $seed)', ({ seed, limit, maxGapMs, maxCost }) => {
    const { advance, consume } = createLimiter();
    const random = createRandom(seed);
    const allowedAt: number[] = [];
    let now = 0;
    for (let i = 0; i < 3_000; i++) {
      // Gaps are zero, short, or sometimes longer than a minute. Some end exactly when the oldest request expires.
      const oldest = allowedAt.at(-limit) ?? now;
      const gap = random() < 0.3 ? 0 : random() < 0.02 ? 61_000 : Math.floor(random() * maxGapMs);
      const step = random() < 0.05 ? Math.max(0, oldest + RATE_WINDOW_MS - now - (random() < 0.5 ? 1 : 0)) : gap;
      now += step;
      advance(step);
      const cost = 1 + Math.floor(random() * maxCost);
      const inWindow = allowedAt.filter((at) => at > now - RATE_WINDOW_MS);
      const { isAllowed, remaining, resetMs, retryAfterMs } = consume(limit, cost);
      expect(isAllowed).toBe(inWindow.length + cost <= limit);
      if (isAllowed) for (let n = 0; n < cost; n++) allowedAt.push(now);
      const after = allowedAt.filter((at) => at > now - RATE_WINDOW_MS);
      expect(after.length).toBeLessThanOrEqual(limit);
      expect(remaining).toBe(limit - after.length);
      expect(resetMs).toBe((after[0] ?? 0) + RATE_WINDOW_MS - now);
      const lastToExpireAt = after[after.length + cost - limit - 1] ?? 0;
      expect(retryAfterMs).toBe(isAllowed ? 0 : lastToExpireAt + RATE_WINDOW_MS - now);
    }
    expect(allowedAt.length).toBeGreaterThan(limit);
  });

  it('allows a rejected request exactly at the reported retry time', () => {
    const { advance, consume } = createLimiter();
    consume(10, 4);
    advance(1_000);
    consume(10, 6);
    advance(500);
    const { isAllowed, retryAfterMs } = consume(10, 5);
    expect([isAllowed, retryAfterMs]).toEqual([false, 59_500]);
    advance(59_499);
    expect(consume(10, 5).isAllowed).toBe(false);
    advance(1);
    expect(consume(10, 5)).toEqual({ isAllowed: true, limit: 10, remaining: 5, resetMs: 60_000, retryAfterMs: 0 });
  });

  it('consumes a cost as a whole or not at all', () => {
    const { consume } = createLimiter();
    expect(consume(10, 8).remaining).toBe(2);
    expect(consume(10, 3)).toMatchObject({ isAllowed: false, remaining: 2 });
    expect(consume(10, 2)).toMatchObject({ isAllowed: true, remaining: 0 });
  });

  it('does not count rejected requests', () => {
    const { advance, consume } = createLimiter();
    consume(2, 2);
    advance(30_000);
    for (let i = 0; i < 100; i++) expect(consume(2).isAllowed).toBe(false);
    advance(30_000);
    expect(consume(2).isAllowed).toBe(true);
    expect(consume(2).isAllowed).toBe(true);
  });

  it('counts each key separately', () => {
    const { consume } = createLimiter();
    expect(consume(1, 1, 'one').isAllowed).toBe(true);
    expect(consume(1, 1, 'two').isAllowed).toBe(true);
    expect(consume(1, 1, 'one').isAllowed).toBe(false);
  });

  it('returns the status of a key without consuming a request', () => {
    const { advance, consume, peek } = createLimiter();
    expect(peek(3)).toEqual({ isAllowed: true, limit: 3, remaining: 3, resetMs: 0, retryAfterMs: 0 });
    consume(3);
    advance(1_000);
    consume(3);
    for (let i = 0; i < 5; i++) expect(peek(3)).toMatchObject({ remaining: 1, resetMs: 59_000 });
    consume(3);
    expect(peek(3).remaining).toBe(0);
    advance(60_000);
    expect(peek(3)).toMatchObject({ remaining: 3, resetMs: 0 });
  });

  it('accepts a limit that differs from call to call', () => {
    const { consume, peek } = createLimiter();
    consume(10, 10);
    expect(consume(5)).toMatchObject({ isAllowed: false, remaining: 0, limit: 5 });
    expect(peek(20).remaining).toBe(10);
    expect(consume(20, 10).isAllowed).toBe(true);
  });

  it.each([-3_600_000, 3_600_000])('still counts earlier requests when the wall clock changes by %i ms', (ms) => {
    const clock = createManualClock();
    const limiter = createMemoryRateLimiter(clock);
    for (let i = 0; i < 3; i++) expect(limiter.consume('key', 5)).toMatchObject({ isAllowed: true });
    clock.jump(ms);
    for (let i = 0; i < 2; i++) expect(limiter.consume('key', 5)).toMatchObject({ isAllowed: true });
    expect(limiter.consume('key', 5)).toMatchObject({ isAllowed: false, retryAfterMs: 60_000 });
    clock.advance(59_999);
    expect(limiter.consume('key', 5)).toMatchObject({ isAllowed: false });
    clock.advance(1);
    expect(limiter.consume('key', 5)).toMatchObject({ isAllowed: true, remaining: 4 });
  });

  it('enforces a limit of a million', () => {
    const { advance, consume } = createLimiter();
    expect(consume(1_000_000, 999_999).isAllowed).toBe(true);
    advance(1);
    expect(consume(1_000_000)).toMatchObject({ isAllowed: true, remaining: 0 });
    expect(consume(1_000_000)).toMatchObject({ isAllowed: false, retryAfterMs: 59_999 });
    advance(59_999);
    expect(consume(1_000_000)).toMatchObject({ isAllowed: true, remaining: 999_998 });
  });
});
