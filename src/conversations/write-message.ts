import type { Conversation, Message } from '../domain/entities.ts';
import { createIdAfter } from '../domain/ids.ts';
import { type JsonText, toJson } from '../domain/json.ts';
import type { Timestamp } from '../domain/time.ts';
import { appendEvent, type LoggedEvent } from '../store/events.ts';
import { findNewestMessageId, insertMessage } from '../store/messages.ts';
import type { Queryable } from '../store/tables.ts';

/** The fields of a new message; `parentId` is null for the first message of a conversation and for a private note. */
export type NewMessage = Pick<Message, 'role' | 'status' | 'parentId'> & {
  /** The version that the new message replaces; absent for a message that is not a new version. */
  readonly replacesId?: string | undefined;
  readonly content?: string;
  readonly metadata?: JsonText | undefined;
  readonly isPrivate?: boolean;
  readonly authorName?: string | null;
  readonly authorId?: string | null;
  /** The API key whose request caused a reply. */
  readonly apiKeyId?: string | null;
  /** The id of the node that generates the reply; null for a queued reply. */
  readonly nodeId?: string | null;
  /** The owners of the budgets that a reply counts against. */
  readonly budgetIds?: readonly string[];
};

const NO_METADATA = toJson({});

/**
 * Stores a new message and its MessageCreated event. The conversation then shows the message. The caller has locked the
 * conversation.
 */
export async function writeMessage(
  trx: Queryable,
  { id: conversationId, accountId }: Pick<Conversation, 'id' | 'accountId'>,
  at: Timestamp,
  fields: NewMessage,
): Promise<{ message: Message; event: LoggedEvent }> {
  const { role, status, parentId, content = '', metadata = NO_METADATA } = fields;
  const message: Message = {
    // The new id sorts after the ids of earlier messages, even if another gateway created those.
    id: createIdAfter('message', await findNewestMessageId(trx, accountId, conversationId)),
    accountId,
    conversationId,
    role,
    status,
    content,
    citations: [],
    finishReason: null,
    usage: null,
    generation: null,
    outcome: null,
    confidence: null,
    reasoning: null,
    followUps: [],
    apiKeyId: fields.apiKeyId ?? null,
    rating: null,
    ratingComment: null,
    parentId,
    replacesId: fields.replacesId ?? null,
    isShown: true,
    isPrivate: fields.isPrivate ?? false,
    authorName: fields.authorName ?? null,
    authorId: fields.authorId ?? null,
    metadata,
    error: null,
    createdAt: at,
    completedAt: status === 'COMPLETED' ? at : null,
    updatedAt: at,
  };
  await insertMessage(trx, message, fields);
  const created = { type: 'MessageCreated', messageId: message.id, conversationId, status, at } as const;
  return { message, event: await appendEvent(trx, accountId, created) };
}
