import { sql } from 'kysely';
import type { Timestamp } from '../../domain/time.ts';
import type { Database } from '../database.ts';

const BATCH_SIZE = 200;

/**
 * Ends the waits for a person in the conversations of every account whose chatbots answer again, in short transactions.
 * A conversation that is locked waits for the next call. Uses `conversations_no_longer_waiting`.
 */
export async function endWaits(db: Database, now: Timestamp, signal: AbortSignal): Promise<void> {
  let ended = BATCH_SIZE;
  while (ended === BATCH_SIZE && !signal.aborted) {
    ended = await db.transaction(async (trx) => {
      const rows = await trx
        .selectFrom('conversations')
        .select('id')
        .where('waiting_since', 'is not', null)
        .where(sql<boolean>`status <> 'ESCALATED'`)
        .where('silent_until', '<=', now)
        .limit(BATCH_SIZE)
        .forNoKeyUpdate()
        .skipLocked()
        .execute();
      const ids = rows.map(({ id }) => id);
      if (ids.length > 0) {
        await trx.updateTable('conversations').set({ waiting_since: null }).where('id', 'in', ids).execute();
      }
      return ids.length;
    });
  }
}
