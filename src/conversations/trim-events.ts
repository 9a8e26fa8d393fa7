import type { Deps } from '../deps.ts';
import { type Timestamp, toTimestamp } from '../domain/time.ts';
import { listAllChatbotIds } from '../store/chatbots.ts';
import { deleteEventsBefore, listOldestEvents } from '../store/events.ts';

const EVENTS_PER_TRANSACTION = 500;

/**
 * Deletes the events of all logs that are older than `EVENT_RETENTION_DAYS`, in short transactions. The messages and leads
 * of these events stay, and so does the newest event of each chatbot.
 */
export async function trimEvents(
  { db, clock, config, background }: Pick<Deps, 'db' | 'clock' | 'config' | 'background'>,
  signal: AbortSignal,
): Promise<void> {
  if (config.eventRetentionMs === 0) return;
  const now = clock.now();
  const window = { before: toTimestamp(now - config.eventRetentionMs), now: toTimestamp(now) };
  for (const chatbotId of await listAllChatbotIds(db.read)) {
    let after: number | undefined = 0;
    while (after !== undefined && !signal.aborted && !background.isDraining) {
      after = await trimBatch(db, chatbotId, { ...window, after });
    }
  }
}

/**
 * Reads some events in the order of their numbers and deletes those up to the last that is too old. An event dated in the
 * future, by a clock that was set back since, counts as old as its neighbours.
 * @returns the number after which there may be more old events; undefined at the end.
 */
async function trimBatch(
  db: Deps['db'],
  chatbotId: string,
  { before, now, after }: { before: Timestamp; now: Timestamp; after: number },
): Promise<number | undefined> {
  // Reads one more than it checks, so that the newest event stays.
  const found = await listOldestEvents(db.read, { chatbotId, after }, EVENTS_PER_TRANSACTION + 1);
  const checked = found.slice(0, -1);
  const firstKept = checked.findIndex(({ at }) => at >= before && at <= now);
  const candidates = firstKept === -1 ? checked : checked.slice(0, firstKept);
  const lastOld = candidates.findLastIndex(({ at }) => at < before);
  const next = found[lastOld + 1];
  if (lastOld >= 0 && next) await db.transaction((trx) => deleteEventsBefore(trx, chatbotId, next.chatbotNumber));
  return firstKept === -1 && found.length > EVENTS_PER_TRANSACTION ? checked.at(-1)?.chatbotNumber : undefined;
}
