import { setImmediate } from 'node:timers/promises';
import type { Deps } from '../deps.ts';
import type { Message } from '../domain/entities.ts';
import { findMessage } from '../store/messages.ts';
import { askReplyToStop } from '../store/open-replies.ts';
import { conversationTopic } from './live-answers.ts';

/** How long an answer that another process writes is waited for. */
const PATIENCE_MS = 5_000;
const LOOK_AGAIN_MS = 250;

/**
 * Stops an answer that is being written, and resolves when its end is stored; where another process writes it and cannot
 * be reached, after 5 seconds at most: it will see then that it was asked.
 */
export async function stopAnswer(
  deps: Pick<Deps, 'db' | 'bus' | 'announcements' | 'liveAnswers'>,
  reply: Pick<Message, 'id' | 'accountId' | 'conversationId'>,
): Promise<void> {
  // Its turn may have begun a moment ago, and its run not yet.
  await setImmediate();
  const live = deps.liveAnswers.get(reply.id);
  live?.stop.abort();
  if (live !== undefined || !deps.db.isShared) return live?.ended;
  await deps.db.transaction((trx) => askReplyToStop(trx, reply.accountId, reply.id));
  deps.announcements.announce('stop', reply.id);
  await waitForEnd(deps, reply);
}

async function waitForEnd(
  { db, bus }: Pick<Deps, 'db' | 'bus'>,
  { id, accountId, conversationId }: Pick<Message, 'id' | 'accountId' | 'conversationId'>,
): Promise<void> {
  const until = performance.now() + PATIENCE_MS;
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
