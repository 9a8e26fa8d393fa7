import type { Queryable } from '../tables.ts';

/** A gateway that generates replies. */
export interface ClusterNode {
  readonly id: string;
  /** The number of heartbeats that it has sent. */
  readonly beat: number;
}

/** Inserts a new node. */
export async function insertNode(trx: Queryable, id: string): Promise<void> {
  await trx.insertInto('nodes').values({ id, beat: 0 }).execute();
}

/**
 * Sends a node's heartbeat, in one statement without a transaction.
 * @returns whether the node still has a row; without one, other gateways consider it dead.
 */
export async function sendHeartbeat(db: Queryable, id: string): Promise<boolean> {
  const result = await db
    .updateTable('nodes')
    .set((row) => ({ beat: row('beat', '+', 1) }))
    .where('id', '=', id)
    .executeTakeFirst();
  return result.numUpdatedRows === 1n;
}

/** All nodes that the gateways consider alive. */
export async function listNodes(db: Queryable): Promise<ClusterNode[]> {
  return db.selectFrom('nodes').selectAll().execute();
}

/** Deletes a node that is considered dead, unless it has sent another heartbeat since the caller read its `beat`. */
export async function deleteExpiredNode(trx: Queryable, { id, beat }: ClusterNode): Promise<void> {
  await trx.deleteFrom('nodes').where('id', '=', id).where('beat', '=', beat).execute();
}

/** Deletes a node, by its id. */
export async function deleteNode(trx: Queryable, id: string): Promise<void> {
  await trx.deleteFrom('nodes').where('id', '=', id).execute();
}

/** Deletes all nodes. */
export async function deleteAllNodes(trx: Queryable): Promise<void> {
  await trx.deleteFrom('nodes').execute();
}
