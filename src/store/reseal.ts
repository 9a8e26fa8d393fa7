import type { Database } from './database.ts';
import type { Queryable } from './tables.ts';

/** The functions that seal (encrypt) the rows of one table again with the newest key. */
export interface ResealOptions<Row, Sealed> {
  /** Whether any part of a row is sealed with an earlier key. */
  isOutdated(row: Row): boolean;
  /** Returns the parts of a row, sealed with the newest key; undefined if one of them cannot be unsealed. */
  reseal(row: Row): Sealed | undefined;
  /** Writes the new parts of a row, unless the row has changed since it was read. */
  replace(trx: Queryable, row: Row, sealed: Sealed): Promise<void>;
}

/**
 * Seals the outdated rows again, in one transaction. A row that cannot be unsealed does not change.
 * @returns the numbers of rows that were `sealed` again, and of `lost` rows, which cannot be unsealed.
 */
export async function resealRows<Row, Sealed>(
  db: Database,
  rows: readonly Row[],
  { isOutdated, reseal, replace }: ResealOptions<Row, Sealed>,
): Promise<{ sealed: number; lost: number }> {
  const outdated = rows.filter(isOutdated);
  const resealed = outdated.flatMap((row) => {
    const sealed = reseal(row);
    return sealed === undefined ? [] : [{ row, sealed }];
  });
  await db.transaction(async (trx) => {
    for (const { row, sealed } of resealed) await replace(trx, row, sealed);
  });
  return { sealed: resealed.length, lost: outdated.length - resealed.length };
}
