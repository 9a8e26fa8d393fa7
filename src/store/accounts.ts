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

/**
 * Locks an account until the end of the transaction. A caller locks the account before it checks a limit on the number
 * of the account's rows, such as its API keys.
 */
export async function lockAccount(trx: Queryable, id: string): Promise<void> {
  await trx.selectFrom('accounts').select('id').where('id', '=', id).forNoKeyUpdate().execute();
}

/** Finds an account by its id or its name: an operator may type either. */
export async function findAccountByIdOrName(db: Queryable, idOrName: string): Promise<Account | undefined> {
  const row = await db
    .selectFrom('accounts')
    .selectAll()
    .where((where) => where.or([where('id', '=', idOrName.toLowerCase()), where('name', '=', idOrName)]))
    .executeTakeFirst();
  return row && toAccount(row);
}

/** Finds the only account; undefined if there are several, or none. */
export async function findOnlyAccount(db: Queryable): Promise<Account | undefined> {
  const [row, ...others] = await db.selectFrom('accounts').selectAll().limit(2).execute();
  return row && others.length === 0 ? toAccount(row) : undefined;
}

/** Finds the account that was created first; undefined only before the first start. */
export async function findFirstAccount(db: Queryable): Promise<Account | undefined> {
  const row = await db
    .selectFrom('accounts')
    .selectAll()
    .orderBy('created_at')
    .orderBy('id')
    .limit(1)
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
