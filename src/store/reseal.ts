import type { Database } from './database.ts';
import type { Queryable } from './tables.ts';

/** How to seal the rows of one table again with the newest key. */
export interface Resealing<Row, Sealed> {
  /** Whether an earlier key sealed any part of a row. */
  isOutdated(row: Row): boolean;
  /** Seals a row's parts again; undefined when one of them cannot be unsealed. */
  reseal(row: Row): Sealed | undefined;
  /** Writes the parts, unless the row has changed since it was read. */
  replace(trx: Queryable, row: Row, sealed: Sealed): Promise<void>;
}

/**
 * Seals the outdated rows again, in one transaction. A row that cannot be unsealed does not change.
 * @returns how many rows were sealed again, and how many are `lost`: outdated and impossible to unseal.
 */
export async function resealRows<Row, Sealed>(
  db: Database,
  rows: readonly Row[],
  { isOutdated, reseal, replace }: Resealing<Row, Sealed>,
): Promise<{ sealed: number; lost: number }> {
  const outdated = rows.filter(isOutdated);
  const readable = outdated.flatMap((row) => {
    const sealed = reseal(row);
    return sealed === undefined ? [] : [{ row, sealed }];
  });
  await db.transaction(async (trx) => {
    for (const { row, sealed } of readable) await replace(trx, row, sealed);
  });
  return { sealed: readable.length, lost: outdated.length - readable.length };
}
