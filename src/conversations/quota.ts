import type { Deps } from '../deps.ts';
import { QuotaExceededError } from '../domain/errors.ts';
import { monthOf, toTimestamp } from '../domain/time.ts';
import type { QuotaWarning } from '../domain/usage.ts';
import { insertWarning } from '../store/quota-warnings.ts';
import type { Queryable } from '../store/tables.ts';
import { reserveReply } from '../store/usage.ts';
import { enqueueEvents } from '../store/webhooks/outbox.ts';

/** The percentages of the monthly quota at which the gateway warns an account. Schema, samples and docs repeat them. */
export const WARNING_PERCENTAGES = [80, 100];

/**
 * Reserves one reply of the account's monthly quota in the transaction of the message, and writes the warnings that are
 * due.
 * @returns the new warnings, which the caller publishes after the commit.
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
  // Includes percentages that were exceeded before this reply: the operator may have lowered the limit this month.
  for (const percent of WARNING_PERCENTAGES.filter((threshold) => limit > 0 && used * 100 >= limit * threshold)) {
    const warning = await insertWarning(trx, { accountId, month, percent, used, limit, at: toTimestamp(now) });
    if (warning === undefined) continue;
    warnings.push(warning);
    await enqueueEvents(trx, { accountId, chatbotId: null, at: warning.at }, [
      { name: 'QUOTA_WARNING', buildPayload: () => ({ data: { month, percent, used, limit } }) },
    ]);
  }
  return warnings;
}
