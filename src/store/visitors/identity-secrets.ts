import type { Timestamp } from '../../domain/time.ts';
import type { Queryable } from '../tables.ts';
import type { IdentitySecretRow } from './rows.ts';

/** A sealed secret with which servers sign the identities of a chatbot's visitors. */
export interface IdentitySecret {
  readonly id: string;
  readonly accountId: string;
  readonly chatbotId: string;
  readonly sealed: string;
  /** The last four characters of the secret. */
  readonly ending: string;
  readonly createdAt: Timestamp;
}

/** The secrets of a chatbot that are valid at the same time. */
const MAX_VALID = 2;

/** Inserts a secret, and deletes all but the newest two of its chatbot, which the caller has locked. */
export async function insertIdentitySecret(trx: Queryable, secret: IdentitySecret): Promise<void> {
  const { id, accountId, chatbotId, sealed, ending, createdAt } = secret;
  const ids = { id, account_id: accountId, chatbot_id: chatbotId };
  await trx
    .insertInto('identity_secrets')
    .values({ ...ids, sealed, ending, created_at: createdAt })
    .execute();
  const valid = await listIdentitySecrets(trx, accountId, chatbotId);
  await trx
    .deleteFrom('identity_secrets')
    .where('chatbot_id', '=', chatbotId)
    .where(
      'id',
      'not in',
      valid.map((each) => each.id),
    )
    .execute();
}

/** The valid secrets of a chatbot, the newest first. Uses `identity_secrets_by_chatbot`. */
export async function listIdentitySecrets(
  db: Queryable,
  accountId: string,
  chatbotId: string,
): Promise<IdentitySecret[]> {
  const rows = await db
    .selectFrom('identity_secrets')
    .selectAll()
    .where('chatbot_id', '=', chatbotId)
    .where('account_id', '=', accountId)
    .orderBy('id', 'desc')
    .limit(MAX_VALID)
    .execute();
  return rows.map(toSecret);
}

/** The secrets of all chatbots of all accounts. */
export async function listAllIdentitySecrets(db: Queryable): Promise<IdentitySecret[]> {
  return (await db.selectFrom('identity_secrets').selectAll().execute()).map(toSecret);
}

/** Replaces the sealed form of a secret. */
export async function replaceSealedIdentity(trx: Queryable, { id }: IdentitySecret, sealed: string): Promise<void> {
  await trx.updateTable('identity_secrets').set({ sealed }).where('id', '=', id).execute();
}

const toSecret = (row: IdentitySecretRow): IdentitySecret => ({
  ...{ id: row.id, accountId: row.account_id, chatbotId: row.chatbot_id },
  ...{ sealed: row.sealed, ending: row.ending, createdAt: row.created_at },
});
