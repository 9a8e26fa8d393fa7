import { messageCompleted, messageFailed } from '../conversations/outbox-events.ts';
import type { Message } from '../domain/entities.ts';
import { requireFound } from '../domain/errors.ts';
import { ENDINGS } from '../domain/events.ts';
import type { Timestamp } from '../domain/time.ts';
import { findConversation } from '../store/conversations.ts';
import { appendEvent, type LoggedEvent } from '../store/events.ts';
import { endMessage, listOpenReplies, type ReplyEnd, startReply } from '../store/open-replies.ts';
import type { Queryable } from '../store/tables.ts';
import { isActiveIn } from '../store/unowned-replies.ts';
import { countReply, releaseReply } from '../store/usage.ts';
import { enqueueEvents } from '../store/webhooks/outbox.ts';

/**
 * Writes how a reply ended, what it cost and the event that tells it, in the caller's transaction. A reply of which no
 * character was produced is given back. One that has ended already stays as it is. The caller holds the conversation.
 * @param nodeId given by the writer of the reply: one that another node has taken over stays as it is.
 */
export async function storeReplyEnd(
  trx: Queryable,
  reply: Message,
  ending: ReplyEnd,
  nodeId?: string,
): Promise<LoggedEvent[]> {
  const { accountId, conversationId, createdAt } = reply;
  if (!(await endMessage(trx, accountId, ending, nodeId))) return [];
  if (ending.content === '') await releaseReply(trx, accountId, createdAt.slice(0, 7));
  const { id: messageId, status, completedAt: at } = ending;
  const event = await appendEvent(trx, accountId, { conversationId, messageId, type: ENDINGS[status], status, at });
  const { usage, generation } = ending;
  if (usage !== null || ending.content !== '') {
    const priceNano = generation?.priceNano ?? null;
    await countReply(trx, reply, { chatbotId: event.chatbotId, usage: usage ?? UNKNOWN_USAGE, priceNano });
  }
  const find = async () => requireFound('Conversation', await findConversation(trx, accountId, conversationId));
  const happened = { COMPLETED: [messageCompleted(find, ending)], FAILED: [messageFailed(find, ending)] };
  if (status === 'COMPLETED' || status === 'FAILED') {
    await enqueueEvents(trx, { accountId, chatbotId: event.chatbotId, at }, happened[status]);
  }
  for (const took of ending.spent ?? []) {
    await countReply(trx, reply, { chatbotId: event.chatbotId, messages: 0, ...took });
  }
  return [event];
}

/** What a reply took that was lost with its process. */
const UNKNOWN_USAGE = { inputTokens: 0, cachedTokens: 0, outputTokens: 0, reasoningTokens: 0 };

/**
 * Starts the turn of the reply that waits next in the conversation, if none is being written and the chatbot is not paused:
 * on the node of the caller, who holds the conversation.
 */
export async function startNextReply(
  trx: Queryable,
  { accountId, conversationId }: Pick<Message, 'accountId' | 'conversationId'>,
  { at, nodeId }: { at: Timestamp; nodeId: string },
): Promise<{ next: Message | undefined; events: LoggedEvent[] }> {
  const [first] = await listOpenReplies(trx, accountId, conversationId);
  if (first?.status !== 'QUEUED' || !(await isActiveIn(trx, first))) return { next: undefined, events: [] };
  await startReply(trx, accountId, first.id, nodeId);
  const started = { conversationId, messageId: first.id, type: 'MessageStarted', status: 'STREAMING', at } as const;
  return { next: { ...first, status: 'STREAMING' }, events: [await appendEvent(trx, accountId, started)] };
}
