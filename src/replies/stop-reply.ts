import { setImmediate } from 'node:timers/promises';
import { conversationTopic, publishEvents } from '../coordination/topics.ts';
import type { Deps } from '../deps.ts';
import type { Message } from '../domain/entities.ts';
import { type Timestamp, toTimestamp } from '../domain/time.ts';
import { lockConversation } from '../store/conversations.ts';
import type { LoggedEvent } from '../store/events.ts';
import { findMessage } from '../store/messages.ts';
import { askReplyToStop } from '../store/open-replies.ts';
import type { Queryable } from '../store/tables.ts';
import { storeReplyEnd } from './finish-reply.ts';

/** How long the writer of a reply is waited for. */
const MAX_WAIT_MS = 5_000;
const LOOK_AGAIN_MS = 250;

/** What stopping needs. */
export type StopDeps = Pick<Deps, 'db' | 'clock' | 'logger' | 'bus' | 'announcements' | 'liveReplies' | 'node'>;

/** A reply that is stopped. */
type Stopped = Pick<Message, 'id' | 'accountId' | 'conversationId'>;

/** What was stopped in a transaction. */
export interface StopRequest {
  /** The replies that are being written and were asked to stop: for `stopReplies`, after the commit. */
  readonly stopping: readonly Message[];
  readonly events: readonly LoggedEvent[];
}

const STOPPED = { status: 'STOPPED', finishReason: 'ABORTED', usage: null, error: null } as const;

/**
 * Stops replies of one conversation in the caller's transaction, which holds it: one that waits is STOPPED and never begun,
 * and gives its quota back; one that is being written is asked to stop. That is stored, so it is obeyed whatever happens
 * after the commit: by its writer within seconds, or by the gateway that recovers the reply. One that has ended stays as
 * it is.
 */
export async function requestStop(trx: Queryable, replies: readonly Message[], at: Timestamp): Promise<StopRequest> {
  const stopping: Message[] = [];
  const events: LoggedEvent[] = [];
  for (const reply of replies) {
    if (reply.status === 'QUEUED') {
      events.push(...(await storeReplyEnd(trx, reply, { ...reply, ...STOPPED, completedAt: at })));
    } else if (reply.status === 'STREAMING') {
      await askReplyToStop(trx, reply.accountId, reply.id);
      stopping.push(reply);
    }
  }
  return { stopping, events };
}

/**
 * Makes replies that were asked to stop do so now, and resolves when their ends are stored, or after some seconds where
 * that cannot be: then the watcher for replies that nobody writes sees to it.
 */
export async function stopReplies(deps: StopDeps, replies: readonly Stopped[]): Promise<void> {
  const stop = (reply: Stopped) =>
    stopAnswer(deps, reply).catch((err: unknown) =>
      deps.logger.warn({ err, messageId: reply.id }, 'cannot end a reply that was asked to stop; trying again'),
    );
  await Promise.all(replies.map(stop));
}

/**
 * Stops one reply. Where this gateway writes it and cannot store the end within 5 seconds, or nobody writes it, its end is
 * stored here. Where another gateway writes it and cannot be reached, resolves after 5 seconds at most: that gateway will
 * see then that it was asked.
 */
async function stopAnswer(deps: StopDeps, reply: Stopped): Promise<void> {
  // Its turn may have begun a moment ago, and its run not yet.
  await setImmediate();
  const live = deps.liveReplies.get(reply.id);
  live?.stop.abort();
  if (live === undefined && deps.db.isShared && !deps.node.abandoned.has(reply.id)) {
    deps.announcements.announce('stop', reply.id);
    await waitForEnd(deps, reply);
    return;
  }
  const isStored = await Promise.race([live?.ended.then(() => true), wait(live === undefined ? 0 : MAX_WAIT_MS)]);
  if (isStored !== true || deps.node.abandoned.has(reply.id)) await storeStop(deps, reply);
}

/** Stores the end of a reply in place of its writer, with as much text as this gateway knows. */
export async function storeStop(deps: StopDeps, { id, accountId, conversationId }: Stopped): Promise<void> {
  const { db, bus, clock, liveReplies } = deps;
  const events = await db.transaction(async (trx) => {
    await lockConversation(trx, accountId, conversationId);
    const message = await findMessage(trx, accountId, id);
    if (message?.status !== 'STREAMING') return [];
    const { content, citations } = liveReplies.get(id) ?? message;
    const ending = { ...message, content, citations, ...STOPPED, completedAt: toTimestamp(clock.now()) };
    return storeReplyEnd(trx, message, ending);
  });
  publishEvents(bus, events);
}

async function waitForEnd({ db, bus }: StopDeps, { id, accountId, conversationId }: Stopped): Promise<void> {
  const until = performance.now() + MAX_WAIT_MS;
  while (performance.now() < until) {
    const news = Promise.withResolvers<void>();
    const leave = bus.subscribe(conversationTopic(conversationId), () => news.resolve());
    const timer = setTimeout(news.resolve, LOOK_AGAIN_MS);
    try {
      const message = await findMessage(db.read, accountId, id);
      if (message?.status !== 'STREAMING') return;
      await news.promise;
    } finally {
      clearTimeout(timer);
      leave();
    }
  }
}

const wait = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms).unref());
