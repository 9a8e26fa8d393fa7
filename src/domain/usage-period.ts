import { createBoundedCache } from './bounded-cache.ts';
import { BadUserInputError } from './errors.ts';

/** A period of usage. Its bounds are beginnings of texts in UTC, `YYYY-MM-DDTHH:MM` or shorter; `end` is exclusive. */
export interface UsagePeriod {
  /** Names the period and no other: `2026-03`, or `2026-03-01..2026-03-07 Europe/Berlin`. */
  readonly name: string;
  /** The month in UTC, `YYYY-MM`; null for a range of days. */
  readonly month: string | null;
  readonly start: string;
  readonly end: string;
  /** The number of days; for a month at least that number. */
  readonly dayCount: number;
  /** The days in order, if they are not days in UTC; otherwise null. */
  readonly localDays: readonly LocalDay[] | null;
}

/** A day of a time zone, `YYYY-MM-DD`, and the quarter-hour in UTC, `YYYY-MM-DDTHH:MM`, in which it begins. */
export interface LocalDay {
  readonly day: string;
  readonly start: string;
}

/** A range of days, both inclusive, `YYYY-MM-DD`, in a time zone by its IANA name. */
export interface DayRange {
  readonly from: string;
  readonly to: string;
  readonly timeZone: string;
}

/** The maximum number of days of a period. */
export const MAX_PERIOD_DAYS = 366;

const QUARTER_HOUR_MS = 900_000;
const DAY_MS = 86_400_000;
/** The greatest difference between the start of a day in UTC and in a time zone. */
const MAX_OFFSET_MS = 16 * 3_600_000;
const TIME_ZONE_NAME = /^[A-Za-z][A-Za-z0-9_+/-]{0,63}$/;

/** The period of a month in UTC, `YYYY-MM`. */
export function periodOfMonth(month: string): UsagePeriod {
  // Sorts after every day and time of the month.
  return { name: month, month, start: month, end: `${month}-32`, dayCount: 31, localDays: null };
}

/**
 * The period of a range of days.
 * @throws BadUserInputError for an unknown time zone, a range that ends before it begins, and one of more than 366 days.
 */
export function periodOfDays({ from, to, timeZone }: DayRange): UsagePeriod {
  const dateOf = createDateOf(timeZone);
  const [first, last] = [Date.parse(from), Date.parse(to)];
  if (last < first) throw new BadUserInputError('`from` must not be after `to`.');
  const dayCount = (last - first) / DAY_MS + 1;
  if (dayCount > MAX_PERIOD_DAYS) throw new BadUserInputError(`The range must have at most ${MAX_PERIOD_DAYS} days.`);
  const days = { name: `${from}..${to} ${timeZone}`, month: null, dayCount };
  if (timeZone === 'UTC') return { ...days, start: from, end: formatDay(last + DAY_MS), localDays: null };
  const localDays: LocalDay[] = [];
  let startMs: number | undefined;
  for (let midnight = first; midnight <= last + DAY_MS; midnight += DAY_MS) {
    startMs = findStart(dateOf, midnight, startMs && startMs + DAY_MS);
    localDays.push({ day: formatDay(midnight), start: formatQuarterHour(startMs) });
  }
  const end = localDays.pop()?.start ?? '';
  return { ...days, start: localDays[0]?.start ?? end, end, localDays };
}

/** The quarter-hour of a moment in milliseconds, `YYYY-MM-DDTHH:MM` in UTC. */
export function formatQuarterHour(ms: number): string {
  return new Date(Math.floor(ms / QUARTER_HOUR_MS) * QUARTER_HOUR_MS).toISOString().slice(0, 16);
}

type DateOf = (ms: number) => string;

const dateFormats = createBoundedCache<Intl.DateTimeFormat>(100);

/** Creates a function that returns the date of a moment in a time zone, `YYYY-MM-DD`. */
function createDateOf(timeZone: string): DateOf {
  let format = dateFormats.get(timeZone);
  if (format === undefined) {
    try {
      if (!TIME_ZONE_NAME.test(timeZone)) throw new RangeError();
      // Swedish dates have the form of ISO 8601.
      format = new Intl.DateTimeFormat('sv', { timeZone, year: 'numeric', month: '2-digit', day: '2-digit' });
    } catch {
      throw new BadUserInputError('`timeZone` must be the IANA name of a time zone, such as `Europe/Berlin`.');
    }
    dateFormats.set(timeZone, format);
  }
  const { format: toText } = format;
  return (ms) => toText(ms);
}

/**
 * Finds the quarter-hour in which a day begins; since 1972, all offsets of time zones are multiples of a quarter-hour.
 * The day may begin later than midnight, when the clock is set forward, or not exist at all in its time zone; then it
 * begins when the next day does.
 * @param midnight the start of the day in UTC.
 * @param guess probably the start in the time zone: the start of the day before plus 24 hours.
 */
function findStart(dateOf: DateOf, midnight: number, guess: number | undefined): number {
  const day = formatDay(midnight);
  if (guess !== undefined && dateOf(guess) >= day && dateOf(guess - QUARTER_HOUR_MS) < day) return guess;
  let [before, start] = [midnight - MAX_OFFSET_MS, midnight + MAX_OFFSET_MS];
  while (start - before > QUARTER_HOUR_MS) {
    const middle = before + Math.floor((start - before) / QUARTER_HOUR_MS / 2) * QUARTER_HOUR_MS;
    if (dateOf(middle) >= day) start = middle;
    else before = middle;
  }
  return start;
}

const formatDay = (ms: number): string => new Date(ms).toISOString().slice(0, 10);
