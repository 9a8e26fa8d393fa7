import { toTimestamp } from '../domain/time.ts';
import { tryLockConversation } from '../store/conversations.ts';
import type { LoggedEvent } from '../store/events.ts';
import { listLostReplies, listStalledReplies } from '../store/messages.ts';
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
  const at = toTimestamp(clock.now());
  const { taken, count } = await db.transaction(async (trx) => {
    const events: LoggedEvent[] = [];
    const started = [];
    const lost = await listLostReplies(trx, REPLIES_PER_TRANSACTION);
    const stalled = await listStalledReplies(trx, REPLIES_PER_TRANSACTION);
    let count = 0;
    for (const reply of [...lost, ...stalled]) {
      const { accountId, conversationId } = reply;
      if (!(await tryLockConversation(trx, accountId, conversationId))) continue;
      if (reply.status === 'STREAMING') {
        const broken = { status: 'INTERRUPTED', finishReason: 'ABORTED', usage: null, error: null } as const;
        events.push(...(await storeEnding(trx, reply, { ...reply, ...broken, completedAt: at })));
        count++;
      }
      if (background.isDraining) continue;
      const { next, events: told } = await startNext(trx, reply, { at, nodeId: node.id });
      events.push(...told);
      if (next !== undefined) {
        started.push(next);
        count++;
      }
    }
    return { taken: { events, started }, count };
  });
  publishEvents(bus, taken.events);
  for (const next of taken.started) startGenerating(deps, next);
  return count >= REPLIES_PER_TRANSACTION;
}
