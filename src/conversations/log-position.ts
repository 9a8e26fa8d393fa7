import type { LoggedEvent } from '../store/events.ts';

/**
 * A position in the event log of a conversation or chatbot: the number of an event, and a part of the event's id. After
 * a restore, or a failover that lost commits, the gateway assigns the same numbers again; then only the id
 * distinguishes a lost event from a new one.
 */
export interface LogPosition {
  /** The number of the event; 0 is the position before the first event. */
  readonly number: number;
  /** The last characters of the event's id; empty when there is no event, or the event has no id. */
  readonly idSuffix: string;
}

/** Reads the event log of one conversation or chatbot. */
export interface EventLog {
  /** Finds the last event; `undefined` when the conversation or chatbot does not exist. */
  findLast(): Promise<Pick<LoggedEvent, 'number' | 'id'> | undefined>;
  /** Lists the events after a number, oldest first. */
  list(after: number, limit: number): Promise<LoggedEvent[]>;
  /** Returns the number of an event in this log. */
  numberOf(event: LoggedEvent): number;
}

/**
 * The events after a position. `isGap`: a restore has removed the event at the position, or retention has deleted
 * events after the position.
 */
export type LogSlice =
  | { readonly isGap: true }
  | { readonly isGap: false; readonly events: readonly LoggedEvent[]; readonly hasMore: boolean };

const EVENTS_PER_READ = 100;
/** The end of a UUID is mostly random. Its beginning is a time, which can recur after a clock has been set back. */
const ID_SUFFIX_CHARS = 17;
const GAP_SLICE: LogSlice = { isGap: true };
const EMPTY_SLICE: LogSlice = { isGap: false, events: [], hasMore: false };

/** The pattern of an encoded position, for a cursor's regular expression; its groups are `number` and `idSuffix`. */
export const LOG_POSITION_PATTERN = `(?<number>\\d{1,9})_(?<idSuffix>[0-9a-f-]{${ID_SUFFIX_CHARS}}|)`;

/** Returns the position of a subscriber whose last event is the given one. */
export function positionAt({ number, id }: Pick<LoggedEvent, 'number' | 'id'>): LogPosition {
  return { number, idSuffix: id?.slice(-ID_SUFFIX_CHARS) ?? '' };
}

/** Encodes a position for a cursor. */
export function encodePosition({ number, idSuffix }: LogPosition): string {
  return `${number}_${idSuffix}`;
}

/** Reads the events after a position; `undefined` when the conversation or chatbot does not exist. */
export async function readLog(log: EventLog, { number, idSuffix }: LogPosition): Promise<LogSlice | undefined> {
  const last = await log.findLast();
  if (last === undefined) return undefined;
  if (last.number < number) return GAP_SLICE;
  if (last.number === number && positionAt(last).idSuffix === idSuffix) return EMPTY_SLICE;
  const events = await log.list(number - 1, EVENTS_PER_READ + 1);
  const [first] = events;
  if (first !== undefined && log.numberOf(first) === number) {
    if (positionAt(first).idSuffix !== idSuffix) return GAP_SLICE;
    return { isGap: false, events: events.slice(1), hasMore: events.length > EVENTS_PER_READ };
  }
  // The event at the position was deleted. If the log now starts after the next number, retention has deleted later
  // events too, which is a gap. Otherwise the event was erased together with its data, which is no gap.
  const [oldest] = await log.list(0, 1);
  if (oldest === undefined || log.numberOf(oldest) > number + 1) return GAP_SLICE;
  return { isGap: false, events: events.slice(0, EVENTS_PER_READ), hasMore: events.length > EVENTS_PER_READ };
}
