import type { Deps } from '../deps.ts';
import { toTimestamp } from '../domain/time.ts';
import { deleteEndedState } from '../store/visitors/access-state.ts';
import { deleteEndedSessions } from '../store/visitors/session-tokens.ts';
import { deleteAbandonedVisitors } from '../store/visitors/visitors.ts';

const ROWS_PER_TRANSACTION = 500;
/** Longer than any token lives. */
const JOIN_LIFETIME_MS = 24 * 60 * 60 * 1_000;

/**
 * Deletes the sessions that can no longer be renewed, with their anonymous visitors who have never written, and the blocks
 * that have ended.
 */
export async function trimSessions(
  { db, clock, background }: Pick<Deps, 'db' | 'clock' | 'background'>,
  signal: AbortSignal,
): Promise<void> {
  const nowMs = clock.now();
  const now = toTimestamp(nowMs);
  await db.transaction((trx) => deleteEndedState(trx, { now, since: toTimestamp(nowMs - JOIN_LIFETIME_MS) }));
  let count = ROWS_PER_TRANSACTION;
  while (count === ROWS_PER_TRANSACTION && !signal.aborted && !background.isDraining) {
    count = await db.transaction(async (trx) => {
      const visitorIds = await deleteEndedSessions(trx, now, ROWS_PER_TRANSACTION);
      await deleteAbandonedVisitors(trx, visitorIds);
      return visitorIds.length;
    });
  }
}
