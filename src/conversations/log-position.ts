import type { LoggedEvent } from '../store/events.ts';

/**
 * A position in a log: the number of an event, and a part of the event's id. After a restore, or a failover that lost
 * commits, the gateway assigns the same numbers again; then only the id distinguishes a lost event from a new one.
 */
export interface LogPosition {
  /** The number of the event; 0 is the position before the first event. */
  readonly number: number;
  /** The last characters of the event's id; empty when there is no event, or the event has no id. */
  readonly identity: string;
}

/** Reads the event log of one conversation or chatbot. */
export interface Log {
  /** Finds the last event; `undefined` when the conversation or chatbot does not exist. */
  findLast(): Promise<Pick<LoggedEvent, 'number' | 'id'> | undefined>;
  /** Lists the events after a number, oldest first. */
  list(after: number, limit: number): Promise<LoggedEvent[]>;
  /** Returns the number of an event in this log. */
  numberOf(event: LoggedEvent): number;
}

/** The events after a position. `isGap`: the log does not contain the position, or the events after it were deleted. */
export type LogSlice =
  | { readonly isGap: true }
  | { readonly isGap: false; readonly events: readonly LoggedEvent[]; readonly isMore: boolean };

const EVENTS_PER_READ = 100;
/** The end of a UUID is mostly random. Its beginning is a time, which can recur after a clock has been set back. */
const IDENTITY_CHARS = 17;
const GAP_SLICE: LogSlice = { isGap: true };
const EMPTY_SLICE: LogSlice = { isGap: false, events: [], isMore: false };

/** The pattern of an encoded position, for a cursor's regular expression; its groups are `number` and `identity`. */
export const LOG_POSITION_PATTERN = `(?<number>\\d{1,9})_(?<identity>[0-9a-f-]{${IDENTITY_CHARS}}|)`;

/** Returns the position after an event. */
export function positionAt({ number, id }: Pick<LoggedEvent, 'number' | 'id'>): LogPosition {
  return { number, identity: id?.slice(-IDENTITY_CHARS) ?? '' };
}

/** Encodes a position for a cursor. */
export function encodePosition({ number, identity }: LogPosition): string {
  return `${number}_${identity}`;
}

/** Reads the events after a position; `undefined` when the conversation or chatbot does not exist. */
export async function readLog(log: Log, { number, identity }: LogPosition): Promise<LogSlice | undefined> {
  const last = await log.findLast();
  if (last === undefined) return undefined;
  if (last.number < number) return GAP_SLICE;
  if (last.number === number && positionAt(last).identity === identity) return EMPTY_SLICE;
  const events = await log.list(number - 1, EVENTS_PER_READ + 1);
  const [first] = events;
  if (first !== undefined && log.numberOf(first) === number) {
    if (positionAt(first).identity !== identity) return GAP_SLICE;
    return { isGap: false, events: events.slice(1), isMore: events.length > EVENTS_PER_READ };
  }
  // The event itself was deleted. If the log begins later, retention deleted it, which is a gap; an erasure is not.
  const [oldest] = await log.list(0, 1);
  if (oldest === undefined || log.numberOf(oldest) > number + 1) return GAP_SLICE;
  return { isGap: false, events: events.slice(0, EVENTS_PER_READ), isMore: events.length > EVENTS_PER_READ };
}
