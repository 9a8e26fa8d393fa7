import { sql } from 'kysely';
import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { StartupError, StorageUnavailableError } from '../../../src/domain/errors.ts';
import { createId } from '../../../src/domain/ids.ts';
import { toTimestamp } from '../../../src/domain/time.ts';
import { findAccountByIdOrName, insertAccount, lockAccount } from '../../../src/store/accounts.ts';
import { findApiKeyByHash, insertApiKey, markApiKeyRevoked } from '../../../src/store/api-keys.ts';
import { type Database, openDatabase } from '../../../src/store/database.ts';
import type { Queryable } from '../../../src/store/tables.ts';
import { askServer, hasPostgres, POSTGRES, type TestDatabase } from '../../helpers/databases.ts';
import { openWire } from '../../helpers/network.ts';

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

  /** Opens the database over a wire that can be cut. */
  async function openWired(settings: Record<string, string> = {}) {
    const url = new URL(database.url);
    const wire = await openWire(Number(url.port || 5432), url.hostname);
    url.host = `127.0.0.1:${wire.port}`;
    for (const [name, value] of Object.entries(settings)) url.searchParams.set(name, value);
    return { wire, db: await open(url.href) };
  }

  const addAccount = async (trx: Queryable, name: string = createId('account')) => {
    const account = { id: createId('account'), name, createdAt: toTimestamp(0) };
    await insertAccount(trx, account);
    return account;
  };
  const countAccounts = async ({ read }: Database) => (await read.selectFrom('accounts').select('id').execute()).length;
  const name = () => new URL(database.url).pathname.slice(1);
  const killAll = () =>
    askServer(`select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = '${name()}'`);

  it('migrates once when several processes open it at the same time', async () => {
    const fresh = `${name()}_fresh`;
    await askServer(`create database ${fresh}`);
    onTestFinished(() => askServer(`drop database ${fresh} with (force)`));
    const url = new URL(database.url);
    url.pathname = fresh;
    const all = await Promise.all(Array.from({ length: 8 }, () => open(url.href)));
    for (const db of all) expect(await db.isReady()).toBe(true);
  });

  it('compares text by its bytes, and returns counts and sums as numbers', async () => {
    const db = await open();
    const { rows } = await sql<{ name: string; least: string }>`
      select column_name as name, collation_name as least from information_schema.columns
      where table_name = 'messages' and data_type = 'text'`.execute(db.read);
    expect(new Set(rows.map(({ least }) => least))).toEqual(new Set(['C']));
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
    const change = (what: string) =>
      newer.transaction((trx) => sql`alter table api_keys ${sql.raw(what)}`.execute(trx));
    await find(db.read);
    await change('add column later text');
    expect(await find(db.read)).toBeUndefined();
    await db.transaction(find);
    await change('drop column later');
    expect(await db.transaction(find)).toBeUndefined();
  });

  describe('a transaction', () => {
    it('does not wait for another', async () => {
      const db = await open();
      const { promise: isOver, resolve: end } = Promise.withResolvers<void>();
      const slow = db.transaction(async (trx) => {
        await addAccount(trx);
        await isOver;
      });
      await db.transaction((trx) => addAccount(trx));
      expect(await countAccounts(db)).toBe(1);
      end();
      await slow;
      expect(await countAccounts(db)).toBe(2);
    });

    it('is retried after an identical concurrent request, and finds its row', async () => {
      const db = await open();
      const add = () =>
        db.transaction(async (trx) => (await findAccountByIdOrName(trx, 'One')) ?? (await addAccount(trx, 'One')));
      const all = await Promise.all(Array.from({ length: 10 }, add));
      expect(new Set(all.map(({ id }) => id)).size).toBe(1);
    });

    it('is retried after a deadlock', async () => {
      const db = await open();
      const [one, two] = await db.transaction(async (trx) => [await addAccount(trx), await addAccount(trx)] as const);
      const tries = vi.fn();
      const both = [Promise.withResolvers<void>(), Promise.withResolvers<void>()] as const;
      const lock = (first: { id: string }, second: { id: string }, [mine, theirs]: typeof both) =>
        db.transaction(async (trx) => {
          tries();
          await lockAccount(trx, first.id);
          mine.resolve();
          await theirs.promise;
          await lockAccount(trx, second.id);
        });
      await Promise.all([lock(one, two, both), lock(two, one, [both[1], both[0]])]);
      expect(tries.mock.calls.length).toBeGreaterThan(2);
    });

    it('fails after five collisions, and immediately on any other error', async () => {
      const db = await open();
      await db.transaction((trx) => addAccount(trx, 'One'));
      const tries = vi.fn(async (trx: Queryable) => void (await addAccount(trx, 'One')));
      await expect(db.transaction(tries)).rejects.toThrow(/duplicate key/);
      expect(tries).toHaveBeenCalledTimes(5);
      const wrong = vi.fn((trx: Queryable) => sql`select 1 / 0`.execute(trx));
      await expect(db.transaction(wrong)).rejects.toThrow(/division by zero/);
      expect(wrong).toHaveBeenCalledTimes(1);
    });

    it('does not commit after a failed statement, even if the error was caught', async () => {
      const db = await open();
      const caught = db.transaction(async (trx) => {
        await addAccount(trx);
        await sql`select 1 / 0`.execute(trx).catch(() => {});
      });
      await expect(caught).rejects.toThrow(/had failed/);
      expect(await countAccounts(db)).toBe(0);
    });

    it('is rejected if it waits too long for a lock, or its connection breaks', async () => {
      const { db, wire } = await openWired({ lock_timeout: '100' });
      const account = await db.transaction((trx) => addAccount(trx));
      await db.transaction(async (trx) => {
        await lockAccount(trx, account.id);
        const waiting = db.transaction((other) => lockAccount(other, account.id));
        await expect(waiting).rejects.toBeInstanceOf(StorageUnavailableError);
      });
      const broken = db.transaction(async (trx) => {
        await addAccount(trx);
        wire.cut();
        await addAccount(trx);
      });
      await expect(broken).rejects.toBeInstanceOf(StorageUnavailableError);
      wire.mend();
      await vi.waitFor(async () => expect(await countAccounts(db)).toBe(1));
    });
  });

  describe('an unreachable Postgres', () => {
    it('makes reads and writes unavailable, and serves them when it is back', async () => {
      const { db, wire } = await openWired();
      expect(await db.isReady()).toBe(true);
      wire.cut();
      expect(await db.isReady()).toBe(false);
      await expect(countAccounts(db)).rejects.toBeInstanceOf(StorageUnavailableError);
      await expect(db.transaction((trx) => addAccount(trx))).rejects.toBeInstanceOf(StorageUnavailableError);
      wire.mend();
      expect(await db.isReady()).toBe(true);
      await db.transaction((trx) => addAccount(trx));
      expect(await countAccounts(db)).toBe(1);
    });

    it('is detected when the network delivers nothing', async () => {
      const { db, wire } = await openWired({ query_timeout: '300' });
      await countAccounts(db);
      wire.silence();
      await expect(countAccounts(db)).rejects.toBeInstanceOf(StorageUnavailableError);
      wire.mend();
      await vi.waitFor(async () => expect(await db.isReady()).toBe(true));
    });

    it('makes the gateway unready', async () => {
      const { db, wire } = await openWired();
      wire.silence();
      expect(await db.isReady()).toBe(false);
      wire.mend();
      expect(await db.isReady()).toBe(true);
    });

    it('breaks all connections, in use and idle, and nothing else', async () => {
      const db = await open();
      await Promise.all([countAccounts(db), countAccounts(db), countAccounts(db)]);
      const during = db.transaction(async (trx) => {
        await addAccount(trx);
        await killAll();
        await addAccount(trx);
      });
      await expect(during).rejects.toBeInstanceOf(StorageUnavailableError);
      await vi.waitFor(async () => expect(await countAccounts(db)).toBe(0));
      expect(await db.isReady()).toBe(true);
    });

    it('does not block callers without a connection for ever', async () => {
      const db = await open(database.url, 1);
      await db.transaction(async () => {
        await expect(countAccounts(db)).rejects.toBeInstanceOf(StorageUnavailableError);
      });
      expect(await countAccounts(db)).toBe(0);
    });

    it('prevents the start, in one line without the password', async () => {
      const url = new URL(database.url);
      url.password = 'secretword';
      url.pathname = 'chatgraph_absent';
      const absent = openDatabase({ url: url.href, role: 'gateway' });
      await expect(absent).rejects.toBeInstanceOf(StartupError);
      await expect(absent).rejects.toThrow(/^Cannot use the database: database "chatgraph_absent" does not exist$/);
      const { port } = await openWire(1);
      url.host = `127.0.0.1:${port}`;
      await expect(openDatabase({ url: url.href, role: 'gateway' })).rejects.toThrow(/^Cannot use the database: .+$/);
    });
  });

  it('reports a key that another process has revoked', async () => {
    const db = await open();
    const account = await db.transaction((trx) => addAccount(trx));
    const id = createId('apiKey');
    const key = { accountId: account.id, name: 'Key', prefix: 'ic_x', scopes: [], createdAt: toTimestamp(0) };
    await db.transaction((trx) => insertApiKey(trx, { ...key, id, lastUsedAt: null, revokedAt: null }, 'hash'));
    const listener = vi.fn();
    db.onForeignWrite(listener);
    // One report comes when it starts to watch.
    await vi.waitFor(() => expect(listener).toHaveBeenCalledTimes(1), 2_000);
    const tool = await open();
    await tool.transaction((trx) => markApiKeyRevoked(trx, account.id, id, toTimestamp(1)));
    await vi.waitFor(() => expect(listener).toHaveBeenCalledTimes(2), 500);
  });
});
