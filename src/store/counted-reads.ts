import { findBudget } from '../domain/answer-budget.ts';

type Row = Readonly<Record<string, unknown>>;

/** Columns that hold no more than a line: they need not be counted. All others are looked at, also those to come. */
const SHORT =
  /(^|_)(id|at|until|since|by)$|^(name|slug|provider|model|title|type|status|channel|role|rating|operation|fingerprint|prefix|hash|scopes|month|day|key|key_ending|channel|assignee|author_name|finish_reason|disabled_reason|schedule|seq|position)$/;

/** Gives the columns of rows that may hold much text; undefined where there are no rows to tell. */
export function findLongColumns([row]: readonly unknown[]): string[] | undefined {
  return row === undefined ? undefined : Object.keys(row as Row).filter((column) => !SHORT.test(column));
}

/** Reads no more for an answer that is too large already. @throws QueryTooComplexError */
export function checkReads(): void {
  findBudget()?.check();
}

/**
 * Counts rows that were read for an answer; outside of an execution with a budget nothing is counted.
 * @throws QueryTooComplexError where they are more than the execution may read.
 */
export function countReads(rows: readonly unknown[], longColumns: readonly string[] = []): void {
  const budget = findBudget();
  if (budget === undefined) return;
  let chars = 0;
  for (const row of rows as readonly Row[]) {
    for (const column of longColumns) {
      const value = row[column];
      if (typeof value === 'string') chars += value.length;
    }
  }
  budget.addRead(chars);
}
