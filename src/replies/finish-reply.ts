import { messageCompleted, messageFailed } from '../conversations/outbox-events.ts';
import type { Message } from '../domain/entities.ts';
import { requireFound } from '../domain/errors.ts';
import { FINAL_EVENT_TYPES } from '../domain/events.ts';
import type { Timestamp } from '../domain/time.ts';
import { isChatbotActive } from '../store/cluster/unowned-replies.ts';
import { findConversation } from '../store/conversations.ts';
import { appendEvent, type LoggedEvent } from '../store/events.ts';
import { incrementVisitorUnread, recountUnread } from '../store/inbox/unread.ts';
import { listOpenReplies, type ReplyEnd, startReply, writeReplyEnd } from '../store/open-replies.ts';
import type { Queryable } from '../store/tables.ts';
import { addUsageCounts, releaseReply, toUsageCounts } from '../store/usage.ts';
import { enqueueEvents } from '../store/webhooks/outbox.ts';
import { settleReplyBudgets } from './reply-budgets.ts';

/**
 * Stores the end of a reply, its usage and its events in the caller's transaction, which has locked the conversation. A
 * reply without text does not count against the quota. A reply that has already ended is left unchanged.
 * @param nodeId the node that generated the reply; a reply that another node has taken over is left unchanged. Absent:
 * the reply's node is not checked.
 */
export async function storeReplyEnd(
  trx: Queryable,
  reply: Message,
  end: ReplyEnd,
  nodeId?: string,
): Promise<LoggedEvent[]> {
  const { accountId, conversationId, createdAt } = reply;
  if (!(await writeReplyEnd(trx, accountId, end, nodeId))) return [];
  if (end.content === '') await releaseReply(trx, accountId, createdAt.slice(0, 7));
  await settleReplyBudgets(trx, reply, end);
  const { id: messageId, status, completedAt: at } = end;
  const event = await appendEvent(trx, accountId, {
    conversationId,
    messageId,
    type: FINAL_EVENT_TYPES[status],
    status,
    at,
  });
  const isAnswer = status === 'COMPLETED' && end.outcome !== 'FALLBACK';
  // A reply that was stopped before it began is nothing to read.
  const isReadable = status !== 'STOPPED' || end.content !== '';
  if (isReadable) await incrementVisitorUnread(trx, accountId, conversationId);
  if (isAnswer) await recountUnread(trx, { id: conversationId, accountId }, messageId);
  const { usage, generation } = end;
  if (usage !== null || end.content !== '') {
    const priceNano = generation?.priceNano ?? null;
    await addUsageCounts(trx, reply, event.chatbotId, {
      ...toUsageCounts(usage ?? UNKNOWN_USAGE, { messages: 1, priceNano }),
      ...(end.outcome && { [OUTCOME_COLUMNS[end.outcome]]: 1 }),
    });
  }
  const readConversation = async () =>
    requireFound('Conversation', await findConversation(trx, accountId, conversationId));
  const outboxEvents = {
    COMPLETED: [messageCompleted(readConversation, end)],
    FAILED: [messageFailed(readConversation, end)],
  };
  if (status === 'COMPLETED' || status === 'FAILED') {
    await enqueueEvents(trx, { accountId, chatbotId: event.chatbotId, at }, outboxEvents[status]);
  }
  for (const discarded of end.discardedUsage ?? []) {
    const counts = toUsageCounts(discarded.usage, { messages: 0, priceNano: discarded.priceNano });
    await addUsageCounts(trx, reply, event.chatbotId, counts);
  }
  return [event];
}

const OUTCOME_COLUMNS = { ANSWERED: 'answered', UNSURE: 'unsure', FALLBACK: 'fallbacks' } as const;

/** The counted usage of a reply with text whose real usage is unknown, because its process died. */
const UNKNOWN_USAGE = { inputTokens: 0, cachedTokens: 0, outputTokens: 0, reasoningTokens: 0 };

/**
 * Marks the next queued reply of a conversation as STREAMING on a node, unless another reply is STREAMING or the
 * chatbot is paused. The caller has locked the conversation, and starts the generation after the commit.
 */
export async function startNextReply(
  trx: Queryable,
  { accountId, conversationId }: Pick<Message, 'accountId' | 'conversationId'>,
  { at, nodeId }: { at: Timestamp; nodeId: string },
): Promise<{ next: Message | undefined; events: LoggedEvent[] }> {
  const [first] = await listOpenReplies(trx, accountId, conversationId);
  if (first?.status !== 'QUEUED' || !(await isChatbotActive(trx, first))) return { next: undefined, events: [] };
  await startReply(trx, accountId, first.id, nodeId);
  const started = { conversationId, messageId: first.id, type: 'MessageStarted', status: 'STREAMING', at } as const;
  return { next: { ...first, status: 'STREAMING' }, events: [await appendEvent(trx, accountId, started)] };
}
