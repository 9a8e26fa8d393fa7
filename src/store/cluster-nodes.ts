import type { Queryable } from './tables.ts';

/** A process that writes answers, and how often it has said that it lives. */
export interface Node {
  readonly id: string;
  readonly beat: number;
}

/** Writes a new node. */
export async function insertNode(trx: Queryable, id: string): Promise<void> {
  await trx.insertInto('nodes').values({ id, beat: 0 }).execute();
}

/** Says that a node lives: one statement, which needs no transaction. Returns whether the others still take it for alive. */
export async function renewLease(db: Queryable, id: string): Promise<boolean> {
  const result = await db
    .updateTable('nodes')
    .set((row) => ({ beat: row('beat', '+', 1) }))
    .where('id', '=', id)
    .executeTakeFirst();
  return result.numUpdatedRows === 1n;
}

/** All nodes that are not known to be dead. */
export async function listNodes(db: Queryable): Promise<Node[]> {
  return db.selectFrom('nodes').selectAll().execute();
}

/** Takes a node for dead, unless it has said in the meantime that it lives. */
export async function deleteNode(trx: Queryable, { id, beat }: Node): Promise<void> {
  await trx.deleteFrom('nodes').where('id', '=', id).where('beat', '=', beat).execute();
}

/** Takes a node off the list. */
export async function deleteNodeById(trx: Queryable, id: string): Promise<void> {
  await trx.deleteFrom('nodes').where('id', '=', id).execute();
}

/** Takes all nodes for dead. */
export async function deleteAllNodes(trx: Queryable): Promise<void> {
  await trx.deleteFrom('nodes').execute();
}
