/**
 * The fields `eventCursor`: positions that were read before everything else in a response. One account position serves
 * all objects of the response: the cursor of a conversation or a chatbot contains the position in the shard of the
 * chatbot's events. A subscription translates it to the position in the log of the conversation or the chatbot.
 */
import {
  type AccountPosition,
  chatbotPositionOf,
  encodeAccountPosition,
  hasGapAfter,
  isOtherEventAt,
  type ShardPosition,
} from '../conversations/account-position.ts';
import { type EventLog, type LogPosition, positionAt } from '../conversations/log-position.ts';
import type { Deps } from '../deps.ts';
import type { Chatbot, Conversation } from '../domain/entities.ts';
import { requireFound } from '../domain/errors.ts';
import { listShardHeads, shardOf } from '../store/logs/account-logs.ts';
import { findLastEventUpTo, listShardEvents } from '../store/logs/event-lookups.ts';
import type { Queryable } from '../store/tables.ts';

/** The pattern of a position in a shard, for a cursor's regular expression; its groups are `shardNumber` and `check`. */
export const SHARD_POSITION_PATTERN = 'at_(?<shardNumber>\\d{1,10})_(?<check>[0-9a-f]{6})';

/** The position of a subscriber that receives a gap: no log is that long. */
const LOST: LogPosition = { number: Number.MAX_SAFE_INTEGER, idSuffix: '' };

const encodeShardPosition = ({ number, check }: ShardPosition) => `at_${number}_${check}`;

/** Writes the cursor of a conversation for its `eventCursor`. */
export function writeConversationCursor(
  { cursors }: Pick<Deps, 'cursors'>,
  { accountId, chatbotId, id }: Pick<Conversation, 'accountId' | 'chatbotId' | 'id'>,
  position: AccountPosition,
): string {
  const shardPosition = chatbotPositionOf(position, chatbotId);
  return cursors.forStream('conversation', accountId, id).write(encodeShardPosition(shardPosition));
}

/** Writes the cursor of a chatbot for its `eventCursor`. */
export function writeChatbotCursor(
  { cursors }: Pick<Deps, 'cursors'>,
  { accountId, id }: Pick<Chatbot, 'accountId' | 'id'>,
  position: AccountPosition,
): string {
  return cursors.forStream('chatbot', accountId, id).write(encodeShardPosition(chatbotPositionOf(position, id)));
}

/** Writes the cursor of an account for its `eventCursor`. */
export function writeAccountCursor(
  { cursors }: Pick<Deps, 'cursors'>,
  accountId: string,
  position: AccountPosition,
): string {
  return cursors.forStream('account', accountId, accountId).write(encodeAccountPosition(position));
}

/** Reads the position of a cursor whose position has matched `SHARD_POSITION_PATTERN`; `undefined` if it has not. */
export function readShardPosition({
  shardNumber,
  check,
}: Readonly<Record<string, string | undefined>>): ShardPosition | undefined {
  return shardNumber === undefined || check === undefined ? undefined : { number: Number(shardNumber), check };
}

/**
 * Translates a position in the shard of a chatbot to the position in a log of the chatbot or of one of its conversations:
 * after the last event of the log that is not after the position in the shard. If events after the position are
 * missing, returns a position at which a subscriber receives a gap.
 * @throws NotFoundError when the chatbot or the conversation no longer exists.
 */
export async function translatePosition(
  db: Queryable,
  accountId: string,
  { log, owner, chatbotId }: { log: EventLog; owner: Parameters<typeof findLastEventUpTo>[2]; chatbotId: string },
  position: ShardPosition,
): Promise<LogPosition> {
  const shard = shardOf(chatbotId);
  const head = (await listShardHeads(db, accountId)).find((each) => each.shard === shard);
  const [event] = await listShardEvents(db, accountId, { shard, after: position.number - 1, limit: 1 });
  const isOther = event?.shardNumber != null && isOtherEventAt(position, { number: event.shardNumber, id: event.id });
  if (hasGapAfter(position, head) || isOther) return LOST;
  // Read first: if nothing is stored up to the position and nothing after it, this is the position.
  const last = requireFound('Conversation', await log.findLast());
  const previous = await findLastEventUpTo(db, accountId, owner, position.number);
  if (previous !== undefined) return positionAt({ number: log.numberOf(previous), id: previous.id });
  const [oldest] = await log.list(0, 1);
  return oldest === undefined ? positionAt(last) : { number: log.numberOf(oldest) - 1, idSuffix: '' };
}
