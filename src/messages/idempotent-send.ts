import { hash } from 'node:crypto';
import type { Deps } from '../deps.ts';
import type { Conversation, Message } from '../domain/entities.ts';
import { IdempotencyConflictError } from '../domain/errors.ts';
import { type Timestamp, toTimestamp } from '../domain/time.ts';
import {
  deleteIdempotentEffects,
  findIdempotentEffect,
  type IdempotencyScope,
  recordIdempotentEffect,
} from '../store/idempotency.ts';
import { listStoppingReplies } from '../store/open-replies.ts';
import type { Queryable } from '../store/tables.ts';

const KEPT_MS = 24 * 60 * 60 * 1_000;

/** One send under a client's key: the key's scope, and what was asked. */
export interface IdempotentSend {
  readonly scope: IdempotencyScope;
  readonly asked: unknown;
  readonly now: number;
}

/**
 * Finds the message that the same send has written before, within 24 hours.
 * @throws IdempotencyConflictError when the key was used for something else.
 */
export async function findRecordedSend(
  trx: Queryable,
  accountId: string,
  { scope, asked, now }: IdempotentSend,
): Promise<string | undefined> {
  const effect = await findIdempotentEffect(trx, accountId, scope, expiryOf(now));
  if (effect !== undefined && effect.fingerprint !== fingerprintOf(asked)) throw new IdempotencyConflictError();
  return effect?.messageId;
}

/** Keeps what a send has written, in its transaction, so that there is no moment between effect and key. */
export async function recordSend(
  trx: Queryable,
  accountId: string,
  { scope, asked, now }: IdempotentSend,
  messageId: string,
): Promise<void> {
  const effect = { messageId, fingerprint: fingerprintOf(asked) };
  await recordIdempotentEffect(trx, accountId, scope, effect, { at: toTimestamp(now), since: expiryOf(now) });
}

/**
 * Reads what a request that is sent again has to repeat, because what follows a commit may not have been done the first
 * time: readers are woken, and replies that were asked to stop are made to. One that was to begin is begun by the watcher
 * for replies that nobody writes.
 */
export async function repeatEffects(
  trx: Queryable,
  { id: conversationId, accountId, chatbotId }: Conversation,
): Promise<{ turn: undefined; stopping: Message[]; events: [{ conversationId: string; chatbotId: string }] }> {
  const stopping = await listStoppingReplies(trx, accountId, conversationId);
  return { turn: undefined, stopping, events: [{ conversationId, chatbotId }] };
}

/** Forgets the keys that do not count any more. */
export async function deleteExpiredSends({ db, clock }: Pick<Deps, 'db' | 'clock'>): Promise<void> {
  await db.transaction((trx) => deleteIdempotentEffects(trx, expiryOf(clock.now())));
}

const expiryOf = (now: number): Timestamp => toTimestamp(now - KEPT_MS);

/** The same for the same values, whatever the order of their keys. */
function fingerprintOf(asked: unknown): string {
  return hash(
    'sha256',
    JSON.stringify(asked, (_key, value) => sortKeys(value)),
    'hex',
  );
}

function sortKeys(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}
