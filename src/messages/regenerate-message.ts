import { z } from 'zod';
import type { Viewer } from '../access/viewer.ts';
import type { Message } from '../domain/entities.ts';
import { requireFound } from '../domain/errors.ts';
import { clientIdText, parseInput } from '../domain/input.ts';
import { toTimestamp } from '../domain/time.ts';
import {
  type DispatchInput,
  dispatchReply,
  enqueueReply,
  nodeForNewReplies,
  type WhenBusy,
  writeReply,
} from '../replies/enqueue-reply.ts';
import type { GenerateDeps } from '../replies/generate.ts';
import { updateConversation } from '../store/conversations.ts';
import { findMessage } from '../store/messages.ts';
import { ownKey } from '../visitors/session-scope.ts';
import { createForkError, findForkPoint, requireForkable, showBranchBefore } from './fork.ts';
import { findRecordedSend, readEffectsToRepeat, recordSend } from './idempotent-send.ts';

/** The reply to regenerate. */
export interface RegenerateMessageInput {
  readonly id: string;
  /** Absent: `ENQUEUE`. */
  readonly whenBusy?: WhenBusy | null | undefined;
  /** The idempotency key: a repeated request returns the reply of the first request. */
  readonly clientMessageId?: string | null | undefined;
}

/** The new reply. */
export interface RegeneratedMessage {
  readonly reply: Message;
  /** Whether an earlier request with the same idempotency key has stored the reply. */
  readonly isReplay: boolean;
}

/** A committed regeneration, and the input for the steps that follow the commit. */
type CommittedRegeneration = DispatchInput & RegeneratedMessage;

const RULES = z.object({ clientMessageId: clientIdText.optional() });

/**
 * Generates another reply to the same user message, beside the old one. The conversation shows the new reply instead of
 * the old one and the messages after it, which are kept.
 * @returns the new reply.
 * @throws NotFoundError; InvalidInputError for a message that is not a reply of the chatbot, while a person answers,
 * and in the cases of `requireForkable`; IdempotencyConflictError, ChatbotPausedError, ConversationBusyError,
 * QuotaExceededError, QueueFullError. In these cases nothing is stored.
 */
export async function regenerateMessage(
  deps: GenerateDeps,
  viewer: Viewer,
  { id, whenBusy, clientMessageId }: RegenerateMessageInput,
): Promise<RegeneratedMessage> {
  const { clientMessageId: givenKey } = parseInput(RULES, { clientMessageId });
  const key = givenKey && ownKey(viewer, givenKey);
  const { accountId, apiKeyId } = viewer;
  const now = deps.clock.now();
  const committed = await deps.db.transaction(async (trx): Promise<CommittedRegeneration> => {
    const fork = await findForkPoint(trx, viewer, id);
    const { message: original, conversation } = fork;
    const scope = { chatbotId: conversation.chatbotId, operation: 'regenerateMessage' };
    const request = { messageId: original.id };
    const idempotentSend = key === undefined ? undefined : { scope: { ...scope, key }, request, now };
    const recordedId = idempotentSend && (await findRecordedSend(trx, accountId, idempotentSend));
    if (recordedId !== undefined) {
      const reply = requireFound('Message', await findMessage(trx, accountId, recordedId));
      return { reply, isReplay: true, ...(await readEffectsToRepeat(trx, conversation)) };
    }
    const roleError = 'Only replies of the chatbot can be regenerated.';
    await requireForkable(trx, fork, { role: 'ASSISTANT', roleError });
    const userMessage = requireFound('Message', await findMessage(trx, accountId, original.parentId ?? ''));
    const enqueued = await enqueueReply(trx, deps.config, fork, { viewer, now, whenBusy });
    if (enqueued === undefined) throw createForkError('A person has taken over the conversation; hand it back first.');
    const at = toTimestamp(now);
    await updateConversation(trx, { ...conversation, lastMessageAt: at, updatedAt: at });
    const branchEvents = await showBranchBefore(trx, fork, at);
    const origin = { nodeId: nodeForNewReplies(deps), apiKeyId, replacesId: original.id };
    const { message: reply, event } = await writeReply(trx, conversation, { userMessage, enqueued, now, ...origin });
    if (idempotentSend !== undefined) await recordSend(trx, accountId, idempotentSend, reply.id);
    return { reply, isReplay: false, enqueued, events: [...branchEvents, event] };
  });
  dispatchReply(deps, committed);
  return committed;
}
