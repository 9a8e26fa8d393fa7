import type { Database } from '../../src/store/database.ts';

/** One row of the table that `npm run eval` prints. */
export interface Figure {
  readonly measured: string;
  /** The value with its unit. */
  readonly result: string;
  /** The number of questions that the result is based on. */
  readonly questions: number;
}

/** Questions with known answers, to measure the gateway's search and built-in engine. */
export interface DataSet {
  /** The file or folder in `EVAL_DATA`; without its extension, also the name on the command line. */
  readonly path: string;
  /** @param path the path of the existing file or folder. @param db an empty database. */
  measure(path: string, db: Database): Promise<Figure[]>;
}

/** Formats a value that is already in percent. */
export const percent = (value: number): string => `${value.toFixed(1)} %`;
