import {
  type AccountPosition,
  hasGapAfter,
  isOtherEventAt,
  positionInShard,
  type ShardPosition,
  shardPositionOf,
} from '../conversations/account-position.ts';
import type { Timestamp } from '../domain/time.ts';
import type { LoggedEvent } from '../store/events.ts';
import {
  type ChatbotDeletion,
  listChatbotDeletions,
  listShardHeads,
  type ShardHead,
} from '../store/logs/account-logs.ts';
import { listShardEvents } from '../store/logs/event-lookups.ts';
import type { Queryable } from '../store/tables.ts';

/** An event of an account's log: an event of a conversation, or the deletion of a chatbot. */
export interface AccountEvent {
  readonly event: LoggedEvent | ChatbotDeletion;
  /** The position of a subscriber that has received the event. */
  readonly position: AccountPosition;
}

/** The events after a position. `isGap`: events after the position are missing; `heads` are the last events now. */
type AccountLogSlice =
  | { readonly isGap: true; readonly heads: readonly ShardHead[] }
  | { readonly isGap: false; readonly events: readonly AccountEvent[]; readonly hasMore: boolean };

/** An event with its number in the shard, and the latest time of the shard's events up to it. */
interface ShardEvent {
  readonly shard: string;
  readonly number: number;
  readonly event: LoggedEvent | ChatbotDeletion;
  readonly time: Timestamp;
}

/** The events of one shard after a position. `lastTime`: more events follow, and none is earlier than this time. */
type ShardSlice = 'gap' | { readonly events: readonly ShardEvent[]; readonly lastTime?: Timestamp };

const EVENTS_PER_READ = 100;

/**
 * Reads the events of an account after a position, ordered by time. The events of one chatbot always have the order of
 * their numbers.
 */
export async function readAccountLog(
  db: Queryable,
  accountId: string,
  position: AccountPosition,
): Promise<AccountLogSlice> {
  const heads = await listShardHeads(db, accountId);
  const headOf = new Map(heads.map((head) => [head.shard, head]));
  const gap: AccountLogSlice = { isGap: true, heads };
  for (const [shard, at] of position) if (hasGapAfter(at, headOf.get(shard))) return gap;
  const changed = heads.filter(({ shard, number }) => number > shardPositionOf(position, shard).number);
  if (changed.some((head) => hasGapAfter(shardPositionOf(position, head.shard), head))) return gap;

  const slices: Exclude<ShardSlice, 'gap'>[] = [];
  for (const head of changed) {
    const slice = await readShard(db, accountId, head, shardPositionOf(position, head.shard));
    if (slice === 'gap') return gap;
    slices.push(slice);
  }
  // Where a shard has more events than were read, the other shards wait, so that the order by time is kept.
  const limits = slices.flatMap(({ lastTime }) => lastTime ?? []).sort();
  const [limit] = limits;
  const events = slices
    .flatMap((slice) => slice.events)
    .filter(({ time }) => limit === undefined || time <= limit)
    .sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0));
  return { isGap: false, events: withPositions(events, position), hasMore: limit !== undefined };
}

/**
 * Reads the events of one shard after a position. The numbers have no gaps but for deletions, which are in a table of
 * their own, and for the removed events of deleted chatbots.
 */
async function readShard(
  db: Queryable,
  accountId: string,
  head: ShardHead,
  position: ShardPosition,
): Promise<ShardSlice> {
  const { shard } = head;
  const page = { shard, after: position.number - 1, limit: EVENTS_PER_READ + 1 };
  const rows = (await listShardEvents(db, accountId, page)).map((event) => ({ number: event.shardNumber ?? 0, event }));
  const [first] = rows;
  if (first !== undefined && isOtherEventAt(position, { number: first.number, id: first.event.id })) return 'gap';
  const logged = rows.filter(({ number }) => number > position.number);
  const isFull = rows.length > EVENTS_PER_READ;
  const end = (isFull ? logged.at(-1)?.number : undefined) ?? Math.max(head.number, logged.at(-1)?.number ?? 0);
  const isComplete = logged.length === end - position.number;
  const deletions = isComplete ? [] : await listChatbotDeletions(db, accountId, { ...page, after: position.number });
  const all = [...logged, ...deletions.map((event) => ({ number: event.number, event }))]
    .filter(({ number }) => number <= end)
    .sort((a, b) => a.number - b.number);
  let time = '' as Timestamp;
  const events = all.map(({ number, event }): ShardEvent => {
    if (event.at > time) time = event.at;
    return { shard, number, event, time };
  });
  return isFull ? { events, lastTime: time } : { events };
}

function withPositions(events: readonly ShardEvent[], start: AccountPosition): AccountEvent[] {
  let position = start;
  return events.map(({ shard, number, event }) => {
    position = new Map(position).set(shard, positionInShard({ number, id: event.id }));
    return { event, position };
  });
}
