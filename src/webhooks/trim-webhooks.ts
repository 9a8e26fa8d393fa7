import type { Deps } from '../deps.ts';
import { toTimestamp } from '../domain/time.ts';
import { deleteWebhookEventsBefore } from '../store/webhooks/events.ts';

const EVENTS_PER_TRANSACTION = 500;

/**
 * Deletes webhook events older than `EVENT_RETENTION_DAYS`, with their deliveries, in short transactions. Events with a
 * delivery that still has a next attempt are kept.
 */
export async function trimWebhooks(
  { db, clock, config, background }: Pick<Deps, 'db' | 'clock' | 'config' | 'background'>,
  signal: AbortSignal,
): Promise<void> {
  if (config.eventRetentionMs === 0) return;
  const before = toTimestamp(clock.now() - config.eventRetentionMs);
  let hasMore = true;
  while (hasMore && !signal.aborted && !background.isDraining) {
    const deleted = await db.transaction((trx) => deleteWebhookEventsBefore(trx, before, EVENTS_PER_TRANSACTION));
    hasMore = deleted === EVENTS_PER_TRANSACTION;
  }
}
