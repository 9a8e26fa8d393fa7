import { fromJson, type JsonText } from '../../domain/json.ts';
import type { Limits } from '../../domain/limits.ts';
import type { Timestamp } from '../../domain/time.ts';
import type { Queryable } from '../tables.ts';

/** The causes that end sessions before they expire, and the origins that may start them; of all accounts. */
export interface AccessState {
  /** The ids of the session tokens that were revoked since a moment. */
  readonly revokedIds: ReadonlySet<string>;
  /** The ids of anonymous visitors that were identified since that moment, each with that of the identified visitor. */
  readonly joinedIds: ReadonlyMap<string, string>;
  /** When the blocks of networks end, by `<account id> <network>`. */
  readonly blockEnds: ReadonlyMap<string, Timestamp>;
  /** The origins that active public chatbots list. */
  readonly publicOrigins: ReadonlySet<string>;
  /** The limits that owners have set for the sessions of chatbots, by the id of the chatbot. */
  readonly limits: ReadonlyMap<string, Limits>;
}

/** The state of a gateway before its first read. */
export const EMPTY_STATE: AccessState = {
  revokedIds: new Set(),
  joinedIds: new Map(),
  blockEnds: new Map(),
  publicOrigins: new Set(),
  limits: new Map(),
};

/** Reads the state. Uses `session_tokens_revoked`, `chatbots_public` and `chatbots_limited`. */
export async function readAccessState(
  db: Queryable,
  { now, since }: { readonly now: Timestamp; readonly since: Timestamp },
): Promise<AccessState> {
  const [revoked, joins, blocks, chatbots, limited] = await Promise.all([
    db.selectFrom('session_tokens').select('id').where('revoked_at', '>', since).execute(),
    db.selectFrom('visitor_joins').select(['visitor_id', 'joined_id']).where('at', '>', since).execute(),
    db.selectFrom('address_blocks').selectAll().where('until', '>', now).execute(),
    db
      .selectFrom('chatbots')
      .select('allowed_origins')
      .distinct()
      .where('is_public', '=', 1)
      .where('is_active', '=', 1)
      .where('deleted_at', 'is', null)
      .execute(),
    db
      .selectFrom('chatbots')
      .select(['id', 'limits'])
      .where('limits', 'is not', null)
      .$narrowType<{ limits: JsonText }>()
      .execute(),
  ]);
  return {
    revokedIds: new Set(revoked.map(({ id }) => id)),
    joinedIds: new Map(joins.map(({ visitor_id, joined_id }) => [visitor_id, joined_id])),
    blockEnds: new Map(blocks.map(({ account_id, network, until }) => [`${account_id} ${network}`, until])),
    publicOrigins: new Set(chatbots.flatMap(({ allowed_origins }) => fromJson<string[]>(allowed_origins))),
    limits: new Map(limited.map(({ id, limits }) => [id, fromJson<Limits>(limits)])),
  };
}

/** Finds the visitor as whom an anonymous visitor of the account was identified. */
export async function findJoinedVisitorId(
  db: Queryable,
  accountId: string,
  visitorId: string,
): Promise<string | undefined> {
  const row = await db
    .selectFrom('visitor_joins')
    .select('joined_id')
    .where('visitor_id', '=', visitorId)
    .where('account_id', '=', accountId)
    .executeTakeFirst();
  return row?.joined_id;
}

/** Blocks a network for an account until a time. */
export async function saveAddressBlock(
  trx: Queryable,
  accountId: string,
  network: string,
  until: Timestamp,
): Promise<void> {
  await trx
    .insertInto('address_blocks')
    .values({ account_id: accountId, network, until })
    .onConflict((on) => on.columns(['account_id', 'network']).doUpdateSet({ until }))
    .execute();
}

/** Ends the block of a network. */
export async function deleteAddressBlock(trx: Queryable, accountId: string, network: string): Promise<void> {
  await trx.deleteFrom('address_blocks').where('account_id', '=', accountId).where('network', '=', network).execute();
}

/** A network that an account has blocked. */
export interface AddressBlock {
  readonly network: string;
  readonly until: Timestamp;
}

/** The networks that the account blocks now; those whose block ends last come first. */
export async function listAddressBlocks(
  db: Queryable,
  accountId: string,
  now: Timestamp,
  limit: number,
): Promise<AddressBlock[]> {
  return db
    .selectFrom('address_blocks')
    .select(['network', 'until'])
    .where('account_id', '=', accountId)
    .where('until', '>', now)
    .orderBy('until', 'desc')
    .orderBy('network')
    .limit(limit)
    .execute();
}

/** Deletes blocks that have ended and joins that no valid token needs any more. */
export async function deleteEndedState(
  trx: Queryable,
  { now, since }: { readonly now: Timestamp; readonly since: Timestamp },
): Promise<void> {
  await trx.deleteFrom('address_blocks').where('until', '<=', now).execute();
  await trx.deleteFrom('visitor_joins').where('at', '<=', since).execute();
}
