import type { Deps } from '../deps.ts';
import { QuotaExceededError } from '../domain/errors.ts';
import { monthOf, toTimestamp } from '../domain/time.ts';
import type { QuotaWarning } from '../domain/usage.ts';
import { insertWarning } from '../store/quota-warnings.ts';
import type { Queryable } from '../store/tables.ts';
import { reserveReply } from '../store/usage.ts';
import { enqueueEvents } from '../store/webhooks/outbox.ts';

/** The shares of a month's quota, in percent, at which an account is warned. */
export const WARNING_PERCENTAGES = [80, 100];

/**
 * Takes a reply of the account's month, in the transaction of the message, and writes the warnings that this calls for.
 * @returns the warnings, which are to be signalled after the commit.
 * @throws QuotaExceededError
 */
export async function reserveReplyQuota(
  trx: Queryable,
  { monthlyMessageLimit: limit }: Pick<Deps['config'], 'monthlyMessageLimit'>,
  accountId: string,
  now: number,
): Promise<QuotaWarning[]> {
  const month = monthOf(now);
  const used = await reserveReply(trx, accountId, month, limit);
  if (used === undefined) throw new QuotaExceededError();
  const warnings: QuotaWarning[] = [];
  // More than the share, too: a limit may be lowered while it is counted.
  for (const percent of WARNING_PERCENTAGES.filter((share) => limit > 0 && used * 100 >= limit * share)) {
    const warning = await insertWarning(trx, { accountId, month, percent, used, limit, at: toTimestamp(now) });
    if (warning === undefined) continue;
    warnings.push(warning);
    await enqueueEvents(trx, { accountId, chatbotId: null, at: warning.at }, [
      { name: 'QUOTA_WARNING', buildPayload: () => ({ data: { month, percent, used, limit } }) },
    ]);
  }
  return warnings;
}
