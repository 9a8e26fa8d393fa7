import type { Conversation, Message } from '../domain/entities.ts';
import { createIdAfter } from '../domain/ids.ts';
import { type JsonText, toJson } from '../domain/json.ts';
import type { Timestamp } from '../domain/time.ts';
import { appendEvent, type LoggedEvent } from '../store/events.ts';
import { findLastMessageId, insertMessage } from '../store/messages.ts';
import type { Queryable } from '../store/tables.ts';

/** What is said, and after what: `parentId` is null for the first message of a conversation. */
export type NewMessage = Pick<Message, 'role' | 'status' | 'parentId'> & {
  readonly content?: string;
  readonly metadata?: JsonText | undefined;
  readonly isPrivate?: boolean;
  readonly authorName?: string | null;
  /** The key that asked for it, for a reply. */
  readonly apiKeyId?: string | null;
  /** The node that writes on it, for a reply that is begun. */
  readonly nodeId?: string | null;
};

const NO_METADATA = toJson({});

/** Writes a new message where its conversation shows it, with the event that tells it. The caller holds the conversation. */
export async function writeMessage(
  trx: Queryable,
  { id: conversationId, accountId }: Pick<Conversation, 'id' | 'accountId'>,
  at: Timestamp,
  said: NewMessage,
): Promise<{ message: Message; event: LoggedEvent }> {
  const { role, status, parentId, content = '', metadata = NO_METADATA } = said;
  const message: Message = {
    // Messages stand in the order of their ids, whichever gateway makes them.
    id: createIdAfter('message', await findLastMessageId(trx, accountId, conversationId)),
    accountId,
    conversationId,
    role,
    status,
    content,
    citations: [],
    finishReason: null,
    usage: null,
    generation: null,
    reasoning: null,
    followUps: [],
    apiKeyId: said.apiKeyId ?? null,
    rating: null,
    parentId,
    isShown: true,
    isPrivate: said.isPrivate ?? false,
    authorName: said.authorName ?? null,
    metadata,
    error: null,
    createdAt: at,
    completedAt: status === 'COMPLETED' ? at : null,
  };
  await insertMessage(trx, message, said.nodeId);
  const told = { type: 'MessageCreated', messageId: message.id, conversationId, status, at } as const;
  return { message, event: await appendEvent(trx, accountId, told) };
}
