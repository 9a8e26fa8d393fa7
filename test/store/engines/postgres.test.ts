import { sql } from 'kysely';
import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { StartupError, StorageUnavailableError } from '../../../src/domain/errors.ts';
import { createId } from '../../../src/domain/ids.ts';
import { toTimestamp } from '../../../src/domain/time.ts';
import { findAccountByIdOrName, insertAccount, lockAccount } from '../../../src/store/accounts.ts';
import { findApiKeyByHash, insertApiKey, markApiKeyRevoked } from '../../../src/store/api-keys.ts';
import { type Database, openDatabase } from '../../../src/store/database.ts';
import type { Queryable } from '../../../src/store/tables.ts';
import { executeSql, hasPostgres, POSTGRES, type TestDatabase } from '../../helpers/databases.ts';
import { startFaultProxy } from '../../helpers/network.ts';

describe.skipIf(!hasPostgres)('a database on Postgres', () => {
  let database: TestDatabase;
  beforeEach(async () => {
    database = await POSTGRES.create();
    return () => database.drop();
  });

  async function open(url = database.url, poolSize?: number): Promise<Database> {
    const db = await openDatabase({ url, role: 'gateway', ...(poolSize && { poolSize }) });
    onTestFinished(() => db.close());
    return db;
  }

  /** Opens the database through a proxy that the test can interrupt. */
  async function openBehindProxy(settings: Record<string, string> = {}) {
    const url = new URL(database.url);
    const proxy = await startFaultProxy(Number(url.port || 5432), url.hostname);
    url.host = `127.0.0.1:${proxy.port}`;
    for (const [name, value] of Object.entries(settings)) url.searchParams.set(name, value);
    return { proxy, db: await open(url.href) };
  }

  const addAccount = async (trx: Queryable, name: string = createId('account')) => {
    const account = { id: createId('account'), name, createdAt: toTimestamp(0) };
    await insertAccount(trx, account);
    return account;
  };
  const countAccounts = async ({ read }: Database) => (await read.selectFrom('accounts').select('id').execute()).length;
  const databaseName = () => new URL(database.url).pathname.slice(1);
  const terminateConnections = () =>
    executeSql(`select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = '${databaseName()}'`);

  it('migrates once when several processes open it at the same time', async () => {
    const emptyDatabaseName = `${databaseName()}_fresh`;
    await executeSql(`create database ${emptyDatabaseName}`);
    onTestFinished(() => executeSql(`drop database ${emptyDatabaseName} with (force)`));
    const url = new URL(database.url);
    url.pathname = emptyDatabaseName;
    const all = await Promise.all(Array.from({ length: 8 }, () => open(url.href)));
    for (const db of all) expect(await db.isReady()).toBe(true);
  });

  it('compares text by its bytes, and returns counts and sums as numbers', async () => {
    const db = await open();
    const { rows } = await sql<{ collation: string }>`
      select collation_name as collation from information_schema.columns
      where table_name = 'messages' and data_type = 'text'`.execute(db.read);
    expect(new Set(rows.map(({ collation }) => collation))).toEqual(new Set(['C']));
    const counted = await sql`select count(*) as count, sum(n::bigint) as sum from generate_series(1, 3) as n`.execute(
      db.read,
    );
    expect(counted.rows).toEqual([{ count: 3, sum: 6 }]);
  });

  it('stores U+FFFD in place of NUL, which Postgres cannot store', async () => {
    const db = await open();
    const account = await db.transaction((trx) => addAccount(trx, 'a\0b'));
    expect(await findAccountByIdOrName(db.read, account.id)).toMatchObject({ name: 'a\ufffdb' });
    expect(await findAccountByIdOrName(db.read, `${account.id}\0`)).toBeUndefined();
  });

  it('stays readable and writable while a newer gateway changes its tables', async () => {
    const db = await open(database.url, 1);
    const newer = await open();
    const find = (handle: Queryable) => findApiKeyByHash(handle, 'hash');
    const alterTable = (action: string) =>
      newer.transaction((trx) => sql`alter table api_keys ${sql.raw(action)}`.execute(trx));
    await find(db.read);
    await alterTable('add column later text');
    expect(await find(db.read)).toBeUndefined();
    await db.transaction(find);
    await alterTable('drop column later');
    expect(await db.transaction(find)).toBeUndefined();
  });

  describe('a transaction', () => {
    it('does not wait for another transaction', async () => {
      const db = await open();
      const { promise: slowEnd, resolve: endSlow } = Promise.withResolvers<void>();
      const slow = db.transaction(async (trx) => {
        await addAccount(trx);
        await slowEnd;
      });
      await db.transaction((trx) => addAccount(trx));
      expect(await countAccounts(db)).toBe(1);
      endSlow();
      await slow;
      expect(await countAccounts(db)).toBe(2);
    });

    it('is retried after a concurrent transaction has inserted the same row, and finds that row', async () => {
      const db = await open();
      const add = () =>
        db.transaction(async (trx) => (await findAccountByIdOrName(trx, 'One')) ?? (await addAccount(trx, 'One')));
      const all = await Promise.all(Array.from({ length: 10 }, add));
      expect(new Set(all.map(({ id }) => id)).size).toBe(1);
    });

    it('is retried after a deadlock', async () => {
      const db = await open();
      const [one, two] = await db.transaction(async (trx) => [await addAccount(trx), await addAccount(trx)] as const);
      const onAttempt = vi.fn();
      const locked = [Promise.withResolvers<void>(), Promise.withResolvers<void>()] as const;
      const lockBoth = (first: { id: string }, second: { id: string }, [own, other]: typeof locked) =>
        db.transaction(async (trx) => {
          onAttempt();
          await lockAccount(trx, first.id);
          own.resolve();
          await other.promise;
          await lockAccount(trx, second.id);
        });
      await Promise.all([lockBoth(one, two, locked), lockBoth(two, one, [locked[1], locked[0]])]);
      expect(onAttempt.mock.calls.length).toBeGreaterThan(2);
    });

    it('fails after five collisions, and immediately on any other error', async () => {
      const db = await open();
      await db.transaction((trx) => addAccount(trx, 'One'));
      const addDuplicate = vi.fn(async (trx: Queryable) => void (await addAccount(trx, 'One')));
      await expect(db.transaction(addDuplicate)).rejects.toThrow(/duplicate key/);
      expect(addDuplicate).toHaveBeenCalledTimes(5);
      const divideByZero = vi.fn((trx: Queryable) => sql`select 1 / 0`.execute(trx));
      await expect(db.transaction(divideByZero)).rejects.toThrow(/division by zero/);
      expect(divideByZero).toHaveBeenCalledTimes(1);
    });

    it('does not commit after a failed statement, even if the error was caught', async () => {
      const db = await open();
      const result = db.transaction(async (trx) => {
        await addAccount(trx);
        await sql`select 1 / 0`.execute(trx).catch(() => {});
      });
      await expect(result).rejects.toThrow(/had failed/);
      expect(await countAccounts(db)).toBe(0);
    });

    it('is rejected if it waits too long for a lock, or if its connection breaks', async () => {
      const { db, proxy } = await openBehindProxy({ lock_timeout: '100' });
      const account = await db.transaction((trx) => addAccount(trx));
      await db.transaction(async (trx) => {
        await lockAccount(trx, account.id);
        const waiting = db.transaction((other) => lockAccount(other, account.id));
        await expect(waiting).rejects.toBeInstanceOf(StorageUnavailableError);
      });
      const broken = db.transaction(async (trx) => {
        await addAccount(trx);
        proxy.disconnect();
        await addAccount(trx);
      });
      await expect(broken).rejects.toBeInstanceOf(StorageUnavailableError);
      proxy.restore();
      await vi.waitFor(async () => expect(await countAccounts(db)).toBe(1));
    });
  });

  describe('an unreachable Postgres', () => {
    it('makes reads and writes fail until it is reachable again', async () => {
      const { db, proxy } = await openBehindProxy();
      expect(await db.isReady()).toBe(true);
      proxy.disconnect();
      expect(await db.isReady()).toBe(false);
      await expect(countAccounts(db)).rejects.toBeInstanceOf(StorageUnavailableError);
      await expect(db.transaction((trx) => addAccount(trx))).rejects.toBeInstanceOf(StorageUnavailableError);
      proxy.restore();
      expect(await db.isReady()).toBe(true);
      await db.transaction((trx) => addAccount(trx));
      expect(await countAccounts(db)).toBe(1);
    });

    it('makes queries time out when the network delivers nothing', async () => {
      const { db, proxy } = await openBehindProxy({ query_timeout: '300' });
      await countAccounts(db);
      proxy.stall();
      await expect(countAccounts(db)).rejects.toBeInstanceOf(StorageUnavailableError);
      proxy.restore();
      await vi.waitFor(async () => expect(await db.isReady()).toBe(true));
    });

    it('makes the gateway unready while the network delivers nothing', async () => {
      const { db, proxy } = await openBehindProxy();
      proxy.stall();
      expect(await db.isReady()).toBe(false);
      proxy.restore();
      expect(await db.isReady()).toBe(true);
    });

    it('fails only running transactions when it closes all connections', async () => {
      const db = await open();
      await Promise.all([countAccounts(db), countAccounts(db), countAccounts(db)]);
      const runningTransaction = db.transaction(async (trx) => {
        await addAccount(trx);
        await terminateConnections();
        await addAccount(trx);
      });
      await expect(runningTransaction).rejects.toBeInstanceOf(StorageUnavailableError);
      await vi.waitFor(async () => expect(await countAccounts(db)).toBe(0));
      expect(await db.isReady()).toBe(true);
    });

    it('makes a read fail that gets no connection in time', async () => {
      const db = await open(database.url, 1);
      await db.transaction(async () => {
        await expect(countAccounts(db)).rejects.toBeInstanceOf(StorageUnavailableError);
      });
      expect(await countAccounts(db)).toBe(0);
    });

    it('prevents the start with a one-line error without the password', async () => {
      const url = new URL(database.url);
      url.password = 'secretword';
      url.pathname = 'chatgraph_absent';
      const absent = openDatabase({ url: url.href, role: 'gateway' });
      await expect(absent).rejects.toBeInstanceOf(StartupError);
      await expect(absent).rejects.toThrow(/^Cannot use the database: database "chatgraph_absent" does not exist$/);
      const { port } = await startFaultProxy(1);
      url.host = `127.0.0.1:${port}`;
      await expect(openDatabase({ url: url.href, role: 'gateway' })).rejects.toThrow(/^Cannot use the database: .+$/);
    });
  });

  it('reports a key that another process has revoked', async () => {
    const db = await open();
    const account = await db.transaction((trx) => addAccount(trx));
    const id = createId('apiKey');
    const key = {
      accountId: account.id,
      name: 'Key',
      prefix: 'ic_x',
      scopes: [],
      createdAt: toTimestamp(0),
      limits: {},
      persistedOnly: false,
    };
    await db.transaction((trx) =>
      insertApiKey(trx, { ...key, id, chatbotIds: null, lastUsedAt: null, expiresAt: null, revokedAt: null }, 'hash'),
    );
    const listener = vi.fn();
    db.onForeignWrite(listener);
    // The first poll always reports a change.
    await vi.waitFor(() => expect(listener).toHaveBeenCalledTimes(1), 2_000);
    const tool = await open();
    await tool.transaction((trx) => markApiKeyRevoked(trx, account.id, id, toTimestamp(1)));
    await vi.waitFor(() => expect(listener).toHaveBeenCalledTimes(2), 500);
  });
});
