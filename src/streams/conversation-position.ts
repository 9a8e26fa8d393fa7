import type { ShardPosition } from '../conversations/account-position.ts';
import {
  type EventLog,
  encodePosition,
  LOG_POSITION_PATTERN,
  type LogPosition,
  positionAt,
} from '../conversations/log-position.ts';
import type { Conversation } from '../domain/entities.ts';
import { requireFound } from '../domain/errors.ts';
import {
  decodeTextPosition,
  encodeTextPosition,
  TEXT_POSITION_PATTERN,
  type TextPosition,
} from '../replies/text-position.ts';
import { findReplyStart } from '../store/logs/event-lookups.ts';
import { listOpenReplies } from '../store/open-replies.ts';
import type { StreamCursors } from './cursor.ts';
import { readShardPosition, SHARD_POSITION_PATTERN, translatePosition } from './event-cursors.ts';
import type { StreamDeps } from './subscribe.ts';

/** A position in the reply that is being generated. */
interface ReplyPosition {
  readonly messageId: string;
  /** `undefined`: the subscriber has not received the reply's MessageCreated event. */
  readonly text: TextPosition | undefined;
}

/** The position of a subscriber to a conversation. */
export interface ConversationPosition {
  /** The position of the last logged event that the subscription has passed. */
  readonly log: LogPosition;
  /** The position in the reply that was being generated at that event. */
  readonly reply: ReplyPosition | undefined;
  /** The roles last reported to the subscriber as typing, one bit for each role. */
  readonly typing: number;
}

/** The log of a conversation, and the conversation. */
export interface ConversationLog extends Pick<Conversation, 'id' | 'accountId' | 'chatbotId'> {
  readonly log: EventLog;
}

const EVENT_POSITION_PATTERN = `${LOG_POSITION_PATTERN}_(?:(?<messageId>[0-9a-f-]{36})_(?:${TEXT_POSITION_PATTERN}|-))?_(?<typing>[0-3])`;
const CURSOR = new RegExp(`^(?:${EVENT_POSITION_PATTERN}|${SHARD_POSITION_PATTERN})$`);

/** Encodes a position for the cursor of an event. */
export function encodeConversationPosition({ log, reply, typing }: ConversationPosition): string {
  // After a gap, the subscriber may not have received the reply's MessageCreated event.
  const encoded = reply ? `${reply.messageId}_${reply.text ? encodeTextPosition(reply.text) : '-'}` : '';
  return `${encodePosition(log)}_${encoded}_${typing}`;
}

/**
 * Reads the position of a cursor, which is the cursor of an event or the `eventCursor` of the conversation.
 * @throws BadUserInputError, NotFoundError
 */
export async function readConversationCursor(
  deps: Pick<StreamDeps, 'db'>,
  conversation: ConversationLog,
  cursors: StreamCursors,
  after: string,
): Promise<ConversationPosition> {
  const groups = cursors.read(after, CURSOR);
  const shardPosition = readShardPosition(groups);
  if (shardPosition !== undefined) return findPositionAt(deps, conversation, shardPosition);
  const { number, idSuffix = '', messageId, typing } = groups;
  const text = groups.offset === undefined ? undefined : decodeTextPosition(groups);
  return {
    log: { number: Number(number), idSuffix },
    reply: messageId === undefined ? undefined : { messageId, text },
    typing: Number(typing),
  };
}

/**
 * Reads the position after the last logged event and before the reply that is being generated.
 * @throws NotFoundError
 */
export async function readCurrentPosition(
  { db }: Pick<StreamDeps, 'db'>,
  { id, accountId, log }: ConversationLog,
): Promise<ConversationPosition> {
  const readLast = async () => positionAt(requireFound('Conversation', await log.findLast()));
  while (true) {
    const last = await readLast();
    const [first] = await listOpenReplies(db.read, accountId, id);
    const reply = first?.status === 'STREAMING' ? { messageId: first.id, text: undefined } : undefined;
    // If a reply started or ended between the two reads, their results contradict each other, and both are repeated.
    const lastAfter = await readLast();
    if (lastAfter.number === last.number && lastAfter.idSuffix === last.idSuffix)
      return { log: last, reply, typing: 0 };
  }
}

/** Finds the position after the events before a position in the shard, and before the reply that was begun by then. */
async function findPositionAt(
  deps: Pick<StreamDeps, 'db'>,
  conversation: ConversationLog,
  shardPosition: ShardPosition,
): Promise<ConversationPosition> {
  const { id: conversationId, accountId } = conversation;
  const owner = { conversationId };
  const log = await translatePosition(deps.db.read, accountId, { ...conversation, owner }, shardPosition);
  const { reply } = await readCurrentPosition(deps, conversation);
  const start =
    reply && (await findReplyStart(deps.db.read, accountId, { conversationId, messageId: reply.messageId }));
  // A reply that began later begins with an event after the position.
  return { log, reply: start !== undefined && start > log.number ? undefined : reply, typing: 0 };
}
