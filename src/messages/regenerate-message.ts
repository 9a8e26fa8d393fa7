import { z } from 'zod';
import type { Viewer } from '../access/viewer.ts';
import type { Message } from '../domain/entities.ts';
import { requireFound } from '../domain/errors.ts';
import { clientIdText, parseInput } from '../domain/input.ts';
import { toTimestamp } from '../domain/time.ts';
import type { GenerateDeps } from '../replies/generate.ts';
import {
  type DispatchInput,
  dispatchReply,
  enqueueReply,
  nodeForNewReplies,
  type WhenBusy,
  writeReply,
} from '../replies/reply-queue.ts';
import { showBranch } from '../store/branches.ts';
import { updateConversation } from '../store/conversations.ts';
import { findMessage } from '../store/messages.ts';
import { findFork, refuseFork, requireFork } from './fork.ts';
import { findRecordedSend, recordSend, repeatEffects } from './idempotent-send.ts';

/** What to answer once more. */
export interface RegenerateMessageInput {
  readonly messageId: string;
  /** Absent: `ENQUEUE`. */
  readonly whenBusy?: WhenBusy | null | undefined;
  /** The same id regenerates once: the second time the first answer is given again. */
  readonly clientMessageId?: string | null | undefined;
}

/** What was opened, and what follows its commit. */
interface Regenerating extends DispatchInput {
  readonly reply: Message;
}

const RULES = z.object({ clientMessageId: clientIdText.optional() });

/**
 * Answers the question of a reply once more. The new reply stands beside the old one, and the conversation shows it and
 * no longer what followed the old one.
 * @returns the new reply.
 * @throws NotFoundError; InvalidInputError for what is no reply of the chatbot's, while a person answers, and see
 * `requireFork`; IdempotencyConflictError, ChatbotPausedError, ConversationBusyError, QuotaExceededError, QueueFullError.
 * Nothing is stored then.
 */
export async function regenerateMessage(
  deps: GenerateDeps,
  viewer: Viewer,
  { messageId, whenBusy, clientMessageId }: RegenerateMessageInput,
): Promise<Message> {
  const { clientMessageId: key } = parseInput(RULES, { clientMessageId });
  const { accountId, apiKeyId } = viewer;
  const now = deps.clock.now();
  const opened = await deps.db.transaction(async (trx): Promise<Regenerating> => {
    const fork = await findFork(trx, viewer, messageId);
    const { message: old, conversation } = fork;
    const scope = { chatbotId: conversation.chatbotId, operation: 'regenerateMessage' };
    const once = key === undefined ? undefined : { scope: { ...scope, key }, asked: { messageId: old.id }, now };
    const earlier = once && (await findRecordedSend(trx, accountId, once));
    if (earlier !== undefined) {
      const reply = requireFound('Message', await findMessage(trx, accountId, earlier));
      return { reply, ...(await repeatEffects(trx, conversation)) };
    }
    await requireFork(trx, fork, { role: 'ASSISTANT', refusal: 'Only replies of the chatbot can be regenerated.' });
    const question = requireFound('Message', await findMessage(trx, accountId, old.parentId ?? ''));
    const turn = await enqueueReply(trx, deps.config, fork, { now, whenBusy });
    if (turn === undefined) throw refuseFork('A person has taken over the conversation; hand it back first.');
    await updateConversation(trx, { ...conversation, updatedAt: toTimestamp(now) });
    await showBranch(trx, accountId, conversation.id, question.id);
    const asker = { nodeId: nodeForNewReplies(deps), apiKeyId };
    const { message: reply, event } = await writeReply(trx, conversation, { question, turn, now, ...asker });
    if (once !== undefined) await recordSend(trx, accountId, once, reply.id);
    return { reply, turn, events: [event] };
  });
  dispatchReply(deps, opened);
  return opened.reply;
}
