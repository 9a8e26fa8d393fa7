import type { Deps } from '../deps.ts';
import { toTimestamp } from '../domain/time.ts';
import { listAllChatbotIds } from '../store/chatbots.ts';
import { deleteEventsBefore, listOldestEvents } from '../store/events.ts';

const INTERVAL_MS = 60 * 60 * 1_000;
const EVENTS_PER_TRANSACTION = 500;

/**
 * Forgets the events of all logs that are older than `EVENT_RETENTION_DAYS`, every hour and at the start; what they
 * told of stays. The newest event of a chatbot is always kept.
 * @returns a function that ends it.
 */
export function startTrimmingEvents(deps: Pick<Deps, 'db' | 'clock' | 'config' | 'background'>): () => void {
  const { eventRetentionMs } = deps.config;
  if (eventRetentionMs === 0) return () => {};
  const run = () => deps.background.run('trim events', (signal) => trimEvents(deps, signal));
  run();
  const timer = setInterval(run, INTERVAL_MS);
  return () => clearInterval(timer);
}

/** Forgets what is too old now, in short transactions. */
export async function trimEvents(
  { db, clock, config, background }: Pick<Deps, 'db' | 'clock' | 'config' | 'background'>,
  signal: AbortSignal,
): Promise<void> {
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
