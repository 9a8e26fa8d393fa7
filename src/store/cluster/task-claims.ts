import type { Queryable } from '../tables.ts';

/** A task that only one gateway at a time runs. */
export type ClaimedTask = 'embed-passages';

/**
 * Claims a task for a node, unless a living node has claimed it. A node that already has the claim keeps it. The claim
 * of a node that has crashed ends when the other nodes remove it: see `NodeLeases`.
 * @returns whether the node has the claim.
 */
export async function claimTask(trx: Queryable, task: ClaimedTask, nodeId: string): Promise<boolean> {
  const rows = await trx
    .insertInto('task_claims')
    .values({ task, node_id: nodeId })
    .onConflict((conflict) =>
      conflict
        .column('task')
        .doUpdateSet({ node_id: nodeId })
        .where((eb) =>
          eb.or([
            eb('task_claims.node_id', '=', nodeId),
            eb('task_claims.node_id', 'not in', eb.selectFrom('nodes').select('id')),
          ]),
        ),
    )
    .returning('task')
    .execute();
  return rows.length > 0;
}

/** Ends the claim of a node, so that another one can run the task at once. */
export async function releaseTask(trx: Queryable, task: ClaimedTask, nodeId: string): Promise<void> {
  await trx.deleteFrom('task_claims').where('task', '=', task).where('node_id', '=', nodeId).execute();
}
