import type { Deps } from '../deps.ts';
import { toTimestamp } from '../domain/time.ts';
import { listAllChatbotIds } from '../store/chatbots.ts';
import { deleteEventsBefore, listOldestEvents } from '../store/events.ts';

const EVENTS_PER_TRANSACTION = 500;

/**
 * Forgets the events of all logs that are older than `EVENT_RETENTION_DAYS`, in short transactions; what they told of
 * stays. The newest event of a chatbot is always kept.
 */
export async function trimEvents(
  { db, clock, config, background }: Pick<Deps, 'db' | 'clock' | 'config' | 'background'>,
  signal: AbortSignal,
): Promise<void> {
  if (config.eventRetentionMs === 0) return;
  const before = toTimestamp(clock.now() - config.eventRetentionMs);
  for (const chatbotId of await listAllChatbotIds(db.read)) {
    let isMore = true;
    while (isMore && !signal.aborted && !background.isDraining) {
      // One more than is deleted, so that the newest stays.
      const oldest = await listOldestEvents(db.read, chatbotId, EVENTS_PER_TRANSACTION + 1);
      const kept = oldest.slice(0, -1).findIndex(({ at }) => at >= before);
      const first = oldest.at(kept)?.chatbotNumber ?? 0;
      if (kept !== 0 && oldest.length > 1) {
        await db.transaction((trx) => deleteEventsBefore(trx, chatbotId, first));
      }
      isMore = kept === -1 && oldest.length > EVENTS_PER_TRANSACTION;
    }
  }
}
