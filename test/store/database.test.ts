import { afterEach, beforeEach, expect, it } from 'vitest';
import { createId } from '../../src/domain/ids.ts';
import { toTimestamp } from '../../src/domain/time.ts';
import { findAccount, insertAccount } from '../../src/store/accounts.ts';
import { type Database, openDatabase } from '../../src/store/database.ts';
import type { Queryable } from '../../src/store/tables.ts';
import { describeDatabases, type TestDatabase } from '../helpers/databases.ts';

const addAccount = async (trx: Queryable, name: string = createId('account')) => {
  const account = { id: createId('account'), name, createdAt: toTimestamp(0) };
  await insertAccount(trx, account);
  return account;
};

describeDatabases('a database', (engine) => {
  let database: TestDatabase;
  const opened: Database[] = [];

  beforeEach(async () => {
    database = await engine.create();
  });
  afterEach(async () => {
    for (const db of opened.splice(0)) await db.close();
    await database.drop();
  });

  async function open(): Promise<Database> {
    const db = await openDatabase({ url: database.url, role: 'gateway' });
    opened.push(db);
    return db;
  }

  it('reads only committed data', async () => {
    const db = await open();
    const account = await db.transaction(async (trx) => {
      const added = await addAccount(trx);
      expect(await findAccount(db.read, added.id)).toBeUndefined();
      return added;
    });
    expect(await findAccount(db.read, account.id)).toEqual(account);
  });

  it('rolls back a transaction that throws', async () => {
    const db = await open();
    const failed = db.transaction(async (trx) => {
      await addAccount(trx, 'Gone');
      throw new Error('no');
    });
    await expect(failed).rejects.toThrow('no');
    expect(await db.read.selectFrom('accounts').selectAll().execute()).toEqual([]);
  });

  it('keeps its data when it is closed and opened again', async () => {
    const first = await open();
    const account = await first.transaction((trx) => addAccount(trx));
    await first.close();
    opened.pop();
    expect(await findAccount((await open()).read, account.id)).toEqual(account);
  });

  it('sorts text by its bytes, and returns counts as numbers', async () => {
    const db = await open();
    await db.transaction(async (trx) => {
      for (const name of ['b', 'B', 'a', '-', 'é']) await addAccount(trx, name);
    });
    const names = await db.read.selectFrom('accounts').select('name').orderBy('name').execute();
    expect(names.map(({ name }) => name)).toEqual(['-', 'B', 'a', 'b', 'é']);
    const { count } = await db.read
      .selectFrom('accounts')
      .select((account) => account.fn.countAll().as('count'))
      .executeTakeFirstOrThrow();
    expect(count).toBe(5);
  });
});
