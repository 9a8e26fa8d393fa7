import { z } from 'zod';
import type { Viewer } from '../access/viewer.ts';
import type { TargetInput } from '../conversations/conversation-target.ts';
import { messageReceived } from '../conversations/outbox-events.ts';
import { writeMessage } from '../conversations/write-message.ts';
import { clientIdText, metadataObject, parseInput, text } from '../domain/input.ts';
import { toTimestamp } from '../domain/time.ts';
import {
  type DispatchInput,
  dispatchReply,
  type EnqueuedReply,
  enqueueReply,
  nodeForNewReplies,
  writeReply,
} from '../replies/enqueue-reply.ts';
import type { GenerateDeps } from '../replies/generate.ts';
import { updateConversation } from '../store/conversations.ts';
import { recountUnread } from '../store/inbox/unread.ts';
import type { Queryable } from '../store/tables.ts';
import { enqueueEvents } from '../store/webhooks/outbox.ts';
import { ownKey } from '../visitors/session-scope.ts';
import { type ForkPoint, findForkPoint, requireForkable, showBranchBefore } from './fork.ts';
import { findRecordedSend, type IdempotentSend, readEffectsToRepeat, recordSend } from './idempotent-send.ts';
import { readSentMessage, type SendMessageInput, type SentMessage } from './send-message.ts';

/** The message to edit and its new text. Without `metadata`, the new message copies that of the edited message; null: none. */
export interface EditMessageInput extends Omit<SendMessageInput, keyof TargetInput | 'visitor'> {
  readonly id: string;
}

/** The new user message and its reply. */
export type EditedMessage = Omit<SentMessage, 'conversation'>;

/** A committed edit, and the input for the steps that follow the commit. */
interface CommittedEdit extends Omit<DispatchInput, 'reply'> {
  readonly editedMessage: EditedMessage;
}

const rulesFor = (maxChars: number) =>
  z.object({
    content: text(1, maxChars),
    metadata: metadataObject.optional(),
    clientMessageId: clientIdText.optional(),
  });

type ParsedInput = z.output<ReturnType<typeof rulesFor>>;

/**
 * Edits a message of the visitor: writes a new version beside it, with its own reply. The conversation shows the new
 * version; the old version and the messages after it are kept.
 * @returns the new message and its reply; while a person answers, the handoff message instead of a reply.
 * @throws InvalidInputError, also for a message that is not the visitor's, and in the cases of `requireForkable`;
 * NotFoundError, IdempotencyConflictError, ChatbotPausedError, ConversationBusyError, QuotaExceededError,
 * QueueFullError. In these cases nothing is stored.
 */
export async function editMessage(deps: GenerateDeps, viewer: Viewer, input: EditMessageInput): Promise<EditedMessage> {
  const parsed = parseInput(rulesFor(deps.config.maxMessageChars), {
    ...input,
    metadata: input.metadata === null ? {} : input.metadata,
  });
  const { accountId, apiKeyId } = viewer;
  const now = deps.clock.now();
  const { editedMessage, ...committed } = await deps.db.transaction(async (trx): Promise<CommittedEdit> => {
    const fork = await findForkPoint(trx, viewer, input.id);
    const idempotentSend = idempotentSendOf(viewer, fork, parsed, now);
    const recordedId = idempotentSend && (await findRecordedSend(trx, accountId, idempotentSend));
    if (recordedId !== undefined) {
      const earlier = await readSentMessage(trx, fork, recordedId);
      return { editedMessage: earlier, ...(await readEffectsToRepeat(trx, fork.conversation)) };
    }
    await requireForkable(trx, fork, { role: 'USER', roleError: 'Only messages of the visitor can be edited.' });
    const enqueued = await enqueueReply(trx, deps.config, fork, { viewer, now, whenBusy: input.whenBusy });
    const newVersion = await writeNewVersion(trx, fork, parsed, {
      enqueued,
      now,
      nodeId: nodeForNewReplies(deps),
      apiKeyId,
    });
    const { userMessage } = newVersion.editedMessage;
    if (idempotentSend !== undefined) await recordSend(trx, accountId, idempotentSend, userMessage.id);
    return { ...newVersion, enqueued };
  });
  dispatchReply(deps, { reply: editedMessage.reply, ...committed });
  return editedMessage;
}

/** Identifies an edit by its idempotency key, the message and the new content; `undefined` without a key. */
function idempotentSendOf(
  viewer: Viewer,
  { message, conversation: { chatbotId } }: ForkPoint,
  { clientMessageId, content, metadata }: ParsedInput,
  now: number,
): IdempotentSend | undefined {
  if (clientMessageId === undefined) return undefined;
  const key = ownKey(viewer, clientMessageId);
  const request = { messageId: message.id, content, metadata: metadata && JSON.parse(metadata) };
  return { scope: { chatbotId, operation: 'editMessage', key }, request, now };
}

async function writeNewVersion(
  trx: Queryable,
  fork: ForkPoint,
  { content, metadata = fork.message.metadata }: ParsedInput,
  {
    enqueued,
    now,
    ...origin
  }: { enqueued: EnqueuedReply | undefined; now: number; nodeId: string | null; apiKeyId: string | null },
): Promise<Omit<CommittedEdit, 'enqueued'>> {
  const { message: original, conversation, chatbot } = fork;
  const { accountId, chatbotId } = conversation;
  const at = toTimestamp(now);
  await updateConversation(trx, { ...conversation, visitorUnreadCount: 0, lastMessageAt: at, updatedAt: at });
  const branchEvents = await showBranchBefore(trx, fork, at);
  const { parentId, id: replacesId } = original;
  const fields = { role: 'USER', status: 'COMPLETED', parentId, replacesId, content, metadata } as const;
  const { message, event } = await writeMessage(trx, conversation, at, fields);
  await recountUnread(trx, conversation);
  await enqueueEvents(trx, { accountId, chatbotId, at }, [messageReceived(conversation, message)]);
  const reply = enqueued && (await writeReply(trx, conversation, { userMessage: message, enqueued, now, ...origin }));
  return {
    editedMessage: {
      userMessage: message,
      reply: reply?.message ?? null,
      notice: enqueued ? null : chatbot.handoffMessage,
      isReplay: false,
    },
    events: [...branchEvents, event, ...(reply ? [reply.event] : [])],
  };
}
