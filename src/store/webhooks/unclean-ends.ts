/**
 * Counts how many processes crashed while they attempted a delivery: the delivery may be the cause. A crash is any end
 * of a process without a clean shutdown. The column `unclean_ends` contains the number of crashes.
 */
import type { Selectable } from 'kysely';
import type { Queryable } from '../tables.ts';
import type { WebhookDeliveryRow } from './rows.ts';

/** After this many crashes, a delivery is suspected to crash processes, and is attempted alone. */
export const SUSPECTED_AFTER_CRASHES = 2;
/** After this many crashes, the last of them while the delivery was attempted alone, it is not attempted again. */
export const MAX_CRASHES = 3;

/**
 * Returns a function from the id of an unleased delivery to its number of crashes. The number includes the crash of the
 * process that held the last lease, if that process is gone.
 */
export async function countCrashes(
  trx: Queryable,
  rows: readonly Pick<Selectable<WebhookDeliveryRow>, 'id' | 'leased_by' | 'unclean_ends'>[],
): Promise<(id: string) => number> {
  const leaseHolders = rows.flatMap(({ leased_by }) => leased_by ?? []);
  const nodes = leaseHolders.length === 0 ? [] : await trx.selectFrom('nodes').select('id').execute();
  const alive = new Set(nodes.map(({ id }) => id));
  const crashes = new Map(
    rows.map(({ id, leased_by, unclean_ends }) => {
      const isHolderGone = leased_by !== null && !alive.has(leased_by);
      return [id, unclean_ends + (isHolderGone ? 1 : 0)];
    }),
  );
  return (id) => crashes.get(id) ?? 0;
}

/** Expires all leases. Called when no other process is running. `leased_by` still names the node of each lease. */
export async function expireAllLeases(trx: Queryable): Promise<void> {
  await trx
    .updateTable('webhook_deliveries')
    .set({ leased_until: null })
    .where('next_attempt_at', 'is not', null)
    .where('leased_until', 'is not', null)
    .execute();
}

/** Releases the deliveries that a node has claimed but not attempted. Called when the node shuts down cleanly. */
export async function releaseDeliveries(trx: Queryable, nodeId: string): Promise<void> {
  await trx
    .updateTable('webhook_deliveries')
    .set({ leased_by: null, leased_until: null })
    .where('next_attempt_at', 'is not', null)
    .where('leased_by', '=', nodeId)
    .execute();
}
