import { toTimestamp } from '../domain/time.ts';
import { lockConversation } from '../store/conversations.ts';
import { listAllOpenReplies } from '../store/messages.ts';
import { type GenerateDeps, startGenerating } from './generate.ts';
import { startNext, storeEnding } from './turns.ts';

/**
 * Sorts out what an earlier process left open; for the start, when nobody else can be writing. A reply that was being
 * written becomes INTERRUPTED with what was saved of it; the first that waits in each conversation is taken up.
 */
export async function recoverReplies(deps: GenerateDeps): Promise<void> {
  const at = toTimestamp(deps.clock.now());
  const taken = await deps.db.transaction(async (trx) => {
    for (const { accountId, conversationId } of await listAllOpenReplies(trx)) {
      await lockConversation(trx, accountId, conversationId);
    }
    const open = await listAllOpenReplies(trx);
    for (const reply of open.filter(({ status }) => status === 'STREAMING')) {
      const broken = { status: 'INTERRUPTED', finishReason: 'ABORTED', usage: null, error: null } as const;
      await storeEnding(trx, reply, { ...reply, ...broken, completedAt: at });
    }
    const conversations = new Map(open.map((reply) => [reply.conversationId, reply]));
    const started = [];
    for (const reply of conversations.values()) started.push(await startNext(trx, reply, at));
    return started;
  });
  for (const { next } of taken) if (next !== undefined) startGenerating(deps, next);
}
