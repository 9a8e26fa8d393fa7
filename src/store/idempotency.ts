import type { Timestamp } from '../domain/time.ts';
import type { Queryable } from './tables.ts';

/** The scope of a client's idempotency key: outside it, the same key may be used again. */
export interface IdempotencyScope {
  readonly chatbotId: string;
  readonly operation: string;
  readonly key: string;
}

/** The effect recorded for a key: the message written, and the fingerprint of the request. */
export interface IdempotentEffect {
  readonly messageId: string;
  readonly fingerprint: string;
}

/** Finds the effect recorded for a key since `since`; `messages/idempotent-send.ts` decides how long a key counts. */
export async function findIdempotentEffect(
  db: Queryable,
  accountId: string,
  { chatbotId, operation, key }: IdempotencyScope,
  since: Timestamp,
): Promise<IdempotentEffect | undefined> {
  const row = await db
    .selectFrom('idempotency_keys')
    .select(['message_id', 'fingerprint'])
    .where('chatbot_id', '=', chatbotId)
    .where('operation', '=', operation)
    .where('key', '=', key)
    .where('account_id', '=', accountId)
    .where('created_at', '>', since)
    .executeTakeFirst();
  return row && { messageId: row.message_id, fingerprint: row.fingerprint };
}

/**
 * Records the effect of a key, in the transaction of the effect; it replaces an effect from before `since`. Of several
 * identical concurrent requests one succeeds; the others fail with a unique violation.
 */
export async function recordIdempotentEffect(
  trx: Queryable,
  accountId: string,
  scope: IdempotencyScope,
  effect: IdempotentEffect,
  { at, since }: { at: Timestamp; since: Timestamp },
): Promise<void> {
  await trx
    .deleteFrom('idempotency_keys')
    .where('chatbot_id', '=', scope.chatbotId)
    .where('operation', '=', scope.operation)
    .where('key', '=', scope.key)
    .where('created_at', '<=', since)
    .execute();
  await trx
    .insertInto('idempotency_keys')
    .values({
      account_id: accountId,
      chatbot_id: scope.chatbotId,
      operation: scope.operation,
      key: scope.key,
      fingerprint: effect.fingerprint,
      message_id: effect.messageId,
      created_at: at,
    })
    .execute();
}

/** Deletes the effects of all keys from before `since`. Uses `idempotency_keys_by_age`. */
export async function deleteIdempotentEffects(trx: Queryable, since: Timestamp): Promise<void> {
  await trx.deleteFrom('idempotency_keys').where('created_at', '<=', since).execute();
}
