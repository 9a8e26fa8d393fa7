import type { Deps } from '../deps.ts';
import { type Timestamp, toTimestamp } from '../domain/time.ts';
import { listAllChatbotIds } from '../store/chatbots.ts';
import { deleteEventsBefore, listEventsOfAnyAccount } from '../store/events.ts';
import { trimChatbotDeletions } from '../store/logs/account-logs.ts';

const EVENTS_PER_TRANSACTION = 500;

/**
 * Deletes all logged events that are older than `EVENT_RETENTION_DAYS`, in short transactions. Keeps the messages and
 * leads of these events, and the newest event of each chatbot. Forgets the deletions of chatbots after the same time.
 */
export async function trimEvents(
  { db, clock, config, background }: Pick<Deps, 'db' | 'clock' | 'config' | 'background'>,
  signal: AbortSignal,
): Promise<void> {
  if (config.eventRetentionMs === 0) return;
  const now = clock.now();
  const dateRange = { before: toTimestamp(now - config.eventRetentionMs), now: toTimestamp(now) };
  for (const chatbotId of await listAllChatbotIds(db.read)) {
    let after: number | undefined = 0;
    while (after !== undefined && !signal.aborted && !background.isDraining) {
      after = await trimBatch(db, chatbotId, { ...dateRange, after });
    }
  }
  let count = EVENTS_PER_TRANSACTION;
  while (count === EVENTS_PER_TRANSACTION && !signal.aborted && !background.isDraining) {
    count = await db.transaction((trx) => trimChatbotDeletions(trx, dateRange.before, EVENTS_PER_TRANSACTION));
  }
}

/**
 * Reads a batch of events in the order of their numbers, and deletes the events up to the last one that is too old. An
 * event with a future date, from a clock that has since been set back, is treated as being as old as its neighbours.
 * @returns the event number after which there may be more old events; undefined if there are no more.
 */
async function trimBatch(
  db: Deps['db'],
  chatbotId: string,
  { before, now, after }: { before: Timestamp; now: Timestamp; after: number },
): Promise<number | undefined> {
  // Reads one event more than it checks, so that it never deletes the newest event.
  const events = await listEventsOfAnyAccount(db.read, { chatbotId, after }, EVENTS_PER_TRANSACTION + 1);
  const checked = events.slice(0, -1);
  const firstRecentIndex = checked.findIndex(({ at }) => at >= before && at <= now);
  const candidates = firstRecentIndex === -1 ? checked : checked.slice(0, firstRecentIndex);
  const lastOldIndex = candidates.findLastIndex(({ at }) => at < before);
  const oldestKept = events[lastOldIndex + 1];
  if (lastOldIndex >= 0 && oldestKept)
    await db.transaction((trx) => deleteEventsBefore(trx, chatbotId, oldestKept.chatbotNumber));
  return firstRecentIndex === -1 && events.length > EVENTS_PER_TRANSACTION ? checked.at(-1)?.chatbotNumber : undefined;
}
