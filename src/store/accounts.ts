import type { Account } from '../domain/entities.ts';
import type { AccountRow, Queryable } from './tables.ts';

/** Inserts a new account. Names are unique. */
export async function insertAccount(trx: Queryable, account: Account): Promise<void> {
  await trx
    .insertInto('accounts')
    .values({ id: account.id, name: account.name, created_at: account.createdAt })
    .execute();
}

/** Finds an account by its id. */
export async function findAccount(db: Queryable, id: string): Promise<Account | undefined> {
  const row = await db.selectFrom('accounts').selectAll().where('id', '=', id).executeTakeFirst();
  return row && toAccount(row);
}

/** Locks an account until the end of the transaction. Callers lock it before they count rows in order to add one. */
export async function lockAccount(trx: Queryable, id: string): Promise<void> {
  await trx.selectFrom('accounts').select('id').where('id', '=', id).forNoKeyUpdate().execute();
}

/** Finds an account by its id or its name, as an operator would type either. */
export async function findAccountByIdOrName(db: Queryable, text: string): Promise<Account | undefined> {
  const row = await db
    .selectFrom('accounts')
    .selectAll()
    .where((where) => where.or([where('id', '=', text.toLowerCase()), where('name', '=', text)]))
    .executeTakeFirst();
  return row && toAccount(row);
}

/** Whether any account exists; false only before the first start. */
export async function hasAccounts(db: Queryable): Promise<boolean> {
  return (await db.selectFrom('accounts').select('id').limit(1).executeTakeFirst()) !== undefined;
}

function toAccount(row: AccountRow): Account {
  return { id: row.id, name: row.name, createdAt: row.created_at };
}
