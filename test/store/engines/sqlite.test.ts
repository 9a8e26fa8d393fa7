import { link as hardLink, mkdtemp, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join, relative } from 'node:path';
import { sql } from 'kysely';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { StorageUnavailableError } from '../../../src/domain/errors.ts';
import { createId } from '../../../src/domain/ids.ts';
import { toTimestamp } from '../../../src/domain/time.ts';
import { insertAccount } from '../../../src/store/accounts.ts';
import { type Database, openDatabase } from '../../../src/store/database.ts';
import type { Queryable } from '../../../src/store/tables.ts';

/** Creates a symbolic or hard link, and returns its path. */
async function createLink(create: (target: string, path: string) => Promise<void>, target: string, path: string) {
  await create(target, path);
  return path;
}

describe('a database in a file', () => {
  let dir: string;
  let url: string;
  const opened: Database[] = [];

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'chatgraph-'));
    url = `sqlite:${join(dir, 'deep', 'chatgraph.db')}`;
  });
  afterEach(async () => {
    for (const db of opened.splice(0)) await db.close();
    await rm(dir, { recursive: true });
  });

  async function open(role: 'gateway' | 'tool' = 'gateway'): Promise<Database> {
    const db = await openDatabase({ url, role });
    opened.push(db);
    return db;
  }

  const addAccount = async (trx: Queryable, name: string = createId('account')) => {
    const account = { id: createId('account'), name, createdAt: toTimestamp(0) };
    await insertAccount(trx, account);
    return account;
  };

  /** Runs a pragma on the write connection, which only transactions use, and returns its value. */
  const runPragma = (db: Database, pragma: string) =>
    db.transaction(async (trx) => {
      const { rows } = await sql.raw<Record<string, unknown>>(`pragma ${pragma}`).execute(trx);
      return Object.values(rows[0] ?? {})[0];
    });

  it('syncs each write to the disk before it resolves, and enforces foreign keys', async () => {
    const db = await open();
    expect(await runPragma(db, 'synchronous')).toBe(2);
    expect(await runPragma(db, 'journal_mode')).toBe('wal');
    expect(await runPragma(db, 'foreign_keys')).toBe(1);
    expect(await runPragma(db, 'trusted_schema')).toBe(0);
  });

  it('runs transactions one at a time, in the order of the calls', async () => {
    const db = await open();
    const order: number[] = [];
    await Promise.all(
      [1, 2, 3].map((n) =>
        db.transaction(async (trx) => {
          order.push(n);
          await addAccount(trx);
          order.push(n);
        }),
      ),
    );
    expect(order).toEqual([1, 1, 2, 2, 3, 3]);
  });

  it('rejects a second gateway on the same file, with a one-line error', async () => {
    await open();
    await expect(open()).rejects.toThrow(/^Another gateway is using .*chatgraph\.db\. Stop it first/);
  });

  it.each<[string, (file: string) => Promise<string>]>([
    ['a symbolic link', (file) => createLink(symlink, file, join(dir, 'other.db'))],
    [
      'a symbolic link to a symbolic link',
      async (file) => createLink(symlink, await createLink(symlink, file, `${file}2`), `${file}3`),
    ],
    [
      'a link to its folder',
      async (file) => join(await createLink(symlink, dirname(file), join(dir, 'linked')), basename(file)),
    ],
    ['a path with ..', async (file) => `${dirname(file)}/../deep/${basename(file)}`],
    ['a relative path', async (file) => relative(process.cwd(), file)],
  ])('rejects a second gateway on the same file opened by %s', async (_case, makePath) => {
    await open();
    const other = await makePath(url.slice('sqlite:'.length));
    const second = openDatabase({ url: `sqlite:${other}`, role: 'gateway' });
    await expect(second).rejects.toThrow(/^Another gateway is using .*chatgraph\.db\. Stop it first/);
  });

  it('rejects a file with two hard links, because SQLite would keep a separate log for each', async () => {
    await open();
    const file = url.slice('sqlite:'.length);
    await createLink(hardLink, file, join(dir, 'other.db'));
    const second = openDatabase({ url: `sqlite:${join(dir, 'other.db')}`, role: 'gateway' });
    await expect(second).rejects.toThrow(/^The database .*other\.db has more than one name \(hard links\)/);
  });

  it('creates the file that a symbolic link points to', async () => {
    const target = join(dir, 'target.db');
    await symlink(target, join(dir, 'link.db'));
    await (await openDatabase({ url: `sqlite:${join(dir, 'link.db')}`, role: 'gateway' })).close();
    expect((await stat(target)).size).toBeGreaterThan(0);
  });

  it('releases the lock on close, and after a failed open', async () => {
    await (await open()).close();
    opened.pop();
    await writeFile(
      url.slice('sqlite:'.length),
      'This is not a database, and long enough to be read as one.'.repeat(20),
    );
    for (const _attempt of [1, 2]) await expect(open()).rejects.toThrow(/not a database/);
  });

  it('reports writes of other processes, but not its own', async () => {
    const db = await open();
    const listener = vi.fn();
    db.onForeignWrite(listener);
    await db.transaction((trx) => addAccount(trx));
    const tool = await open('tool');
    expect(listener).not.toHaveBeenCalled();
    await tool.transaction((trx) => addAccount(trx));
    await vi.waitFor(() => expect(listener).toHaveBeenCalledTimes(1), 1_000);
  });

  it('rejects writes while the disk is full, serves reads, and recovers when there is space', async () => {
    const db = await open();
    const pageCount = Number(await runPragma(db, 'page_count'));
    await runPragma(db, `max_page_count = ${pageCount}`);
    const fill = () =>
      db.transaction(async (trx) => {
        for (let n = 0; n < 200; n++) await addAccount(trx, `${n}${'x'.repeat(1_000)}`);
      });
    await expect(fill()).rejects.toBeInstanceOf(StorageUnavailableError);
    expect(await db.read.selectFrom('accounts').selectAll().execute()).toEqual([]);
    await runPragma(db, 'max_page_count = 100000');
    expect(await db.isReady()).toBe(true);
    await expect(fill()).resolves.toBeUndefined();
  });
});
