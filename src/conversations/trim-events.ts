import type { Deps } from '../deps.ts';
import { type Timestamp, toTimestamp } from '../domain/time.ts';
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
 * Looks at some events in the order of their numbers, and forgets those up to the last that is too old: one that is dated
 * in the future, by a clock that was set back since, is as old as those around it.
 * @returns the number after which there may be more.
 */
async function trimBatch(
  db: Deps['db'],
  chatbotId: string,
  { before, now, after }: { before: Timestamp; now: Timestamp; after: number },
): Promise<number | undefined> {
  // One more than is looked at, so that the newest stays.
  const found = await listOldestEvents(db.read, { chatbotId, after }, EVENTS_PER_TRANSACTION + 1);
  const looked = found.slice(0, -1);
  const young = looked.findIndex(({ at }) => at >= before && at <= now);
  const candidates = young === -1 ? looked : looked.slice(0, young);
  const old = candidates.findLastIndex(({ at }) => at < before);
  const next = found[old + 1];
  if (old >= 0 && next) await db.transaction((trx) => deleteEventsBefore(trx, chatbotId, next.chatbotNumber));
  return young === -1 && found.length > EVENTS_PER_TRANSACTION ? looked.at(-1)?.chatbotNumber : undefined;
}
