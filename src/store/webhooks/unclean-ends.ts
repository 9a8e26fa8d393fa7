/** Which deliveries were being tried when processes were ended, and how often: a delivery may be what ends them. */
import type { Selectable } from 'kysely';
import type { Queryable } from '../tables.ts';
import type { WebhookDeliveryRow } from './rows.ts';

/** A delivery that was being tried at so many unclean ends is tried with no other beside it in its process. */
export const SUSPECTED_AFTER = 2;
/** It is not tried again after so many, the last of which it met alone. */
export const MAX_UNCLEAN_ENDS = 3;

/** The unclean ends of deliveries that nobody holds, with those of the processes that held them last and are gone. */
export async function countUncleanEnds(
  trx: Queryable,
  rows: readonly Pick<Selectable<WebhookDeliveryRow>, 'id' | 'leased_by' | 'unclean_ends'>[],
): Promise<(id: string) => number> {
  const holders = rows.flatMap(({ leased_by }) => leased_by ?? []);
  const nodes = holders.length === 0 ? [] : await trx.selectFrom('nodes').select('id').execute();
  const alive = new Set(nodes.map(({ id }) => id));
  const ends = new Map(
    rows.map(({ id, leased_by, unclean_ends }) => {
      const wasLost = leased_by !== null && !alive.has(leased_by);
      return [id, unclean_ends + (wasLost ? 1 : 0)];
    }),
  );
  return (id) => ends.get(id) ?? 0;
}

/** Ends all leases, for one who knows that nobody else is at any; who had them is remembered. */
export async function endAllLeases(trx: Queryable): Promise<void> {
  await trx
    .updateTable('webhook_deliveries')
    .set({ leased_until: null })
    .where('next_attempt_at', 'is not', null)
    .where('leased_until', 'is not', null)
    .execute();
}

/** Lets go of what a node has taken and not tried, as it comes to a clean end. */
export async function releaseDeliveries(trx: Queryable, nodeId: string): Promise<void> {
  await trx
    .updateTable('webhook_deliveries')
    .set({ leased_by: null, leased_until: null })
    .where('next_attempt_at', 'is not', null)
    .where('leased_by', '=', nodeId)
    .execute();
}
