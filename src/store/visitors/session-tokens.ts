import type { Selectable } from 'kysely';
import type { Timestamp } from '../../domain/time.ts';
import type { Renewal, SessionToken } from '../../domain/visitors/session-tokens.ts';
import { padIds } from '../pages.ts';
import type { Queryable } from '../tables.ts';
import type { SessionTokenRow } from './rows.ts';

/** A session token with its renewal credential. */
export interface RenewableToken {
  readonly sessionToken: SessionToken;
  readonly renewal: Renewal;
}

/** Inserts a new session token. */
export async function insertSessionToken(trx: Queryable, token: RenewableToken): Promise<void> {
  const { sessionToken } = token;
  await trx
    .insertInto('session_tokens')
    .values({
      id: sessionToken.id,
      account_id: sessionToken.accountId,
      chatbot_id: sessionToken.chatbotId,
      origin: sessionToken.origin,
      operations: sessionToken.operations,
      channel: sessionToken.channel,
      lifetime_seconds: sessionToken.lifetimeSeconds,
      created_at: sessionToken.createdAt,
      revoked_at: sessionToken.revokedAt,
      ...toRenewalColumns(token),
    })
    .execute();
}

/** Writes what a renewal changes. */
export async function updateRenewal(trx: Queryable, token: RenewableToken): Promise<void> {
  const { id, accountId } = token.sessionToken;
  await trx
    .updateTable('session_tokens')
    .set(toRenewalColumns(token))
    .where('id', '=', id)
    .where('account_id', '=', accountId)
    .execute();
}

/**
 * Finds a session token of any account by its id, which a renewal token has proved, and locks it until the end of the
 * transaction. Lock its visitor first.
 */
export async function lockSessionToken(trx: Queryable, id: string): Promise<RenewableToken | undefined> {
  const row = await trx.selectFrom('session_tokens').selectAll().where('id', '=', id).forUpdate().executeTakeFirst();
  return row && { sessionToken: toSessionToken(row), renewal: toRenewal(row) };
}

/** Finds a session token of any account by its id, which a renewal token has proved. */
export async function findProvenSessionToken(db: Queryable, id: string): Promise<SessionToken | undefined> {
  const row = await db.selectFrom('session_tokens').selectAll().where('id', '=', id).executeTakeFirst();
  return row && toSessionToken(row);
}

/** Finds several session tokens of the account, in no particular order. */
export async function findSessionTokens(
  db: Queryable,
  accountId: string,
  ids: readonly string[],
): Promise<SessionToken[]> {
  const rows = await db
    .selectFrom('session_tokens')
    .selectAll()
    .where('id', 'in', padIds(ids))
    .where('account_id', '=', accountId)
    .execute();
  return rows.map(toSessionToken);
}

/** Revokes a session token of the account; one that is revoked already keeps its time. */
export async function revokeStoredToken(
  trx: Queryable,
  accountId: string,
  id: string,
  at: Timestamp,
): Promise<SessionToken | undefined> {
  await trx
    .updateTable('session_tokens')
    .set({ revoked_at: at })
    .where('id', '=', id)
    .where('account_id', '=', accountId)
    .where('revoked_at', 'is', null)
    .execute();
  const [token] = await findSessionTokens(trx, accountId, [id]);
  return token;
}

/** Revokes all session tokens of a visitor. Uses `session_tokens_by_visitor`. */
export async function revokeTokensOfVisitor(
  trx: Queryable,
  { accountId, id }: { readonly accountId: string; readonly id: string },
  at: Timestamp,
): Promise<void> {
  await trx
    .updateTable('session_tokens')
    .set({ revoked_at: at })
    .where('visitor_id', '=', id)
    .where('account_id', '=', accountId)
    .where('revoked_at', 'is', null)
    .execute();
}

/** When the newest tokens of sessions of all accounts expire, by their ids; revoked ones are absent. */
export async function findExpiryTimes(db: Queryable, ids: readonly string[]): Promise<ReadonlyMap<string, Timestamp>> {
  const rows = await db
    .selectFrom('session_tokens')
    .select(['id', 'expires_at'])
    .where('id', 'in', padIds(ids))
    .where('revoked_at', 'is', null)
    .execute();
  return new Map(rows.map(({ id, expires_at }) => [id, expires_at]));
}

/**
 * Deletes at most `limit` sessions that cannot be renewed since `before`. Uses `session_tokens_by_end`.
 * @returns the ids of their visitors, one for each session.
 */
export async function deleteEndedSessions(trx: Queryable, before: Timestamp, limit: number): Promise<string[]> {
  const rows = await trx
    .deleteFrom('session_tokens')
    .where('id', 'in', (eb) =>
      eb.selectFrom('session_tokens').select('id').where('renewable_until', '<', before).limit(limit),
    )
    .returning('visitor_id')
    .execute();
  return rows.map(({ visitor_id }) => visitor_id);
}

function toRenewalColumns({ sessionToken, renewal }: RenewableToken) {
  return {
    renewal_number: renewal.number,
    renewal_hash: renewal.hash,
    previous_renewal_hash: renewal.previousHash,
    renewed_at: renewal.renewedAt,
    renewable_until: renewal.renewableUntil,
    expires_at: sessionToken.expiresAt,
    visitor_id: sessionToken.visitorId,
  };
}

function toSessionToken(row: Selectable<SessionTokenRow>): SessionToken {
  return {
    id: row.id,
    accountId: row.account_id,
    chatbotId: row.chatbot_id,
    visitorId: row.visitor_id,
    origin: row.origin,
    operations: row.operations,
    channel: row.channel,
    lifetimeSeconds: row.lifetime_seconds,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    revokedAt: row.revoked_at,
  };
}

function toRenewal(row: Selectable<SessionTokenRow>): Renewal {
  return {
    number: row.renewal_number,
    hash: row.renewal_hash,
    previousHash: row.previous_renewal_hash,
    renewedAt: row.renewed_at,
    renewableUntil: row.renewable_until,
  };
}
