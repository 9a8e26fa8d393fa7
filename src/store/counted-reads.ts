import { findBudget } from '../domain/response-budget.ts';

type Row = Readonly<Record<string, unknown>>;

/**
 * The columns with short values, whose characters are not counted. The characters of all other columns are counted,
 * including columns that are added later.
 */
const SHORT_COLUMNS =
  /(^|_)(id|at|until|since|by)$|^(name|slug|provider|model|title|type|status|channel|priority|role|rating|operation|fingerprint|prefix|hash|scopes|month|day|key|key_ending|channel|assignee|author_name|finish_reason|outcome|disabled_reason|schedule|seq|position)$/;

/** The columns of rows that may contain long texts; undefined without rows. */
export function findLongColumns([row]: readonly unknown[]): string[] | undefined {
  return row === undefined ? undefined : Object.keys(row as Row).filter((column) => !SHORT_COLUMNS.test(column));
}

/**
 * Checks, before a read, that the execution is within its budget.
 * @throws QueryTooComplexError when its response or its reads have exceeded the budget.
 */
export function checkReadBudget(): void {
  findBudget()?.check();
}

/**
 * Charges rows to the budget of the execution that has read them: counts the characters in their long columns. Does
 * nothing outside an execution with a budget.
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
