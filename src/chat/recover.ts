import { toTimestamp } from '../domain/time.ts';
import { endMessage, listAllOpenReplies, startReply } from '../store/messages.ts';
import { releaseReply } from '../store/usage.ts';
import { type GenerateDeps, startGenerating } from './generate.ts';

/**
 * Sorts out what an earlier process left open; for the start, when nobody else can be writing. A reply that was being
 * written becomes INTERRUPTED with what was saved of it; the first that waits in each conversation is taken up.
 */
export async function recoverReplies(deps: GenerateDeps): Promise<void> {
  const taken = await deps.db.transaction(async (trx) => {
    const open = await listAllOpenReplies(trx);
    const completedAt = toTimestamp(deps.clock.now());
    for (const reply of open.filter(({ status }) => status === 'STREAMING')) {
      await endMessage(trx, reply.accountId, {
        ...reply,
        status: 'INTERRUPTED',
        finishReason: 'ABORTED',
        usage: null,
        error: null,
        completedAt,
      });
      if (reply.content === '') await releaseReply(trx, reply.accountId, reply.createdAt.slice(0, 7));
    }
    const firstWaiting = new Map(
      open
        .filter(({ status }) => status === 'QUEUED')
        .reverse()
        .map((reply) => [reply.conversationId, reply]),
    );
    for (const { accountId, id } of firstWaiting.values()) await startReply(trx, accountId, id);
    return [...firstWaiting.values()];
  });
  for (const reply of taken) startGenerating(deps, { ...reply, status: 'STREAMING' });
}
