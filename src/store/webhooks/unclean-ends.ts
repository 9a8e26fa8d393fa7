/** Counts how often a process ended while it attempted a delivery: the delivery may be the cause. */
import type { Selectable } from 'kysely';
import type { Queryable } from '../tables.ts';
import type { WebhookDeliveryRow } from './rows.ts';

/** After this many unclean ends, a process attempts the delivery alone. */
export const SUSPECTED_AFTER = 2;
/**
 * After this many unclean ends, the last of them while the delivery was attempted alone, no process attempts it again.
 */
export const MAX_UNCLEAN_ENDS = 3;

/**
 * Returns the unclean ends of unleased deliveries by id, including the end of the last leasing process if it is gone.
 */
export async function countUncleanEnds(
  trx: Queryable,
  rows: readonly Pick<Selectable<WebhookDeliveryRow>, 'id' | 'leased_by' | 'unclean_ends'>[],
): Promise<(id: string) => number> {
  const holders = rows.flatMap(({ leased_by }) => leased_by ?? []);
  const nodes = holders.length === 0 ? [] : await trx.selectFrom('nodes').select('id').execute();
  const alive = new Set(nodes.map(({ id }) => id));
  const ends = new Map(
    rows.map(({ id, leased_by, unclean_ends }) => {
      const hasLostHolder = leased_by !== null && !alive.has(leased_by);
      return [id, unclean_ends + (hasLostHolder ? 1 : 0)];
    }),
  );
  return (id) => ends.get(id) ?? 0;
}

/** Expires all leases, for a process that knows that no other is running; `leased_by` still names the node of each. */
export async function endAllLeases(trx: Queryable): Promise<void> {
  await trx
    .updateTable('webhook_deliveries')
    .set({ leased_until: null })
    .where('next_attempt_at', 'is not', null)
    .where('leased_until', 'is not', null)
    .execute();
}

/** Releases the deliveries that a node has claimed but not attempted. The node calls it when it ends cleanly. */
export async function releaseDeliveries(trx: Queryable, nodeId: string): Promise<void> {
  await trx
    .updateTable('webhook_deliveries')
    .set({ leased_by: null, leased_until: null })
    .where('next_attempt_at', 'is not', null)
    .where('leased_by', '=', nodeId)
    .execute();
}
