import { hash } from 'node:crypto';
import type { Deps } from '../deps.ts';
import type { Conversation, Message } from '../domain/entities.ts';
import { IdempotencyConflictError } from '../domain/errors.ts';
import { type Timestamp, toTimestamp } from '../domain/time.ts';
import type { LoggedEvent } from '../store/events.ts';
import {
  deleteIdempotentEffects,
  findIdempotentEffect,
  recordIdempotentEffect,
  type ScopedIdempotencyKey,
} from '../store/idempotency.ts';
import { listStoppingReplies } from '../store/open-replies.ts';
import type { Queryable } from '../store/tables.ts';

/** How long a key protects a request. Schema, REST schemas and docs name the 24 hours too. */
const KEY_LIFETIME_MS = 24 * 60 * 60 * 1_000;

/** A request with an idempotency key: the key with its scope, the content of the request, and the time. */
export interface IdempotentSend {
  readonly scope: ScopedIdempotencyKey;
  readonly request: unknown;
  readonly now: number;
}

/**
 * Finds the id of the message that the same request has written within the last 24 hours.
 * @throws IdempotencyConflictError when the key was used for a different request.
 */
export async function findRecordedSend(
  trx: Queryable,
  accountId: string,
  { scope, request, now }: IdempotentSend,
): Promise<string | undefined> {
  const effect = await findIdempotentEffect(trx, accountId, scope, expiryCutoff(now));
  if (effect !== undefined && effect.fingerprint !== fingerprintOf(request)) throw new IdempotencyConflictError();
  return effect?.messageId;
}

/**
 * Records the message that a request has written, in the transaction that writes the message. So the message is never
 * stored without the record.
 */
export async function recordSend(
  trx: Queryable,
  accountId: string,
  { scope, request, now }: IdempotentSend,
  messageId: string,
): Promise<void> {
  const effect = { messageId, fingerprint: fingerprintOf(request) };
  await recordIdempotentEffect(trx, accountId, scope, effect, { at: toTimestamp(now), since: expiryCutoff(now) });
}

/**
 * Reads the input for the effects that a repeated request must repeat: signalling subscribers, and stopping the replies
 * that are marked to stop. The first request may have failed between its commit and these effects. If it did not start
 * its reply, the reply watcher starts that reply.
 */
export async function readEffectsToRepeat(
  trx: Queryable,
  { id: conversationId, accountId, chatbotId }: Conversation,
): Promise<{ enqueued: undefined; repliesToStop: Message[]; events: RepeatedEvent[] }> {
  const repliesToStop = await listStoppingReplies(trx, accountId, conversationId);
  return { enqueued: undefined, repliesToStop, events: [{ accountId, chatbotId, conversationId }] };
}

/** Names the topics of an event that is published again. */
type RepeatedEvent = Pick<LoggedEvent, 'accountId' | 'chatbotId' | 'conversationId'>;

/** Deletes the idempotency keys that are older than 24 hours. */
export async function deleteExpiredIdempotencyKeys({ db, clock }: Pick<Deps, 'db' | 'clock'>): Promise<void> {
  await db.transaction((trx) => deleteIdempotentEffects(trx, expiryCutoff(clock.now())));
}

const expiryCutoff = (now: number): Timestamp => toTimestamp(now - KEY_LIFETIME_MS);

/** Computes a hash of a request that does not depend on the order of the request's properties. */
function fingerprintOf(request: unknown): string {
  return hash(
    'sha256',
    JSON.stringify(request, (_key, value) => sortKeys(value)),
    'hex',
  );
}

function sortKeys(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}
