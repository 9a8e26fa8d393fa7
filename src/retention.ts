import { trimEvents } from './conversations/trim-events.ts';
import type { Deps } from './deps.ts';
import { deleteExpiredIdempotencyKeys } from './messages/idempotent-send.ts';
import { trimSessions } from './visitors/trim-sessions.ts';
import { trimWebhooks } from './webhooks/trim-webhooks.ts';

const INTERVAL_MS = 60 * 60 * 1_000;

/**
 * Deletes data that is older than its retention period, at startup and then every hour. Each period is defined
 * next to the function that deletes the data.
 * @returns a function that stops the hourly runs.
 */
export function startRetention(deps: Pick<Deps, 'db' | 'clock' | 'config' | 'background'>): () => void {
  const deleteExpired = () => {
    deps.background.run('delete expired idempotency keys', () => deleteExpiredIdempotencyKeys(deps));
    deps.background.run('delete expired events', (signal) => trimEvents(deps, signal));
    deps.background.run('delete ended sessions', (signal) => trimSessions(deps, signal));
    deps.background.run('delete expired webhook deliveries', (signal) => trimWebhooks(deps, signal));
  };
  deleteExpired();
  const timer = setInterval(deleteExpired, INTERVAL_MS);
  return () => clearInterval(timer);
}
