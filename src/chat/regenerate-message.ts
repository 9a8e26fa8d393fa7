import type { Viewer } from '../access/viewer.ts';
import type { Message } from '../domain/entities.ts';
import { requireFound } from '../domain/errors.ts';
import { toTimestamp } from '../domain/time.ts';
import { showBranch } from '../store/branches.ts';
import { updateConversation } from '../store/conversations.ts';
import { findMessage } from '../store/messages.ts';
import { beginnerOf, beginReply, openReply, takeTurn, type WhenBusy } from './book-reply.ts';
import { findFork, refuseFork } from './fork.ts';
import type { GenerateDeps } from './generate.ts';

/**
 * Answers the question of a reply once more. The new reply stands beside the old one, and the conversation shows it and
 * no longer what followed the old one.
 * @returns the new reply.
 * @throws NotFoundError; InvalidInputError for what is no reply of the chatbot's, while a person answers, and see
 * `findFork`; ChatbotPausedError,
 * ConversationBusyError, QuotaExceededError, QueueFullError. Nothing is stored then.
 */
export async function regenerateMessage(
  deps: GenerateDeps,
  viewer: Viewer,
  { messageId, whenBusy }: { messageId: string; whenBusy?: WhenBusy | null | undefined },
): Promise<Message> {
  const { accountId } = viewer;
  const now = deps.clock.now();
  const { reply, turn, events } = await deps.db.transaction(async (trx) => {
    const fork = { role: 'ASSISTANT', refusal: 'Only replies of the chatbot can be regenerated.' } as const;
    const place = await findFork(trx, viewer, messageId, fork);
    const { message: old, conversation } = place;
    const question = requireFound('Message', await findMessage(trx, accountId, old.parentId ?? ''));
    const turn = await takeTurn(trx, deps.config, place, { now, whenBusy });
    if (turn === undefined) throw refuseFork('A person has taken over the conversation; hand it back first.');
    await updateConversation(trx, { ...conversation, updatedAt: toTimestamp(now) });
    await showBranch(trx, accountId, conversation.id, question.id);
    const opened = await openReply(trx, conversation, {
      question,
      turn,
      now,
      nodeId: beginnerOf(deps),
      apiKeyId: viewer.apiKeyId,
    });
    return { reply: opened.message, turn, events: [opened.event] };
  });
  beginReply(deps, { reply, turn, events });
  return reply;
}
