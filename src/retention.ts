import { trimEvents } from './conversations/trim-events.ts';
import type { Deps } from './deps.ts';
import { deleteExpiredSends } from './messages/idempotent-send.ts';
import { trimWebhooks } from './webhooks/trim-webhooks.ts';

const INTERVAL_MS = 60 * 60 * 1_000;

/**
 * Deletes data that is older than its retention period, at startup and then every hour. Each period is next to the
 * function that deletes.
 * @returns a function that stops it.
 */
export function startRetention(deps: Pick<Deps, 'db' | 'clock' | 'config' | 'background'>): () => void {
  const run = () => {
    deps.background.run('delete expired idempotency keys', () => deleteExpiredSends(deps));
    deps.background.run('delete expired events', (signal) => trimEvents(deps, signal));
    deps.background.run('delete expired webhook deliveries', (signal) => trimWebhooks(deps, signal));
  };
  run();
  const timer = setInterval(run, INTERVAL_MS);
  return () => clearInterval(timer);
}
