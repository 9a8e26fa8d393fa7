import type { Deps } from '../deps.ts';
import { deleteAllNodes, deleteNode, deleteNodeById, insertNode, listNodes } from '../store/cluster-nodes.ts';
import { findMessage } from '../store/messages.ts';
import { disownReplies, forgetAttempts, listRepliesOfNode, type OwnReply } from '../store/open-replies.ts';
import { createNode } from './gateway-node.ts';
import { type GenerateDeps, startGenerating } from './generate.ts';
import { type Heartbeat, startHeartbeat } from './heartbeat.ts';
import { OWNERSHIP_LOST } from './live-replies.ts';
import { recoverReplies } from './recover.ts';
import { storeStop } from './stop-reply.ts';

/** How often a node says that it lives, and looks after the others. */
const BEAT_MS = 2_000;

/**
 * After so long without a word a node is dead. It is the one who watches that counts, by its own clock and only while it
 * can look: so clocks may differ, and nobody is dead because the database was away.
 */
const LEASE_MS = 12_000;

/** Joins the nodes; comes before any answer is begun. Whoever holds the database alone knows that all others are dead. */
export async function joinCluster({ db, node }: Pick<Deps, 'db' | 'node'>): Promise<void> {
  await db.transaction(async (trx) => {
    if (!db.isShared) await deleteAllNodes(trx);
    await insertNode(trx, node.id);
  });
}

/**
 * Watches every two seconds for replies that nobody writes, and recovers them: what a dead node has left open, at the
 * latest 16 seconds after its death, what this node has given up or should write without knowing, and queued replies
 * whose turn has come. What is written here and was asked to stop or was deleted is stopped. Where the database is shared,
 * it also tells the other nodes that this one lives.
 * @returns a function that ends it and leaves: what waits here is taken up by the others at once.
 */
export function startReplyWatcher(deps: GenerateDeps): () => Promise<void> {
  const { db, logger, announcements } = deps;
  announcements.on('stop', (messageId) => stopReply(deps, messageId));
  const watch: Watch = {
    deps,
    heartbeat: db.isShared ? startHeartbeat(deps, BEAT_MS) : undefined,
    seen: new Map(),
    idleBefore: new Set(),
    lookedAt: performance.now(),
  };
  let looking: Promise<void> | undefined;
  let isFailing = false;
  const timer = setInterval(() => {
    looking ??= look(watch)
      .then(() => {
        if (isFailing) logger.info('watching for replies that nobody writes again');
        isFailing = false;
      })
      .catch((error: unknown) => {
        // Once, however long the database is away.
        if (!isFailing) logger.error({ err: error }, 'cannot watch for replies that nobody writes; trying again');
        isFailing = true;
      })
      .finally(() => {
        looking = undefined;
      });
  }, BEAT_MS);
  return async () => {
    clearInterval(timer);
    await looking;
    watch.heartbeat?.close();
    await leaveNodes(deps);
  };
}

/** What a node remembers from one look to the next. */
interface Watch {
  readonly deps: GenerateDeps;
  readonly heartbeat: Heartbeat | undefined;
  /** The last heartbeat of each node, and since when it is the last. */
  readonly seen: Map<string, { readonly beat: number; readonly since: number }>;
  /** The replies of this node that nobody wrote at the last look. */
  idleBefore: ReadonlySet<string>;
  lookedAt: number;
}

async function look(watch: Watch): Promise<void> {
  const { deps, heartbeat } = watch;
  const { db, node, liveReplies } = deps;
  if (heartbeat && !(await heartbeat.beat())) await rejoin(deps);
  await disownAbandoned(deps);
  const written = [...liveReplies.keys()];
  const own = await listRepliesOfNode(db.read, node.id);
  // Ended by another, or deleted: whatever is written of it has nowhere to go.
  const ownIds = new Set(own.map(({ id }) => id));
  for (const id of written) if (!ownIds.has(id)) liveReplies.get(id)?.stop.abort(OWNERSHIP_LOST);
  for (const { id, isAskedToStop } of own) if (isAskedToStop) stopReply(deps, id);
  await beginForgotten(
    watch,
    own.filter(({ id }) => !liveReplies.has(id)),
  );
  if (db.isShared) await removeExpiredNodes(watch);
  await recoverReplies(deps);
}

function stopReply({ liveReplies }: GenerateDeps, messageId: string): void {
  liveReplies.get(messageId)?.stop.abort();
}

async function disownAbandoned({ db, node }: GenerateDeps): Promise<void> {
  const ids = [...node.abandoned];
  if (ids.length === 0) return;
  await db.transaction((trx) => disownReplies(trx, node.id, ids));
  for (const id of ids) node.abandoned.delete(id);
}

/**
 * Begins replies that are this node's and that nobody writes: the commit that gave them to it was done, and the answer to
 * it lost. Just after any commit it looks the same, so only what is found twice is one of them. One that was asked to stop
 * meanwhile is ended.
 */
async function beginForgotten(watch: Watch, idle: readonly OwnReply[]): Promise<void> {
  const { deps } = watch;
  const forgotten = idle.filter(({ id }) => watch.idleBefore.has(id));
  watch.idleBefore = new Set(idle.map(({ id }) => id));
  for (const { accountId, id, isAskedToStop } of forgotten) {
    const reply = await findMessage(deps.db.read, accountId, id);
    if (reply?.status !== 'STREAMING') continue;
    if (isAskedToStop) await storeStop(deps, reply);
    else if (!deps.background.isDraining) startGenerating(deps, reply);
  }
}

/** Joins anew as another node: the others have ended what was written here. */
async function rejoin(deps: GenerateDeps): Promise<void> {
  const { node, logger, liveReplies } = deps;
  logger.warn('other nodes took this one for dead; its answers were interrupted');
  Object.assign(node, createNode());
  for (const answer of liveReplies.values()) answer.stop.abort(OWNERSHIP_LOST);
  await joinCluster(deps);
}

/** Removes the other nodes whose lease has expired. */
async function removeExpiredNodes(watch: Watch): Promise<void> {
  const { seen } = watch;
  const { db, node, logger } = watch.deps;
  const nodes = await listNodes(db.read);
  const now = performance.now();
  // The others may have been cut off as well, and need time to say that they live.
  if (now - watch.lookedAt > LEASE_MS / 2) seen.clear();
  watch.lookedAt = now;
  const ids = new Set(nodes.map(({ id }) => id));
  for (const id of seen.keys()) if (!ids.has(id)) seen.delete(id);
  for (const other of nodes) {
    const known = seen.get(other.id);
    if (known?.beat !== other.beat) seen.set(other.id, { beat: other.beat, since: now });
    else if (now - known.since > LEASE_MS && other.id !== node.id) {
      logger.warn({ node: other.id }, 'a node is dead');
      await db.transaction((trx) => deleteNode(trx, other));
    }
  }
}

async function leaveNodes({ db, node, logger }: GenerateDeps): Promise<void> {
  await db
    .transaction(async (trx) => {
      await forgetAttempts(trx, node.id);
      await deleteNodeById(trx, node.id);
    })
    // They find out by themselves.
    .catch((error: unknown) => logger.error({ err: error }, 'cannot leave the other nodes'));
}
