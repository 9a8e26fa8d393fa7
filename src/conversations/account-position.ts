import { listShardHeads, type ShardEntry, type ShardHead, shardOf } from '../store/logs/account-logs.ts';
import type { Queryable } from '../store/tables.ts';

/**
 * A position in one shard of an account's log: the number of an event, and a part of its id, which distinguishes it from
 * an event that has got the same number after a restore. See `LogPosition`.
 */
export interface ShardPosition {
  /** The number of the event; 0 is the position before the first event. */
  readonly number: number;
  /** Six characters of the event's id; zeros if there is no event, or it has no id. */
  readonly check: string;
}

/**
 * A position in the log of an account: a position in each shard, at most sixteen. It has no entry for a shard whose
 * first event comes later. Because a chatbot created later begins in such a shard, or at the end of one, the position
 * comes before all of its events.
 */
export type AccountPosition = ReadonlyMap<string, ShardPosition>;

const SHARD_START: ShardPosition = { number: 0, check: '000000' };
/** Base 36: enough for every 31-bit number. */
const NUMBER_CHARS = 6;

/** The pattern of an encoded position, for a cursor's regular expression; its group is `shards`. */
export const ACCOUNT_POSITION_PATTERN = `(?<shards>(?:[0-9a-f][0-9a-z]{${NUMBER_CHARS}}[0-9a-f]{6}){0,16})`;
const SHARD_PATTERN = /(?<shard>.)(?<number>.{6})(?<check>.{6})/g;

/** Encodes a position for a cursor, in at most 208 characters. */
export function encodeAccountPosition(position: AccountPosition): string {
  return Array.from(
    position,
    ([shard, { number, check }]) => `${shard}${number.toString(36).padStart(NUMBER_CHARS, '0')}${check}`,
  )
    .sort()
    .join('');
}

/** Decodes the group `shards` of a position. */
export function decodeAccountPosition(shards: string): AccountPosition {
  return new Map(
    Array.from(shards.matchAll(SHARD_PATTERN), ({ groups: { shard = '', number = '', check = '' } = {} }) => [
      shard,
      { number: Number.parseInt(number, 36), check },
    ]),
  );
}

/** The position of a subscriber whose last event of a shard is the given one. */
export function positionInShard({ number, id }: Pick<ShardEntry, 'number' | 'id'>): ShardPosition {
  return { number, check: id?.slice(-8, -2) ?? SHARD_START.check };
}

/** Reads the position after the last event of an account. All that is read later contains what these events changed. */
export async function readAccountPosition(db: Queryable, accountId: string): Promise<AccountPosition> {
  return positionAtHeads(await listShardHeads(db, accountId));
}

/** The position after the last event of each shard. */
export function positionAtHeads(heads: readonly ShardHead[]): AccountPosition {
  return new Map(heads.map((head) => [head.shard, positionInShard(head)]));
}

/** The position in one shard. */
export function shardPositionOf(position: AccountPosition, shard: string): ShardPosition {
  return position.get(shard) ?? SHARD_START;
}

/** The position in the shard of a chatbot. */
export function chatbotPositionOf(position: AccountPosition, chatbotId: string): ShardPosition {
  return shardPositionOf(position, shardOf(chatbotId));
}

/**
 * Whether events after a position are missing: retention has deleted some, or the shard ends before the position, or
 * with another event at its number.
 * @param head absent: the shard has no events.
 */
export function hasGapAfter({ number, check }: ShardPosition, head: ShardHead | undefined): boolean {
  if (head === undefined) return number > 0;
  if (number < head.trimmedNumber || number > head.number) return true;
  return number === head.number && positionInShard(head).check !== check;
}

/** Whether an event has the number of a position, but is another event. */
export function isOtherEventAt({ number, check }: ShardPosition, event: Pick<ShardEntry, 'number' | 'id'>): boolean {
  return event.number === number && positionInShard(event).check !== check;
}
