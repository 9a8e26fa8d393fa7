import type { Database } from '../../src/store/database.ts';

/** The level that a figure should reach, in the figure's unit. */
export type Level = { readonly atLeast: number } | { readonly atMost: number };

/** One measured quantity, with a row in the table that `npm run eval` prints. */
export interface Figure {
  /** The name of the quantity, unique within its data set. */
  readonly measured: string;
  /** In `unit`; undefined if there was nothing to measure it on. */
  readonly value: number | undefined;
  /** `points` are percentage points, `×` is a ratio; absent for an area, a mean or another plain number. */
  readonly unit?: '%' | 'points' | '×' | 'MB';
  /** The number of questions that the value is based on; 0 if it needs none. */
  readonly questions: number;
  /** Absent if no level is set for the quantity. */
  readonly level?: Level;
}

/** Questions with known answers, to measure the gateway's search and built-in engine. */
export interface DataSet {
  /** The file or folder in `EVAL_DATA`; without its extension, also the name on the command line. */
  readonly path: string;
  /**
   * Measures one database engine. The rows are the same, in the same order, on every engine.
   * @param path the path of the existing file or folder. @param db an empty database.
   */
  measure(path: string, db: Database): Promise<readonly Figure[]>;
}

/** Returns at most `limit` items, evenly spaced over all of them, and the same ones in every run. */
export function spreadOver<T>(items: readonly T[], limit: number): T[] {
  const step = Math.max(1, items.length / limit);
  return items.filter((_, index) => Math.floor(index / step) !== Math.floor((index - 1) / step));
}

/** The lowest of figures that are better the higher they are, as a figure of its own. */
export function worstOf(figures: readonly Figure[]): Figure {
  const values = figures.flatMap(({ value }) => value ?? []);
  const { unit = '%', questions = 0 } = figures[0] ?? {};
  return {
    measured: `worst of ${figures.length} languages`,
    value: values.length > 0 ? Math.min(...values) : undefined,
    unit,
    questions,
  };
}
