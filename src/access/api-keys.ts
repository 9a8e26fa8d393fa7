import { z } from 'zod';
import type { Announcements } from '../coordination/announcements.ts';
import { type ApiKey, SCOPES, type Scope } from '../domain/entities.ts';
import { ApiKeyLimitError, InvalidInputError, NotFoundError, requireFound } from '../domain/errors.ts';
import { createId, parseId } from '../domain/ids.ts';
import { nameText, omitUndefined, parseChanges, parseInput } from '../domain/input.ts';
import { generateKey, hashKey, hasKeyFormat, PREFIX_LENGTH } from '../domain/key-form.ts';
import { MAX_ACTIVE_API_KEYS } from '../domain/shared-limits.ts';
import { type Clock, type Timestamp, toTimestamp } from '../domain/time.ts';
import { lockAccount } from '../store/accounts.ts';
import {
  countActiveApiKeys,
  findApiKey,
  insertApiKey,
  markApiKeyRevoked,
  updateApiKeySettings,
} from '../store/api-keys.ts';
import { findChatbots } from '../store/chatbots.ts';
import type { Database } from '../store/database.ts';
import type { Queryable } from '../store/tables.ts';
import type { Keyring } from './keyring.ts';
import type { Viewer } from './viewer.ts';

/** A key that was just created. `secret` is its full text, which cannot be read again. */
export interface CreatedApiKey {
  readonly apiKey: ApiKey;
  readonly secret: string;
}

/** The maximum number of chatbots to which a key can be restricted. */
export const MAX_KEY_CHATBOTS = 100;

/** The fields of a new key, besides its text. */
interface KeyFields {
  readonly name: string;
  readonly scopes: readonly Scope[];
  /** Absent or null: the key does not expire. */
  readonly expiresAt?: Timestamp | null;
  /** The ids of chatbots of the account, at least one; absent or null: the key is not restricted. */
  readonly chatbotIds?: readonly string[] | null | undefined;
  /** Absent: false. */
  readonly persistedOnly?: boolean;
}

/** The dependencies of a change of a key. */
export interface KeyringDeps {
  readonly db: Database;
  readonly clock: Clock;
  readonly keyring: Pick<Keyring, 'refresh'>;
  readonly announcements: Pick<Announcements, 'announce'>;
}

const rules = z.object({
  name: nameText,
  scopes: z
    .array(z.enum(SCOPES))
    .min(1, 'Name at least one scope, or leave the field out.')
    .transform((scopes) => SCOPES.filter((scope) => scopes.includes(scope)))
    .optional(),
  persistedOnly: z.boolean().optional(),
  expiresAt: z.custom<Timestamp>().optional(),
  chatbotIds: z
    .array(z.string())
    .min(1, 'Name at least one chatbot, or leave the field out.')
    .max(MAX_KEY_CHATBOTS, `Must have at most ${MAX_KEY_CHATBOTS} items.`)
    .optional(),
});

const changeRules = z.object({ name: nameText.optional(), persistedOnly: z.boolean().optional() });

/**
 * Creates a key for the viewer's account, which may do no more than the viewer.
 * @param input `name` has 1–255 characters. `scopes` must be scopes of the viewer; if absent, the key has all of
 * them. `persistedOnly` limits the key to the documents of manifests; if absent, as the viewer is.
 * `expiresAt` must be in the future, and not after the expiry of the viewer; if absent, the key expires with the
 * viewer. `chatbotIds` must be chatbots of the viewer; if absent, the key has the chatbots of the viewer.
 * @throws InvalidInputError; ApiKeyLimitError when the account has 5 active keys.
 */
export async function createApiKey(
  deps: { readonly db: Database; readonly clock: Clock },
  viewer: Pick<Viewer, 'accountId' | 'scopes' | 'chatbotIds' | 'expiresAt' | 'persistedOnly'>,
  input: {
    name: string;
    scopes?: readonly Scope[] | null | undefined;
    expiresAt?: Timestamp | null | undefined;
    chatbotIds?: readonly string[] | null | undefined;
    persistedOnly?: boolean | null | undefined;
  },
): Promise<CreatedApiKey> {
  const {
    name,
    scopes = [...viewer.scopes],
    expiresAt = viewer.expiresAt ?? null,
    chatbotIds = viewer.chatbotIds && [...viewer.chatbotIds],
    persistedOnly = viewer.persistedOnly,
  } = parseInput(rules, input);
  requirePersistedOnly(viewer, persistedOnly);
  const missingScopes = scopes.filter((scope) => !viewer.scopes.has(scope));
  if (missingScopes.length > 0) {
    const message = `This credential does not have ${missingScopes.join(', ')}.`;
    throw new InvalidInputError([{ path: ['scopes'], message }]);
  }
  if (viewer.expiresAt && (expiresAt ?? '') > viewer.expiresAt) {
    throw new InvalidInputError([{ path: ['expiresAt'], message: `This credential expires at ${viewer.expiresAt}.` }]);
  }
  const fields = { name, scopes, expiresAt, chatbotIds, persistedOnly };
  return deps.db.transaction((trx) => issueApiKey(trx, deps.clock.now(), viewer.accountId, fields));
}

