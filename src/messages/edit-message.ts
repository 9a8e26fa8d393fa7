import { z } from 'zod';
import type { Viewer } from '../access/viewer.ts';
import type { TargetInput } from '../conversations/conversation-target.ts';
import { messageReceived } from '../conversations/outbox-events.ts';
import { writeMessage } from '../conversations/write-message.ts';
import { clientIdText, metadataObject, parseInput, text } from '../domain/input.ts';
import { toTimestamp } from '../domain/time.ts';
import type { GenerateDeps } from '../replies/generate.ts';
import {
  type DispatchInput,
  dispatchReply,
  type EnqueuedReply,
  enqueueReply,
  nodeForNewReplies,
  writeReply,
} from '../replies/reply-queue.ts';
import { showBranch } from '../store/branches.ts';
import { updateConversation } from '../store/conversations.ts';
import type { Queryable } from '../store/tables.ts';
import { enqueueEvents } from '../store/webhooks/outbox.ts';
import { type Fork, findFork, requireFork } from './fork.ts';
import { findRecordedSend, type IdempotentSend, recordSend, repeatEffects } from './idempotent-send.ts';
import { readSentMessage, type SendMessageInput, type SentMessage } from './send-message.ts';

/** What to say instead, and of what. Without `metadata` the new message has that of the one that is edited. */
export interface EditMessageInput extends Omit<SendMessageInput, keyof TargetInput> {
  readonly messageId: string;
}

/** What was written instead: the question, and the reply that will be. */
export type EditedMessage = Omit<SentMessage, 'conversation'>;

/** What an edit did, and what follows its commit. */
interface Editing extends Omit<DispatchInput, 'reply'> {
  readonly edited: EditedMessage;
}

const rulesFor = (maxChars: number) =>
  z.object({
    content: text(1, maxChars),
    metadata: metadataObject.optional(),
    clientMessageId: clientIdText.optional(),
  });

type Given = z.output<ReturnType<typeof rulesFor>>;

/**
 * Asks a question in other words. The new question stands beside the old one with a reply of its own, and the
 * conversation shows them and no longer what followed the old one, which is kept.
 * @returns the new question and its reply; while a person answers, the handoff message instead of a reply.
 * @throws InvalidInputError, also for a message that is not the visitor's, and see `requireFork`; NotFoundError,
 * IdempotencyConflictError, ChatbotPausedError, ConversationBusyError, QuotaExceededError, QueueFullError. Nothing is stored
 * then.
 */
export async function editMessage(deps: GenerateDeps, viewer: Viewer, input: EditMessageInput): Promise<EditedMessage> {
  const given = parseInput(rulesFor(deps.config.maxMessageChars), { ...input });
  const { accountId, apiKeyId } = viewer;
  const now = deps.clock.now();
  const { edited, ...after } = await deps.db.transaction(async (trx): Promise<Editing> => {
    const fork = await findFork(trx, viewer, input.messageId);
    const once = onceOf(fork, given, now);
    const earlier = once && (await findRecordedSend(trx, accountId, once));
    if (earlier !== undefined) {
      return { edited: await readSentMessage(trx, fork, earlier), ...(await repeatEffects(trx, fork.conversation)) };
    }
    await requireFork(trx, fork, { role: 'USER', refusal: 'Only messages of the visitor can be edited.' });
    const turn = await enqueueReply(trx, deps.config, fork, { now, whenBusy: input.whenBusy });
    const written = await write(trx, fork, given, { turn, now, nodeId: nodeForNewReplies(deps), apiKeyId });
    if (once !== undefined) await recordSend(trx, accountId, once, written.edited.userMessage.id);
    return { ...written, turn };
  });
  dispatchReply(deps, { reply: edited.reply, ...after });
  return edited;
}

/** What makes an edit the same: which message is edited, and to what. */
function onceOf(
  { message, conversation: { chatbotId } }: Fork,
  { clientMessageId: key, content, metadata }: Given,
  now: number,
): IdempotentSend | undefined {
  if (key === undefined) return undefined;
  const asked = { messageId: message.id, content, metadata: metadata && JSON.parse(metadata) };
  return { scope: { chatbotId, operation: 'editMessage', key }, asked, now };
}

async function write(
  trx: Queryable,
  { message: old, conversation, chatbot }: Fork,
  { content, metadata = old.metadata }: Given,
  { turn, now, ...asker }: { turn: EnqueuedReply | undefined; now: number; nodeId: string | null; apiKeyId: string },
): Promise<Omit<Editing, 'turn'>> {
  const { accountId, id, chatbotId, unreadCount } = conversation;
  const at = toTimestamp(now);
  await updateConversation(trx, { ...conversation, unreadCount: unreadCount + 1, updatedAt: at });
  await showBranch(trx, accountId, id, old.parentId);
  const said = { role: 'USER', status: 'COMPLETED', parentId: old.parentId, content, metadata } as const;
  const { message, event } = await writeMessage(trx, conversation, at, said);
  await enqueueEvents(trx, { accountId, chatbotId, at }, [messageReceived(conversation, message)]);
  const reply = turn && (await writeReply(trx, conversation, { question: message, turn, now, ...asker }));
  return {
    edited: { userMessage: message, reply: reply?.message ?? null, notice: turn ? null : chatbot.handoffMessage },
    events: [event, ...(reply ? [reply.event] : [])],
  };
}
