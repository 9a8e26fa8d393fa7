import type { Database } from '../../src/store/database.ts';

/** One row of the table. */
export interface Figure {
  readonly measured: string;
  /** With its unit. */
  readonly result: string;
  /** How many questions it is the share of. */
  readonly questions: number;
}

/** Questions with known answers, which the gateway's search and built-in engine are measured by. */
export interface DataSet {
  /** The file or folder in `EVAL_DATA`; without its ending also the name on the command line. */
  readonly path: string;
  /** @param path of the file or folder, which exists. @param db an empty database. */
  measure(path: string, db: Database): Promise<Figure[]>;
}

/** Formats a share that is in percent already. */
export const percent = (value: number): string => `${value.toFixed(1)} %`;
