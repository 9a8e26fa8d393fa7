import type { Timestamp } from '../../domain/time.ts';
import type { Queryable } from '../tables.ts';

/** How an endpoint does. */
export interface EndpointHealth {
  readonly id: string;
  readonly accountId: string;
  readonly chatbotId: string | null;
  readonly description: string;
  readonly isActive: boolean;
  /** Since when nothing has been delivered; null when the last attempt succeeded. */
  readonly failingSince: Timestamp | null;
  /** When that was first said to be going on for long; null while it is not. */
  readonly warnedAt: Timestamp | null;
  /** Why it was switched off; null while it is active. */
  readonly disabledReason: string | null;
}

/** Finds how endpoints do and holds them to the end of the transaction, always in the same order. */
export async function lockEndpointHealth(trx: Queryable, ids: readonly string[]): Promise<EndpointHealth[]> {
  if (ids.length === 0) return [];
  const rows = await trx
    .selectFrom('webhook_subscriptions')
    .select([
      'id',
      'account_id',
      'chatbot_id',
      'description',
      'is_active',
      'failing_since',
      'warned_at',
      'disabled_reason',
    ])
    .where('id', 'in', [...new Set(ids)])
    .orderBy('id')
    // What is written for them meanwhile need not wait.
    .forNoKeyUpdate()
    .execute();
  return rows.map((row) => ({
    id: row.id,
    accountId: row.account_id,
    chatbotId: row.chatbot_id,
    description: row.description,
    isActive: row.is_active === 1,
    failingSince: row.failing_since,
    warnedAt: row.warned_at,
    disabledReason: row.disabled_reason,
  }));
}

/** Writes how an endpoint does; `at` is when it was switched off, where it is. */
export async function writeEndpointHealth(
  trx: Queryable,
  { id, accountId, isActive, failingSince, warnedAt, disabledReason }: EndpointHealth,
  at: Timestamp,
): Promise<void> {
  await trx
    .updateTable('webhook_subscriptions')
    .set({
      is_active: isActive ? 1 : 0,
      disabled_reason: disabledReason,
      failing_since: failingSince,
      warned_at: warnedAt,
      ...(!isActive && { updated_at: at }),
    })
    .where('id', '=', id)
    .where('account_id', '=', accountId)
    .execute();
}
