import type { Timestamp } from '../domain/time.ts';
import type { Queryable } from './tables.ts';

/** A client's idempotency key and its scope: in another scope, the same key is a different key. */
export interface ScopedIdempotencyKey {
  readonly chatbotId: string;
  readonly operation: string;
  readonly key: string;
}

/** The recorded effect of a request with a key: the new message, and the fingerprint of the request. */
export interface IdempotentEffect {
  readonly messageId: string;
  readonly fingerprint: string;
}

/**
 * Finds the effect of a key, if it was recorded after `since`. `messages/idempotent-send.ts` decides how old it may be.
 */
export async function findIdempotentEffect(
  db: Queryable,
  accountId: string,
  { chatbotId, operation, key }: ScopedIdempotencyKey,
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
 * Records the effect of a key, in the transaction of the effect, and replaces an effect from before `since`. Of several
 * identical concurrent requests, one succeeds and the others fail with a unique violation.
 */
export async function recordIdempotentEffect(
  trx: Queryable,
  accountId: string,
  { chatbotId, operation, key }: ScopedIdempotencyKey,
  effect: IdempotentEffect,
  { at, since }: { at: Timestamp; since: Timestamp },
): Promise<void> {
  await trx
    .deleteFrom('idempotency_keys')
    .where('chatbot_id', '=', chatbotId)
    .where('operation', '=', operation)
    .where('key', '=', key)
    .where('created_at', '<=', since)
    .execute();
  await trx
    .insertInto('idempotency_keys')
    .values({
      account_id: accountId,
      chatbot_id: chatbotId,
      operation,
      key,
      fingerprint: effect.fingerprint,
      message_id: effect.messageId,
      created_at: at,
    })
    .execute();
}

/** Deletes all effects from before `since`. Uses `idempotency_keys_by_age`. */
export async function deleteIdempotentEffects(trx: Queryable, since: Timestamp): Promise<void> {
  await trx.deleteFrom('idempotency_keys').where('created_at', '<=', since).execute();
}
