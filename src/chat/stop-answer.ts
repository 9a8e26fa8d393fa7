import { setImmediate } from 'node:timers/promises';
import type { Deps } from '../deps.ts';
import type { Message } from '../domain/entities.ts';
import { toTimestamp } from '../domain/time.ts';
import { lockConversation } from '../store/conversations.ts';
import { findMessage } from '../store/messages.ts';
import { askReplyToStop } from '../store/open-replies.ts';
import { conversationTopic, publishEvents } from './live-answers.ts';
import { storeEnding } from './turns.ts';

/** How long the writer of a reply is waited for. */
const MAX_WAIT_MS = 5_000;
const LOOK_AGAIN_MS = 250;

/** What stopping needs. */
export type StopDeps = Pick<Deps, 'db' | 'clock' | 'bus' | 'announcements' | 'liveAnswers' | 'node'>;

/** A reply that is stopped. */
type Stopped = Pick<Message, 'id' | 'accountId' | 'conversationId'>;

/**
 * Stops an answer that is being written, and resolves when its end is stored. Where this gateway writes it and cannot
 * store the end within 5 seconds, or nobody writes it, its end is stored here. Where another gateway writes it and cannot
 * be reached, resolves after 5 seconds at most: that gateway will see then that it was asked.
 */
export async function stopAnswer(deps: StopDeps, reply: Stopped): Promise<void> {
  // Its turn may have begun a moment ago, and its run not yet.
  await setImmediate();
  const live = deps.liveAnswers.get(reply.id);
  live?.stop.abort();
  if (live === undefined && deps.db.isShared && !deps.node.abandoned.has(reply.id)) {
    await deps.db.transaction((trx) => askReplyToStop(trx, reply.accountId, reply.id));
    deps.announcements.announce('stop', reply.id);
    await waitForEnd(deps, reply);
    return;
  }
  const isStored = await Promise.race([live?.ended.then(() => true), wait(live === undefined ? 0 : MAX_WAIT_MS)]);
  if (isStored !== true || deps.node.abandoned.has(reply.id)) await storeStop(deps, reply);
}

/** Stores the end of a reply in place of its writer, with as much text as this gateway knows. */
async function storeStop(deps: StopDeps, { id, accountId, conversationId }: Stopped): Promise<void> {
  const { db, bus, clock, liveAnswers } = deps;
  const events = await db.transaction(async (trx) => {
    await lockConversation(trx, accountId, conversationId);
    const message = await findMessage(trx, accountId, id);
    if (message?.status !== 'STREAMING') return [];
    const { content, citations } = liveAnswers.get(id) ?? message;
    const stopped = { status: 'STOPPED', finishReason: 'ABORTED', usage: null, error: null } as const;
    const ending = { ...message, content, citations, ...stopped, completedAt: toTimestamp(clock.now()) };
    return storeEnding(trx, message, ending);
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
