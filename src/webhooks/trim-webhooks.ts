import type { Deps } from '../deps.ts';
import { toTimestamp } from '../domain/time.ts';
import { deleteWebhookEventsBefore } from '../store/webhooks/events.ts';

const EVENTS_PER_TRANSACTION = 500;

/**
 * Deletes webhook events older than `EVENT_RETENTION_DAYS`, with their deliveries, in short transactions. Events with
 * due deliveries are kept.
 */
export async function trimWebhooks(
  { db, clock, config, background }: Pick<Deps, 'db' | 'clock' | 'config' | 'background'>,
  signal: AbortSignal,
): Promise<void> {
  if (config.eventRetentionMs === 0) return;
  const before = toTimestamp(clock.now() - config.eventRetentionMs);
  let isMore = true;
  while (isMore && !signal.aborted && !background.isDraining) {
    const deleted = await db.transaction((trx) => deleteWebhookEventsBefore(trx, before, EVENTS_PER_TRANSACTION));
    isMore = deleted === EVENTS_PER_TRANSACTION;
  }
}
