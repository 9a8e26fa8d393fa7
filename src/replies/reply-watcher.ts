import { findMessage } from '../store/messages.ts';
import { type AssignedReply, listAssignedReplies, unassignReplies } from '../store/open-replies.ts';
import { type GenerateDeps, startGenerating } from './generate.ts';
import { type Heartbeat, startHeartbeat } from './heartbeat.ts';
import { OWNERSHIP_LOST } from './live-replies.ts';
import { createNodeLeases, leaveCluster, type NodeLeases, rejoinCluster } from './node-leases.ts';
import { recoverReplies } from './recover.ts';
import { storeStop } from './stop-reply.ts';

/** How often a node sends a heartbeat, and checks its replies and the other nodes. */
const HEARTBEAT_INTERVAL_MS = 2_000;

/**
 * Checks every two seconds for open replies that no node is generating, and recovers them: the replies of a dead node
 * within 16 seconds of its death, replies whose end this node could not store or whose start it missed, and queued
 * replies that are next in their queue. It stops replies that a client has asked to stop or that were deleted. If the
 * database is shared, it also sends the heartbeat of this node.
 * @returns a function that stops the watcher and leaves the cluster, so that other nodes recover the unfinished replies
 * of this node at once.
 */
export function startReplyWatcher(deps: GenerateDeps): () => Promise<void> {
  const { db, logger, announcements } = deps;
  announcements.on('stop', (messageId) => abortGeneration(deps, messageId));
  const watcher: Watcher = {
    deps,
    heartbeat: db.isShared ? startHeartbeat(deps, HEARTBEAT_INTERVAL_MS) : undefined,
    leases: createNodeLeases(),
    idleIdsAtLastCheck: new Set(),
  };
  let checking: Promise<void> | undefined;
  let isFailing = false;
  const timer = setInterval(() => {
    checking ??= checkReplies(watcher)
      .then(() => {
        if (isFailing) logger.info('checking open replies again');
        isFailing = false;
      })
      .catch((error: unknown) => {
        // Logged once, however long the database is unavailable.
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
  readonly leases: NodeLeases;
  /** The ids of the replies that were assigned to this node at the last check, but not being generated. */
  idleIdsAtLastCheck: ReadonlySet<string>;
}

async function checkReplies(watcher: Watcher): Promise<void> {
  const { deps, heartbeat } = watcher;
  const { db, node, liveReplies } = deps;
  if (heartbeat && !(await heartbeat.send())) await rejoinCluster(deps);
  await releaseAbandonedReplies(deps);
  const liveIds = [...liveReplies.keys()];
  const ownReplies = await listAssignedReplies(db.read, node.id);
  const ownIds = new Set(ownReplies.map(({ id }) => id));
  // A live reply that is no longer assigned to this node was ended by another node, or deleted. Its text cannot be
  // stored.
  for (const id of liveIds) if (!ownIds.has(id)) liveReplies.get(id)?.stop.abort(OWNERSHIP_LOST);
  for (const { id, isStopRequested } of ownReplies) if (isStopRequested) abortGeneration(deps, id);
  await startMissedReplies(
    watcher,
    ownReplies.filter(({ id }) => !liveReplies.has(id)),
  );
  if (db.isShared) await watcher.leases.removeExpired(deps);
  await recoverReplies(deps);
}

function abortGeneration({ liveReplies }: GenerateDeps, messageId: string): void {
  liveReplies.get(messageId)?.stop.abort();
}

async function releaseAbandonedReplies({ db, node }: GenerateDeps): Promise<void> {
  const ids = [...node.abandonedReplyIds];
  if (ids.length === 0) return;
  await db.transaction((trx) => unassignReplies(trx, node.id, ids));
  for (const id of ids) node.abandonedReplyIds.delete(id);
}

/**
 * Starts replies that belong to this node but are not being generated, because the commit that assigned them succeeded
 * but its confirmation was lost. Right after any commit the state looks the same, so only replies that are idle at two
 * successive checks are started. A reply that a client has asked to stop in the meantime is ended instead.
 */
async function startMissedReplies(watcher: Watcher, idleReplies: readonly AssignedReply[]): Promise<void> {
  const { deps } = watcher;
  const missedReplies = idleReplies.filter(({ id }) => watcher.idleIdsAtLastCheck.has(id));
  watcher.idleIdsAtLastCheck = new Set(idleReplies.map(({ id }) => id));
  for (const { accountId, id, isStopRequested } of missedReplies) {
    const reply = await findMessage(deps.db.read, accountId, id);
    if (reply?.status !== 'STREAMING') continue;
    if (isStopRequested) await storeStop(deps, reply);
    else if (!deps.background.isDraining) startGenerating(deps, reply);
  }
}
