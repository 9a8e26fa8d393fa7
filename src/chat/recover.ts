import type { Message } from '../domain/entities.ts';
import { toTimestamp } from '../domain/time.ts';
import { tryLockConversation } from '../store/conversations.ts';
import type { LoggedEvent } from '../store/events.ts';
import { listLostReplies, listStalledReplies } from '../store/open-replies.ts';
import { type GenerateDeps, startGenerating } from './generate.ts';
import { publishEvents } from './live-answers.ts';
import { startNext, storeEnding } from './turns.ts';

const REPLIES_PER_TRANSACTION = 50;

/**
 * Sorts out what processes that are gone left open. A reply that was being written becomes INTERRUPTED with what was
 * saved of it: whether anyone has seen more of it nobody knows, so it is not written anew. The first that waits in each
 * conversation where none is being written is taken up here. What another process sorts out at this moment is left to it.
 */
export async function recoverReplies(deps: GenerateDeps): Promise<void> {
  while (await recoverSome(deps));
}

/** Returns whether there may be more. */
async function recoverSome(deps: GenerateDeps): Promise<boolean> {
  const { db, bus, clock, node, background } = deps;
  const lost = await listLostReplies(db.read, REPLIES_PER_TRANSACTION);
  const stalled = await listStalledReplies(db.read, REPLIES_PER_TRANSACTION);
  if (lost.length === 0 && stalled.length === 0) return false;
  const at = toTimestamp(clock.now());
  const { events, started, count } = await db.transaction(async (trx) => {
    const events: LoggedEvent[] = [];
    const started: Message[] = [];
    let count = 0;
    for (const reply of [...lost, ...stalled]) {
      if (!(await tryLockConversation(trx, reply.accountId, reply.conversationId))) continue;
      if (reply.status === 'STREAMING') {
        const broken = { status: 'INTERRUPTED', finishReason: 'ABORTED', usage: null, error: null } as const;
        const ended = await storeEnding(trx, reply, { ...reply, ...broken, completedAt: at });
        events.push(...ended);
        count += ended.length;
      }
      if (background.isDraining) continue;
      const { next, events: told } = await startNext(trx, reply, { at, nodeId: node.id });
      events.push(...told);
      if (next === undefined) continue;
      started.push(next);
      count++;
    }
    return { events, started, count };
  });
  publishEvents(bus, events);
  for (const next of started) startGenerating(deps, next);
  return count >= REPLIES_PER_TRANSACTION;
}
