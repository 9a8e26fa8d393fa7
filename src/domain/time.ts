/**
 * A moment as the store and REST format it: ISO 8601 in UTC with six fraction digits and an explicit offset,
 * `2026-03-15T10:30:00.123456+00:00`. Texts of this form sort by time.
 */
export type Timestamp = string & { readonly __timestamp: true };

/** The source of time; an object, so that tests can replace it. */
export interface Clock {
  /** The wall clock in milliseconds since the epoch, for stored and shown times. It may be set back or forward. */
  now(): number;
  /**
   * Milliseconds since an arbitrary moment, for durations within this process. They never decrease, however the wall
   * clock is set.
   */
  monotonicMs(): number;
}

/** The system clock. */
export const systemClock: Clock = { now: () => Date.now(), monotonicMs: () => performance.now() };

/** The last formatted moment, cached because many events share a millisecond. */
let lastFormatted: { readonly ms: number; readonly text: Timestamp } | undefined;

/** Formats milliseconds since the epoch as a `Timestamp`. */
export function toTimestamp(ms: number): Timestamp {
  if (lastFormatted?.ms !== ms) {
    lastFormatted = { ms, text: `${new Date(ms).toISOString().slice(0, 23)}000+00:00` as Timestamp };
  }
  return lastFormatted.text;
}

/** The start of the UTC month of a moment, and the start of the next month, in milliseconds since the epoch. */
export function boundsOfMonth(ms: number): { start: number; end: number } {
  const date = new Date(ms);
  const [year, month] = [date.getUTCFullYear(), date.getUTCMonth()];
  return { start: Date.UTC(year, month), end: Date.UTC(year, month + 1) };
}

/** The UTC month of a moment, `YYYY-MM`: the period of a quota. */
export function monthOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 7);
}
