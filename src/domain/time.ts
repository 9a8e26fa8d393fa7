/**
 * A moment as it is stored and as REST shows it: ISO 8601 in UTC with six fraction digits and an explicit offset,
 * `2026-03-15T10:30:00.123456+00:00`. Text of this form sorts in the order of time.
 */
export type Timestamp = string & { readonly __timestamp: true };

/** The source of time; a value of its own so that tests can turn it. */
export interface Clock {
  /** The wall clock in milliseconds since the epoch, for what is stored and shown. It may be set back or forth. */
  now(): number;
  /** Milliseconds since some moment, for durations within this process: however the wall clock is set, they only grow. */
  monotonicMs(): number;
}

/** The machine's own clock. */
export const systemClock: Clock = { now: () => Date.now(), monotonicMs: () => performance.now() };

/** The last moment that was formatted: all that happens in one millisecond need not be formatted again. */
let last: { readonly ms: number; readonly text: Timestamp } | undefined;

/** Formats milliseconds since the epoch as a `Timestamp`. */
export function toTimestamp(ms: number): Timestamp {
  if (last?.ms !== ms) last = { ms, text: `${new Date(ms).toISOString().slice(0, 23)}000+00:00` as Timestamp };
  return last.text;
}

/** The UTC month of a moment, `YYYY-MM`: the period in which usage is counted. */
export function monthOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 7);
}