/**
 * Inserts a key for an account, in the caller's transaction. Allows any scopes, because two of the callers, the first
 * start and the command line, act for the operator.
 * @param secret the key's text, if the operator has chosen it.
 * @throws InvalidInputError for an unknown chatbot, and for an expiry that is not in the future; ApiKeyLimitError when
 * the account has 5 active keys.
 */
export async function issueApiKey(
  trx: Queryable,
  now: number,
  accountId: string,
  {
    name,
    scopes,
    expiresAt = null,
    chatbotIds,
    persistedOnly = false,
    secret = generateKey(),
  }: KeyFields & { secret?: string },
): Promise<CreatedApiKey> {
  if (!hasKeyFormat(secret)) throw new InvalidInputError([{ path: ['secret'], message: 'Not an API key.' }]);
  if (expiresAt !== null && expiresAt <= toTimestamp(now)) {
    throw new InvalidInputError([{ path: ['expiresAt'], message: 'Must be in the future.' }]);
  }
  await lockAccount(trx, accountId);
  if ((await countActiveApiKeys(trx, accountId, toTimestamp(now))) >= MAX_ACTIVE_API_KEYS) throw new ApiKeyLimitError();
  const apiKey: ApiKey = {
    id: createId('apiKey'),
    accountId,
    name,
    prefix: secret.slice(0, PREFIX_LENGTH),
    scopes,
    chatbotIds: chatbotIds == null ? null : await requireChatbots(trx, accountId, chatbotIds),
    limits: {},
    createdAt: toTimestamp(now),
    lastUsedAt: null,
    expiresAt,
    revokedAt: null,
    persistedOnly,
  };
  await insertApiKey(trx, apiKey, hashKey(secret));
  return { apiKey, secret };
}

/** @throws InvalidInputError for an id that is not one of a chatbot of the account. */
async function requireChatbots(trx: Queryable, accountId: string, givenIds: readonly string[]): Promise<string[]> {
  const ids = [...new Set(givenIds.map((id) => parseId('chatbot', id)))];
  const known = ids.every((id) => id !== undefined) ? await findChatbots(trx, accountId, ids) : [];
  if (known.length === ids.length) return known.map(({ id }) => id).sort();
  throw new InvalidInputError([{ path: ['chatbotIds'], message: 'Must be ids of chatbots.' }]);
}

/**
 * Changes the name of a key, or what it may send; in force at once, on other gateways within moments.
 * @throws NotFoundError, InvalidInputError, also if the viewer may run only documents of manifests, and the key any.
 */
export async function updateApiKey(
  deps: KeyringDeps,
  viewer: Pick<Viewer, 'accountId' | 'persistedOnly'>,
  input: { id: string; name?: string | null | undefined; persistedOnly?: boolean | null | undefined },
): Promise<ApiKey> {
  const changes = omitUndefined(parseChanges(changeRules, { ...input }));
  requirePersistedOnly(viewer, changes.persistedOnly);
  const id = requireFound('API key', parseId('apiKey', input.id));
  const changed = await deps.db.transaction(async (trx) => {
    await lockAccount(trx, viewer.accountId);
    const apiKey = { ...requireFound('API key', await findApiKey(trx, viewer.accountId, id)), ...changes };
    await updateApiKeySettings(trx, apiKey);
    return apiKey;
  });
  await refreshKeys(deps, changed.id);
  return changed;
}

/**
 * Revokes a key of the viewer's account permanently; its requests, sockets and streams end at once. Revoking a revoked
 * key changes nothing.
 * @throws NotFoundError
 */
export async function revokeApiKey(deps: KeyringDeps, viewer: Viewer, input: { id: string }): Promise<ApiKey> {
  const id = parseId('apiKey', input.id);
  const revoked = await deps.db.transaction(async (trx) => {
    if (id === undefined) return undefined;
    await markApiKeyRevoked(trx, viewer.accountId, id, toTimestamp(deps.clock.now()));
    return findApiKey(trx, viewer.accountId, id);
  });
  if (revoked === undefined) throw new NotFoundError('API key');
  await refreshKeys(deps, revoked.id);
  return revoked;
}

/** No key may do more than the key that makes it. @throws InvalidInputError */
function requirePersistedOnly(viewer: Pick<Viewer, 'persistedOnly'>, persistedOnly: boolean | undefined): void {
  if (!viewer.persistedOnly || persistedOnly !== false) return;
  const message = 'This credential may itself run only the documents of manifests.';
  throw new InvalidInputError([{ path: ['persistedOnly'], message }]);
}

/** Makes this process and all others read their cached keys again. */
export async function refreshKeys({ announcements, keyring }: KeyringDeps, id: string): Promise<void> {
  announcements.announce('revoked', id);
  await keyring.refresh();
}
