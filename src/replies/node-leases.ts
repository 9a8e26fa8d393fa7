import type { Deps } from '../deps.ts';
import { deleteAllNodes, deleteExpiredNode, deleteNode, insertNode, listNodes } from '../store/cluster/nodes.ts';
import { resetAttempts } from '../store/open-replies.ts';
import { createNode } from './gateway-node.ts';
import { OWNERSHIP_LOST } from './live-replies.ts';

/** The dependencies of the functions in this file. */
type LeaseDeps = Pick<Deps, 'db' | 'node' | 'logger' | 'liveReplies'>;

/**
 * The time without a heartbeat after which a node's lease expires. Each node measures this time with its own clock, and
 * only while it can read the database. So clocks may differ, and no lease expires because the database was unavailable.
 */
const LEASE_MS = 12_000;

/**
 * Adds this node to the cluster; the caller must do this before the first reply. If the database is not shared, removes
 * all other nodes, because they must be dead.
 */
export async function joinCluster({ db, node }: Pick<Deps, 'db' | 'node'>): Promise<void> {
  await db.transaction(async (trx) => {
    if (!db.isShared) await deleteAllNodes(trx);
    await insertNode(trx, node.id);
  });
}

/** Joins the cluster under a new id, because the other nodes have removed this one and ended its replies. */
export async function rejoinCluster(deps: LeaseDeps): Promise<void> {
  const { node, logger, liveReplies } = deps;
  logger.warn('the lease of this node has expired; other nodes have interrupted its replies');
  Object.assign(node, createNode());
  for (const reply of liveReplies.values()) reply.stop.abort(OWNERSHIP_LOST);
  await joinCluster(deps);
}

/** Removes this node, so that other nodes recover its unfinished replies at once. */
export async function leaveCluster({ db, node, logger }: LeaseDeps): Promise<void> {
  await db
    .transaction(async (trx) => {
      await resetAttempts(trx, node.id);
      await deleteNode(trx, node.id);
    })
    // If this fails, the other nodes remove this node when its lease has expired.
    .catch((error: unknown) => logger.error({ err: error }, 'cannot leave the cluster'));
}

/** The leases of the other nodes, as this node has observed them. */
export interface NodeLeases {
  /** Removes the other nodes whose leases have expired, so that their replies are recovered. */
  removeExpired(deps: LeaseDeps): Promise<void>;
}

/** Creates the record of leases, which the reply watcher checks at every heartbeat. */
export function createNodeLeases(): NodeLeases {
  /** The last heartbeat of each node, and when this node first read it. */
  const lastBeats = new Map<string, { readonly beat: number; readonly since: number }>();
  let checkedAt = performance.now();

  return {
    async removeExpired({ db, node, logger }) {
      const nodes = await listNodes(db.read);
      const now = performance.now();
      // After a long pause of this node, the other nodes may have paused too, and need time to send a heartbeat.
      if (now - checkedAt > LEASE_MS / 2) lastBeats.clear();
      checkedAt = now;
      const ids = new Set(nodes.map(({ id }) => id));
      for (const id of lastBeats.keys()) if (!ids.has(id)) lastBeats.delete(id);
      for (const other of nodes) {
        const last = lastBeats.get(other.id);
        if (last?.beat !== other.beat) lastBeats.set(other.id, { beat: other.beat, since: now });
        else if (now - last.since > LEASE_MS && other.id !== node.id) {
          logger.warn({ node: other.id }, 'the lease of a node has expired');
          await db.transaction((trx) => deleteExpiredNode(trx, other));
        }
      }
    },
  };
}
