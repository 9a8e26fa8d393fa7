import type { Timestamp } from '../../domain/time.ts';
import type { Queryable } from '../tables.ts';

/** The health of an endpoint. */
export interface EndpointHealth {
  readonly id: string;
  readonly accountId: string;
  readonly chatbotId: string | null;
  readonly description: string;
  readonly isActive: boolean;
  /** Since when every attempt has failed; null after a success. */
  readonly failingSince: Timestamp | null;
  /** When the owner was warned that the endpoint keeps failing; null before the warning. */
  readonly warnedAt: Timestamp | null;
  /** Why the subscription was disabled; null while it is active. */
  readonly disabledReason: string | null;
}

/** Reads the health of endpoints and locks them until the end of the transaction, always in the same order. */
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
    // New deliveries to these endpoints do not wait for this lock.
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

/** Writes the health of an endpoint; `at` is the time of the change. */
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
