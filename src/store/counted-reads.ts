import { findBudget } from '../domain/response-budget.ts';

type Row = Readonly<Record<string, unknown>>;

/** Columns whose values are short and are not counted. All other columns are counted, including new ones. */
const SHORT =
  /(^|_)(id|at|until|since|by)$|^(name|slug|provider|model|title|type|status|channel|role|rating|operation|fingerprint|prefix|hash|scopes|month|day|key|key_ending|channel|assignee|author_name|finish_reason|disabled_reason|schedule|seq|position)$/;

/** The columns of rows that may hold long texts; undefined without rows. */
export function findLongColumns([row]: readonly unknown[]): string[] | undefined {
  return row === undefined ? undefined : Object.keys(row as Row).filter((column) => !SHORT.test(column));
}

/**
 * Prevents reads for a response that is already too large.
 * @throws QueryTooComplexError
 */
export function checkReads(): void {
  findBudget()?.check();
}

/**
 * Counts rows read for a response. Counts nothing outside an execution with a budget.
 * @throws QueryTooComplexError when the execution has read more than its budget.
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
