import type { Deps } from '../deps.ts';
import { deleteAllNodes, deleteNode, deleteNodeById, insertNode, listNodes } from '../store/cluster-nodes.ts';
import { resetAttempts } from '../store/open-replies.ts';
import { createNode } from './gateway-node.ts';
import { OWNERSHIP_LOST } from './live-replies.ts';

/** What this file needs of the gateway. */
type LeaseDeps = Pick<Deps, 'db' | 'node' | 'logger' | 'liveReplies'>;

/**
 * How long a node lives without a heartbeat. Each node measures this with its own clock, and only while it can read the
 * database: so clocks may differ, and no lease expires because the database was away.
 */
const LEASE_MS = 12_000;

/**
 * Adds this node to the cluster; precedes the first reply. A node that has the database to itself removes all others, as
 * they must be dead.
 */
export async function joinCluster({ db, node }: Pick<Deps, 'db' | 'node'>): Promise<void> {
  await db.transaction(async (trx) => {
    if (!db.isShared) await deleteAllNodes(trx);
    await insertNode(trx, node.id);
  });
}

/** Joins the cluster under a new id: the other nodes have removed this one and ended its replies. */
export async function rejoinCluster(deps: LeaseDeps): Promise<void> {
  const { node, logger, liveReplies } = deps;
  logger.warn('the lease of this node has expired; other nodes have interrupted its replies');
  Object.assign(node, createNode());
  for (const reply of liveReplies.values()) reply.stop.abort(OWNERSHIP_LOST);
  await joinCluster(deps);
}

/** Removes this node, so that other nodes recover its queued replies at once. */
export async function leaveCluster({ db, node, logger }: LeaseDeps): Promise<void> {
  await db
    .transaction(async (trx) => {
      await resetAttempts(trx, node.id);
      await deleteNodeById(trx, node.id);
    })
    // Without this, the other nodes remove this one when its lease has expired.
    .catch((error: unknown) => logger.error({ err: error }, 'cannot leave the cluster'));
}

/** The leases of the other nodes, as this node has seen them. */
export interface NodeLeases {
  /** Removes the other nodes whose lease has expired: their replies are then recovered. */
  removeExpired(deps: LeaseDeps): Promise<void>;
}

/** Creates the record of leases; it is checked at every heartbeat. */
export function createNodeLeases(): NodeLeases {
  /** The last heartbeat of each node, and when this node first read it. */
  const lastBeats = new Map<string, { readonly beat: number; readonly since: number }>();
  let checkedAt = performance.now();

  return {
    async removeExpired({ db, node, logger }) {
      const nodes = await listNodes(db.read);
      const now = performance.now();
      // After a long pause of this node: the others may have been cut off as well, and need time to send a heartbeat.
      if (now - checkedAt > LEASE_MS / 2) lastBeats.clear();
      checkedAt = now;
      const ids = new Set(nodes.map(({ id }) => id));
      for (const id of lastBeats.keys()) if (!ids.has(id)) lastBeats.delete(id);
      for (const other of nodes) {
        const last = lastBeats.get(other.id);
        if (last?.beat !== other.beat) lastBeats.set(other.id, { beat: other.beat, since: now });
        else if (now - last.since > LEASE_MS && other.id !== node.id) {
          logger.warn({ node: other.id }, 'the lease of a node has expired');
          await db.transaction((trx) => deleteNode(trx, other));
        }
      }
    },
  };
}
