import type { QuotaWarning } from '../domain/usage.ts';
import type { Queryable } from './tables.ts';
import type { QuotaWarningRow } from './usage-rows.ts';

/**
 * Inserts a warning, once per month and percentage. The caller has locked the usage row of the month, so the numbers
 * are in the order of the commits.
 * @returns `undefined` when the warning exists already.
 */
export async function insertWarning(
  trx: Queryable,
  warning: Omit<QuotaWarning, 'number'>,
): Promise<QuotaWarning | undefined> {
  const { accountId, month, percent } = warning;
  const existing = await listWarningsOfMonth(trx, accountId, month);
  if (existing.some((earlier) => earlier.percent === percent)) return undefined;
  const number = ((await findLastWarning(trx, accountId))?.number ?? 0) + 1;
  const { used, limit, at } = warning;
  const row = { account_id: accountId, number, month, percent, used, message_limit: limit, at };
  await trx.insertInto('quota_warnings').values(row).execute();
  return toWarning(row);
}

/** The warnings of a month, oldest first. Uses `quota_warnings_by_share`, an index on the month and the percentage. */
export async function listWarningsOfMonth(db: Queryable, accountId: string, month: string): Promise<QuotaWarning[]> {
  const rows = await db
    .selectFrom('quota_warnings')
    .selectAll()
    .where('account_id', '=', accountId)
    .where('month', '=', month)
    .orderBy('number')
    .execute();
  return rows.map(toWarning);
}

/** An account's warnings after the number `after`, oldest first. Uses the primary key. */
export async function listWarnings(
  db: Queryable,
  accountId: string,
  { after, limit }: { after: number; limit: number },
): Promise<QuotaWarning[]> {
  const rows = await db
    .selectFrom('quota_warnings')
    .selectAll()
    .where('account_id', '=', accountId)
    .where('number', '>', after)
    .orderBy('number')
    .limit(limit)
    .execute();
  return rows.map(toWarning);
}

/** An account's last warning; `undefined` without warnings. Uses the primary key. */
export async function findLastWarning(db: Queryable, accountId: string): Promise<QuotaWarning | undefined> {
  const row = await db
    .selectFrom('quota_warnings')
    .selectAll()
    .where('account_id', '=', accountId)
    .orderBy('number', 'desc')
    .limit(1)
    .executeTakeFirst();
  return row && toWarning(row);
}

function toWarning(row: QuotaWarningRow): QuotaWarning {
  return {
    accountId: row.account_id,
    number: row.number,
    month: row.month,
    percent: row.percent,
    used: row.used,
    limit: row.message_limit,
    at: row.at,
  };
}
