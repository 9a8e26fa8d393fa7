import type { Deps } from '../deps.ts';
import { forgetSends } from './send-once.ts';
import { trimEvents } from './trim-events.ts';
import { trimWebhooks } from './trim-webhooks.ts';

const INTERVAL_MS = 60 * 60 * 1_000;

/**
 * Forgets what is too old, every hour and at the start.
 * @returns a function that ends it.
 */
export function startTrimming(deps: Pick<Deps, 'db' | 'clock' | 'config' | 'background'>): () => void {
  const run = () => {
    deps.background.run('forget sends', () => forgetSends(deps));
    deps.background.run('trim events', (signal) => trimEvents(deps, signal));
    deps.background.run('trim webhooks', (signal) => trimWebhooks(deps, signal));
  };
  run();
  const timer = setInterval(run, INTERVAL_MS);
  return () => clearInterval(timer);
}
