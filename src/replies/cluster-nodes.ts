import type { Deps } from '../deps.ts';
import { deleteAllNodes, deleteNode, deleteNodeById, insertNode, listNodes } from '../store/cluster-nodes.ts';
import { findMessage } from '../store/messages.ts';
import { giveUpReplies, listRepliesOfNode, type OwnReply, resetAttempts } from '../store/open-replies.ts';
import { createNode } from './gateway-node.ts';
import { type GenerateDeps, startGenerating } from './generate.ts';
import { type Heartbeat, startHeartbeat } from './heartbeat.ts';
import { OWNERSHIP_LOST } from './live-replies.ts';
import { recoverReplies } from './recover.ts';
import { storeStop } from './stop-reply.ts';

/** How often a node sends a heartbeat, and checks its replies and the other nodes. */
const HEARTBEAT_INTERVAL_MS = 2_000;

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

/**
 * Checks every two seconds for open replies that no node generates, and recovers them: the replies of a dead node within 16
 * seconds of its death, replies whose end this node could not store or whose start it missed, and queued replies whose turn
 * has come. It stops replies that a client has asked to stop, or that were deleted. Where the database is shared, it also
 * sends the heartbeat of this node.
 * @returns a function that stops the watcher and leaves the cluster, so that other nodes recover queued replies at once.
 */
export function startReplyWatcher(deps: GenerateDeps): () => Promise<void> {
  const { db, logger, announcements } = deps;
  announcements.on('stop', (messageId) => abortGeneration(deps, messageId));
  const watcher: Watcher = {
    deps,
    heartbeat: db.isShared ? startHeartbeat(deps, HEARTBEAT_INTERVAL_MS) : undefined,
    lastBeats: new Map(),
    idleAtLastCheck: new Set(),
    checkedAt: performance.now(),
  };
  let checking: Promise<void> | undefined;
  let isFailing = false;
  const timer = setInterval(() => {
    checking ??= check(watcher)
      .then(() => {
        if (isFailing) logger.info('checking open replies again');
        isFailing = false;
      })
      .catch((error: unknown) => {
        // Logged once, however long the database is away.
        if (!isFailing) logger.error({ err: error }, 'cannot check open replies; retrying');
        isFailing = true;
      })
      .finally(() => {
        checking = undefined;
      });
  }, HEARTBEAT_INTERVAL_MS);
  return async () => {
    clearInterval(timer);
    await checking;
    watcher.heartbeat?.close();
    await leaveCluster(deps);
  };
}

/** The state that a node keeps between checks. */
interface Watcher {
  readonly deps: GenerateDeps;
  readonly heartbeat: Heartbeat | undefined;
  /** The last heartbeat of each node, and when this node first read it. */
  readonly lastBeats: Map<string, { readonly beat: number; readonly since: number }>;
  /** The replies of this node that it was not generating at the last check. */
  idleAtLastCheck: ReadonlySet<string>;
  checkedAt: number;
}

async function check(watcher: Watcher): Promise<void> {
  const { deps, heartbeat } = watcher;
  const { db, node, liveReplies } = deps;
  if (heartbeat && !(await heartbeat.send())) await rejoin(deps);
  await disownAbandoned(deps);
  const liveIds = [...liveReplies.keys()];
  const own = await listRepliesOfNode(db.read, node.id);
  // A reply that another node has ended, or that was deleted: its text cannot be stored any more.
  const ownIds = new Set(own.map(({ id }) => id));
  for (const id of liveIds) if (!ownIds.has(id)) liveReplies.get(id)?.stop.abort(OWNERSHIP_LOST);
  for (const { id, isAskedToStop } of own) if (isAskedToStop) abortGeneration(deps, id);
  await startMissedReplies(
    watcher,
    own.filter(({ id }) => !liveReplies.has(id)),
  );
  if (db.isShared) await removeExpiredNodes(watcher);
  await recoverReplies(deps);
}

function abortGeneration({ liveReplies }: GenerateDeps, messageId: string): void {
  liveReplies.get(messageId)?.stop.abort();
}

async function disownAbandoned({ db, node }: GenerateDeps): Promise<void> {
  const ids = [...node.abandoned];
  if (ids.length === 0) return;
  await db.transaction((trx) => giveUpReplies(trx, node.id, ids));
  for (const id of ids) node.abandoned.delete(id);
}

/**
 * Starts replies that belong to this node but are not being generated: the commit that assigned them succeeded, and its
 * confirmation was lost. Right after any commit the state looks the same, so only a reply that is idle at two checks counts.
 * A reply that a client has meanwhile asked to stop is ended.
 */
async function startMissedReplies(watcher: Watcher, idle: readonly OwnReply[]): Promise<void> {
  const { deps } = watcher;
  const missed = idle.filter(({ id }) => watcher.idleAtLastCheck.has(id));
  watcher.idleAtLastCheck = new Set(idle.map(({ id }) => id));
  for (const { accountId, id, isAskedToStop } of missed) {
    const reply = await findMessage(deps.db.read, accountId, id);
    if (reply?.status !== 'STREAMING') continue;
    if (isAskedToStop) await storeStop(deps, reply);
    else if (!deps.background.isDraining) startGenerating(deps, reply);
  }
}

/** Joins the cluster under a new id: the other nodes have removed this one and ended its replies. */
async function rejoin(deps: GenerateDeps): Promise<void> {
  const { node, logger, liveReplies } = deps;
  logger.warn('the lease of this node has expired; other nodes have interrupted its replies');
  Object.assign(node, createNode());
  for (const reply of liveReplies.values()) reply.stop.abort(OWNERSHIP_LOST);
  await joinCluster(deps);
}

/** Removes the other nodes whose lease has expired. */
async function removeExpiredNodes(watcher: Watcher): Promise<void> {
  const { lastBeats } = watcher;
  const { db, node, logger } = watcher.deps;
  const nodes = await listNodes(db.read);
  const now = performance.now();
  // After a long pause of this node: the others may have been cut off as well, and need time to send a heartbeat.
  if (now - watcher.checkedAt > LEASE_MS / 2) lastBeats.clear();
  watcher.checkedAt = now;
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
}

async function leaveCluster({ db, node, logger }: GenerateDeps): Promise<void> {
  await db
    .transaction(async (trx) => {
      await resetAttempts(trx, node.id);
      await deleteNodeById(trx, node.id);
    })
    // Without this, the other nodes remove this one when its lease has expired.
    .catch((error: unknown) => logger.error({ err: error }, 'cannot leave the cluster'));
}
