import type { LoggedEvent } from '../store/events.ts';

/**
 * A position in a log: the number of an event and what identifies it. After a restore or a failover that lost commits
 * numbers are given again, and then only that tells the event from its successor.
 */
export interface LogPosition {
  /** 0: before the first event. */
  readonly number: number;
  /** The last bytes of the event's id; empty where there is no event, or none with an id. */
  readonly identity: string;
}

/** How the log of a conversation or a chatbot is read. */
export interface Log {
  /** The last event; `undefined` when there is no such conversation or chatbot. */
  findLast(): Promise<Pick<LoggedEvent, 'number' | 'id'> | undefined>;
  /** The events after a number, oldest first. */
  list(after: number, limit: number): Promise<LoggedEvent[]>;
  /** The number of an event in this log. */
  numberOf(event: LoggedEvent): number;
}

/** The events after a position: `isGap` where the position is not one of the log, or what followed it is no longer kept. */
export type LogSlice =
  | { readonly isGap: true }
  | { readonly isGap: false; readonly events: readonly LoggedEvent[]; readonly isMore: boolean };

const EVENTS_PER_READ = 100;
/** The end of a UUID, most of it random: its beginning is a time, which may be the same where a clock was set back. */
const IDENTITY_CHARS = 17;
const GAP_SLICE: LogSlice = { isGap: true };
const EMPTY_SLICE: LogSlice = { isGap: false, events: [], isMore: false };

/** What describes a position in a pattern of a cursor, as the groups `number` and `identity`. */
export const LOG_POSITION_PATTERN = `(?<number>\\d{1,9})_(?<identity>[0-9a-f-]{${IDENTITY_CHARS}}|)`;

/** Makes the position after an event. */
export function positionAt({ number, id }: Pick<LoggedEvent, 'number' | 'id'>): LogPosition {
  return { number, identity: id?.slice(-IDENTITY_CHARS) ?? '' };
}

/** Writes a position, for a cursor. */
export function encodePosition({ number, identity }: LogPosition): string {
  return `${number}_${identity}`;
}

/** Reads the events after a position; `undefined` when there is no such conversation or chatbot. */
export async function readLog(log: Log, { number, identity }: LogPosition): Promise<LogSlice | undefined> {
  const last = await log.findLast();
  if (last === undefined) return undefined;
  if (last.number < number) return GAP_SLICE;
  if (last.number === number && positionAt(last).identity === identity) return EMPTY_SLICE;
  const found = await log.list(number - 1, EVENTS_PER_READ + 1);
  const [first] = found;
  if (first !== undefined && log.numberOf(first) === number) {
    if (positionAt(first).identity !== identity) return GAP_SLICE;
    return { isGap: false, events: found.slice(1), isMore: found.length > EVENTS_PER_READ };
  }
  // The event itself is gone: by age, where the log begins later, and else because it was erased, which is no gap.
  const [oldest] = await log.list(0, 1);
  if (oldest === undefined || log.numberOf(oldest) > number + 1) return GAP_SLICE;
  return { isGap: false, events: found.slice(0, EVENTS_PER_READ), isMore: found.length > EVENTS_PER_READ };
}
