import { expect, vi } from 'vitest';
import type { TestGateway } from './gateway.ts';
import { yieldToEventLoop } from './random.ts';

/** The open resources of this process, which runs the gateway and its clients. */
export interface Resources {
  readonly sockets: number;
  /** The timers that keep the process alive. */
  readonly timers: number;
}

const SETTLE_MS = 5_000;
/** The maximum time to close a gateway; a gateway that waits for a client takes several seconds. */
const CLOSE_MS = 1_500;

/** Counts the sockets and timers that are open now. */
export function countResources(): Resources {
  const open = process.getActiveResourcesInfo();
  const count = (name: string) => open.filter((resource) => resource === name).length;
  return { sockets: count('TCPSocketWrap'), timers: count('Timeout') };
}

/**
 * Checks that no client is served and no work is in progress, that the gateway closes without a wait, and that no more
 * sockets and timers are open than `before` the gateway started.
 */
export async function expectNoLeaks({ deps, close }: TestGateway, before: Resources): Promise<void> {
  const { bus, liveReplies, background, metrics } = deps;
  await vi.waitFor(async () => {
    expect([bus.size, liveReplies.size, background.size]).toEqual([0, 0, 0]);
    const gauges = await Promise.all([metrics.sockets.get(), metrics.activeAnswers.get()]);
    expect(gauges.flatMap(({ values }) => values.map(({ value }) => value))).toEqual([0, 0]);
  });
  const startedAt = performance.now();
  await close();
  expect(performance.now() - startedAt).toBeLessThan(CLOSE_MS);
  // This loop uses no timer, because the timer would be counted.
  const deadline = performance.now() + SETTLE_MS;
  let now = countResources();
  while ((now.sockets > before.sockets || now.timers > before.timers) && performance.now() < deadline) {
    await yieldToEventLoop(1);
    now = countResources();
  }
  expect(now.sockets).toBeLessThanOrEqual(before.sockets);
  expect(now.timers).toBeLessThanOrEqual(before.timers);
}
