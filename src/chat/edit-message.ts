import { z } from 'zod';
import type { Viewer } from '../access/viewer.ts';
import type { Message } from '../domain/entities.ts';
import { metadataObject, parseInput, text } from '../domain/input.ts';
import { toTimestamp } from '../domain/time.ts';
import { showBranch } from '../store/branches.ts';
import { updateConversation } from '../store/conversations.ts';
import { enqueueEvents } from '../store/outbox.ts';
import { beginnerOf, beginReply, openReply, takeTurn, type WhenBusy } from './book-reply.ts';
import { findFork } from './fork.ts';
import type { GenerateDeps } from './generate.ts';
import { messageReceived } from './happenings.ts';
import { writeMessage } from './write-message.ts';

/** What to say instead, and of what. */
export interface EditMessageInput {
  readonly messageId: string;
  readonly content: string;
  /** Absent: that of the message that is edited. */
  readonly metadata?: unknown;
  /** Absent: `ENQUEUE`. */
  readonly whenBusy?: WhenBusy | null | undefined;
}

const rulesFor = (maxChars: number) => z.object({ content: text(1, maxChars), metadata: metadataObject.optional() });

/**
 * Asks a question in other words. The new question stands beside the old one with a reply of its own, and the
 * conversation shows them and no longer what followed the old one, which is kept.
 * @returns the new question and its reply; while a person answers, the hand-over message instead of a reply.
 * @throws InvalidInputError, also for a message that is not the visitor's, and see `findFork`; NotFoundError,
 * ChatbotPausedError, ConversationBusyError, QuotaExceededError, QueueFullError. Nothing is stored then.
 */
export async function editMessage(
  deps: GenerateDeps,
  viewer: Viewer,
  input: EditMessageInput,
): Promise<{ message: Message; reply: Message | null; notice: string | null }> {
  const { content, metadata } = parseInput(rulesFor(deps.config.maxMessageChars), { ...input });
  const now = deps.clock.now();
  const { message, reply, notice, turn, events } = await deps.db.transaction(async (trx) => {
    const fork = { role: 'USER', refusal: 'Only messages of the visitor can be edited.' } as const;
    const place = await findFork(trx, viewer, input.messageId, fork);
    const { message: old, conversation } = place;
    const turn = await takeTurn(trx, deps.config, place, { now, whenBusy: input.whenBusy });
    const at = toTimestamp(now);
    await updateConversation(trx, { ...conversation, unreadCount: conversation.unreadCount + 1, updatedAt: at });
    await showBranch(trx, viewer.accountId, conversation.id, old.parentId);
    const said = { role: 'USER', status: 'COMPLETED', parentId: old.parentId, content } as const;
    const asked = await writeMessage(trx, conversation, at, { ...said, metadata: metadata ?? old.metadata });
    const about = { accountId: viewer.accountId, chatbotId: conversation.chatbotId, at };
    await enqueueEvents(trx, about, [messageReceived(conversation, asked.message)]);
    const asker = { nodeId: beginnerOf(deps), apiKeyId: viewer.apiKeyId };
    const answer = turn && (await openReply(trx, conversation, { question: asked.message, turn, now, ...asker }));
    return {
      ...{ message: asked.message, reply: answer?.message ?? null, turn },
      events: [asked.event, ...(answer ? [answer.event] : [])],
      notice: turn ? null : place.chatbot.handoverMessage,
    };
  });
  beginReply(deps, { reply, turn, events });
  return { message, reply, notice };
}
