import { setImmediate } from 'node:timers/promises';
import { conversationTopic, publishEvents } from '../coordination/topics.ts';
import type { Deps } from '../deps.ts';
import type { Message } from '../domain/entities.ts';
import { type Timestamp, toTimestamp } from '../domain/time.ts';
import { lockConversation } from '../store/conversations.ts';
import type { LoggedEvent } from '../store/events.ts';
import { findMessage } from '../store/messages.ts';
import { markStopRequested } from '../store/open-replies.ts';
import type { Queryable } from '../store/tables.ts';
import { storeReplyEnd } from './finish-reply.ts';

/** The maximum time that `stopReplies` waits for the node that generates a reply. */
const MAX_WAIT_MS = 5_000;
const POLL_INTERVAL_MS = 250;

/** The dependencies of stopping. */
export type StopDeps = Pick<Deps, 'db' | 'clock' | 'logger' | 'bus' | 'announcements' | 'liveReplies' | 'node'>;

/** Identifies a reply to stop. */
type ReplyKey = Pick<Message, 'id' | 'accountId' | 'conversationId'>;

/** The replies that a transaction has stopped or asked to stop. */
export interface StopRequest {
  /** The replies that are being generated: `stopReplies` stops them after the commit. */
  readonly repliesToStop: readonly Message[];
  readonly events: readonly LoggedEvent[];
}

const STOPPED = { status: 'STOPPED', finishReason: 'ABORTED', usage: null, error: null } as const;

/**
 * Stops replies of one conversation in the caller's transaction, which has locked the conversation. A queued reply
 * becomes STOPPED and gives its quota back. A reply that is being generated is marked in the database, so that its
 * node, or the node that recovers it, stops it within seconds even if this process crashes after the commit. A reply
 * that has ended is left unchanged.
 */
export async function requestStop(trx: Queryable, replies: readonly Message[], at: Timestamp): Promise<StopRequest> {
  const repliesToStop: Message[] = [];
  const events: LoggedEvent[] = [];
  for (const reply of replies) {
    if (reply.status === 'QUEUED') {
      events.push(...(await storeReplyEnd(trx, reply, { ...reply, ...STOPPED, completedAt: at })));
    } else if (reply.status === 'STREAMING') {
      await markStopRequested(trx, reply.accountId, reply.id);
      repliesToStop.push(reply);
    }
  }
  return { repliesToStop, events };
}

/**
 * Stops replies that are marked to stop. Resolves when their ends are stored, or after some seconds if they cannot be
 * stored; the reply watcher then ends the replies later.
 */
export async function stopReplies(deps: StopDeps, replies: readonly ReplyKey[]): Promise<void> {
  const stop = (reply: ReplyKey) =>
    stopReply(deps, reply).catch((err: unknown) =>
      deps.logger.warn({ err, messageId: reply.id }, 'cannot stop a reply; retrying'),
    );
  await Promise.all(replies.map(stop));
}

/**
 * Stops one reply. If this node generates the reply, but the generation does not store its end within 5 seconds, or if
 * no node generates it, this function stores the end. If another node generates the reply, this node notifies that node
 * and waits for up to 5 seconds; the other node also reads the mark in the database.
 */
async function stopReply(deps: StopDeps, reply: ReplyKey): Promise<void> {
  // The reply may have become STREAMING a moment ago, and not be in `liveReplies` yet.
  await setImmediate();
  const live = deps.liveReplies.get(reply.id);
  live?.stop.abort();
  if (live === undefined && deps.db.isShared && !deps.node.abandonedReplyIds.has(reply.id)) {
    deps.announcements.announce('stop', reply.id);
    await waitForEnd(deps, reply);
    return;
  }
  const isStored = await Promise.race([live?.ended.then(() => true), wait(live === undefined ? 0 : MAX_WAIT_MS)]);
  if (isStored !== true || deps.node.abandonedReplyIds.has(reply.id)) await storeStop(deps, reply);
}

/** Stores the end of a reply on behalf of the node that generates it, with the text that this node knows. */
export async function storeStop(deps: StopDeps, { id, accountId, conversationId }: ReplyKey): Promise<void> {
  const { db, bus, clock, liveReplies } = deps;
  const events = await db.transaction(async (trx) => {
    await lockConversation(trx, accountId, conversationId);
    const message = await findMessage(trx, accountId, id);
    if (message?.status !== 'STREAMING') return [];
    const { content, citations } = liveReplies.get(id) ?? message;
    const end = { ...message, content, citations, ...STOPPED, completedAt: toTimestamp(clock.now()) };
    return storeReplyEnd(trx, message, end);
  });
  publishEvents(bus, events);
}

async function waitForEnd({ db, bus }: StopDeps, { id, accountId, conversationId }: ReplyKey): Promise<void> {
  const deadline = performance.now() + MAX_WAIT_MS;
  while (performance.now() < deadline) {
    const change = Promise.withResolvers<void>();
    const unsubscribe = bus.subscribe(conversationTopic(conversationId), () => change.resolve());
    const timer = setTimeout(change.resolve, POLL_INTERVAL_MS);
    try {
      const message = await findMessage(db.read, accountId, id);
      if (message?.status !== 'STREAMING') return;
      await change.promise;
    } finally {
      clearTimeout(timer);
      unsubscribe();
    }
  }
}

const wait = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms).unref());
