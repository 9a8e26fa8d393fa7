import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import SQLite from 'better-sqlite3';
import { Client } from 'pg';
import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { openDatabase } from '../../src/store/database.ts';
import { addChatbot, addSource } from '../helpers/corpus.ts';
import { createEmptyPostgres, hasPostgres } from '../helpers/databases.ts';
import { fillDatabase, OPEN_REPLY_TEXT, readAllData, SECRET_KEY } from '../helpers/filled-database.ts';
import { requestGraphQL, startGateway } from '../helpers/gateway.ts';
import { createDataDir, runCommandHere, runProgram, startGatewayProcess, startProgram } from '../helpers/process.ts';

const TABLES =
  'accounts account_logs api_keys chatbots sources passages passage_vectors conversations messages message_words task_progress leads conversation_events conversation_activities idempotency_keys usage usage_days usage_quarter_hours quota_warnings visitors operation_manifests operations';

/** The advisory lock that `migrate-to` takes on its target; see `src/store/copy/target.ts`. */
const TARGET_LOCK = 4_831_206_117;

/** Creates a database file with more than one batch of passages. */
async function createLargeDatabase() {
  const dataDir = await createDataDir();
  const path = join(dataDir, 'chatgraph.db');
  const db = await openDatabase({ url: `sqlite:${path}`, role: 'tool' });
  const { accountId, chatbotId } = await addChatbot(db);
  const texts = Array.from({ length: 2_500 }, (_, index) => ({ text: `Passage ${index} of word${index % 7} and é𝔘.` }));
  await addSource(db, accountId, chatbotId, { title: 'Large', passages: texts });
  await db.close();
  return { dataDir, path };
}

/** Runs a statement on a new connection to a Postgres, and returns the rows. */
async function executeSql<T extends object>(url: string, statement: string): Promise<T[]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<T>(statement);
    return rows;
  } finally {
    await client.end();
  }
}

/** Resolves when a process waits for an advisory lock that the test has taken. */
const waitForBlockedProcess = (target: string) =>
  vi.waitFor(
    async () => {
      const waiters = await executeSql(
        target,
        `select from pg_stat_activity
        where datname = current_database() and wait_event_type = 'Lock' and wait_event = 'advisory'`,
      );
      expect(waiters).toHaveLength(1);
    },
    { timeout: 15_000, interval: 50 },
  );

/** Takes an advisory lock on a target; the returned function releases it. */
async function acquireLock(target: string, number: number): Promise<() => Promise<void>> {
  const holder = new Client({ connectionString: target });
  await holder.connect();
  onTestFinished(() => holder.end());
  await holder.query(`select pg_advisory_lock(${number})`);
  return async () => void (await holder.query(`select pg_advisory_unlock(${number})`));
}

const countRows = (target: string) =>
  executeSql<{ name: string; count: string }>(
    target,
    [
      ...TABLES.split(' '),
      'search_entries',
      'chatbot_deletions',
      'nodes',
      'provider_keys',
      'provider_models',
      'webhook_subscriptions',
      'webhook_events',
      'webhook_deliveries',
      'webhook_attempts',
      'members',
      'visitor_joins',
      'address_blocks',
      'budget_usage',
      'session_tokens',
      'identity_secrets',
    ]
      .map((name) => `select '${name}' as name, count(*) as count from ${name}`)
      .join(' union all '),
  );

describe.skipIf(!hasPostgres)('migrate-to', { timeout: 60_000 }, () => {
  let target: string;
  beforeEach(async () => {
    target = await createEmptyPostgres();
  });

  const migrate = (dataDir: string, to = target, args: string[] = []) =>
    runCommandHere({ args: ['migrate-to', to, ...args], env: { DATA_DIR: dataDir } });

  it('copies everything: a gateway on the target gives the same responses, and ends the open reply', async () => {
    const filled = await fillDatabase();
    const before = await readFile(filled.path);
    const { code, stdout, stderr } = await runProgram({
      args: ['migrate-to', target, '--json'],
      env: { DATA_DIR: filled.dataDir },
    });
    expect([code, stderr]).toEqual([0, expect.stringContaining('checking search_entries')]);
    const { wasThere, rows } = JSON.parse(stdout);
    expect(wasThere).toBe(false);
    for (const name of [...TABLES.split(' '), 'search_entries']) expect(rows[name], name).toBeGreaterThan(0);
    expect((await readFile(filled.path)).equals(before)).toBe(true);
    const counted = await countRows(target);
    expect(Object.fromEntries(counted.map(({ name, count }) => [name, Number(count)]))).toEqual({ ...rows, nodes: 0 });
    const file = await openDatabase({ url: `sqlite:${filled.path}`, role: 'tool' });
    const inbox = await file.read.selectFrom('inbox_counts').selectAll().orderBy('chatbot_id').execute();
    await file.close();
    expect(inbox).not.toEqual([]);
    expect(await executeSql(target, 'select * from inbox_counts order by chatbot_id')).toEqual(inbox);

    const gateway = await startGateway({ env: { SECRET_KEY }, database: { url: target, drop: async () => {} } });
    onTestFinished(() => gateway.close());
    expect(await readAllData(gateway, filled)).toEqual(filled.allData);
    const { key, openReplyId, sentInput, sentMessageId } = filled;
    const reply = await requestGraphQL<{ node: object }>({ url: gateway.url, key }, READ_STATUS, { id: openReplyId });
    expect(reply.data.node).toEqual({ status: 'INTERRUPTED', content: OPEN_REPLY_TEXT });
    const again = await requestGraphQL<{ sendMessage: object }>({ url: gateway.url, key }, SEND, { input: sentInput });
    expect(again.data.sendMessage).toEqual({ userMessage: { id: sentMessageId } });
  });

  it('finds the target complete on a second run', async () => {
    const { dataDir } = await fillDatabase();
    await migrate(dataDir);
    expect(await migrate(dataDir)).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^The target is complete already/),
    });
  });

  it.each<[where: string, table: string, row: number]>([
    ['before the first row', 'accounts', 0],
    ['in the middle of a table', 'passages', 1_500],
    ['in the middle of the index', 'search_entries', 1_700],
  ])('resumes after a kill: %s', async (_where, table, row) => {
    const { dataDir, path } = await createLargeDatabase();
    // The tables exist already, as after an attempt that was killed right after it created them.
    await (await openDatabase({ url: target, role: 'tool' })).close();
    const key = table === 'search_entries' ? 'passage_id' : 'id';
    const readFirst = `select ${key}, xmin from ${table} order by ${key} limit 1`;
    const file = new SQLite(path, { readonly: true });
    const at = file.prepare(`select ${key} as at from ${table} order by ${key} limit 1 offset ${row}`).pluck().get();
    file.close();
    const release = await acquireLock(target, 1);
    await executeSql(
      target,
      `create function hold() returns trigger language plpgsql as
       'begin perform pg_advisory_xact_lock(1); return new; end';
       create trigger hold before insert on ${table} for each row when (new.${key} = '${at}') execute function hold()`,
    );

    const killed = startProgram({ args: ['migrate-to', target], env: { DATA_DIR: dataDir } });
    await waitForBlockedProcess(target);
    killed.kill('SIGKILL');
    expect(await killed.exited).toBe('SIGKILL');

    const refused = await runProgram({ env: { DATABASE_URL: target, PORT: '0' } });
    expect(refused).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/unfinished-migrate-to-\w+ is missing\n$/),
    });
    const [first] = await executeSql(target, readFirst);
    expect(first === undefined).toBe(row === 0);
    await release();
    const { code, stdout } = await migrate(dataDir);
    expect([code, stdout]).toEqual([0, expect.stringMatching(/^Copied: \d+ rows/)]);
    // The existing rows were not written again.
    expect(await executeSql(target, readFirst)).toEqual([first ?? expect.anything()]);
    expect(await countRows(target)).toContainEqual({ name: 'search_entries', count: '2500' });
  });

  it('resumes after a full disk', async () => {
    const { dataDir } = await createLargeDatabase();
    await (await openDatabase({ url: target, role: 'tool' })).close();
    await executeSql(
      target,
      `create function fill() returns trigger language plpgsql as
       'begin raise exception ''could not extend file'' using errcode = ''53100''; end';
       create trigger fill before insert on passages execute function fill()`,
    );
    expect(await migrate(dataDir)).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(/\nThe target failed: could not extend file\. Run this again[^\n]*\n$/),
    });
    await executeSql(target, 'drop trigger fill on passages');
    expect(await migrate(dataDir)).toMatchObject({ code: 0 });
  });

  it('names the table that differs, and keeps gateways from starting on the target', async () => {
    const { dataDir } = await createLargeDatabase();
    await (await openDatabase({ url: target, role: 'tool' })).close();
    await executeSql(
      target,
      `create function spoil() returns trigger language plpgsql as
       'begin new.text := new.text || ''!''; return new; end';
       create trigger spoil before insert on passages for each row when (new.position = 3) execute function spoil()`,
    );
    const { code, stderr } = await migrate(dataDir);
    expect([code, stderr.trim().split('\n').at(-1)]).toEqual([
      1,
      'The target differs from the source in passages (2500 rows of 2500). Drop that database, make an empty one, and copy to it.',
    ]);
    const refused = await runProgram({ env: { DATABASE_URL: target, PORT: '0' } });
    expect(refused).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/unfinished-migrate-to-\w+ is missing\n$/),
    });
  });

  it('does not resume a copy if its source has changed since', async () => {
    const { dataDir, path } = await createLargeDatabase();
    await (await openDatabase({ url: target, role: 'tool' })).close();
    await executeSql(
      target,
      `create function stop() returns trigger language plpgsql as 'begin raise ''no''; end';
      create trigger stop before insert on search_entries execute function stop()`,
    );
    await expect(migrate(dataDir)).rejects.toThrow('no');
    const db = await openDatabase({ url: `sqlite:${path}`, role: 'tool' });
    await db.transaction((trx) => trx.updateTable('chatbots').set({ name: 'Other' }).execute());
    await db.close();
    const { code, stderr } = await migrate(dataDir);
    expect([code, stderr]).toEqual([1, expect.stringMatching(/\nThe source has changed since [^\n]+\n$/)]);
  });

  it('rejects a source file that a gateway has locked', async () => {
    const dataDir = await createDataDir();
    const gateway = await startGatewayProcess({ env: { DATA_DIR: dataDir, SEED_DEMO: 'false' } });
    expect(await migrate(dataDir)).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^Another gateway is using/),
    });
    expect(await executeSql(target, "select from pg_tables where schemaname = 'public'")).toEqual([]);
    gateway.kill('SIGTERM');
    await gateway.exited;
    expect(await migrate(dataDir)).toMatchObject({ code: 0 });
  });

  it('locks its source file, and waits for another copy to the same target', async () => {
    const { dataDir } = await createLargeDatabase();
    const release = await acquireLock(target, TARGET_LOCK);
    const targetWithTimeout = `${target}?lock_timeout=30000`;
    const waiting = startProgram({ args: ['migrate-to', targetWithTimeout], env: { DATA_DIR: dataDir } });
    await waitForBlockedProcess(target);
    const gateway = await runProgram({ env: { DATA_DIR: dataDir, PORT: '0' } });
    expect(gateway).toMatchObject({ code: 1, stderr: expect.stringMatching(/^Another gateway is using/) });
    await release();
    expect(await waiting.exited).toBe(0);
  });

  it('rejects the target of a running copy', async () => {
    const dataDir = await createDataDir();
    await (await openDatabase({ url: `sqlite:${join(dataDir, 'chatgraph.db')}`, role: 'tool' })).close();
    await acquireLock(target, TARGET_LOCK);
    expect(await migrate(dataDir, `${target}?lock_timeout=100`)).toMatchObject({
      code: 1,
      stderr: 'Cannot use the target: another process copies to it\n',
    });
  });

  it('does not change a target that contains tables of another program', async () => {
    const { dataDir } = await createLargeDatabase();
    await executeSql(target, 'create table orders (id integer)');
    expect(await migrate(dataDir)).toMatchObject({
      code: 1,
      stderr: 'The target contains something else: the table orders. Name an empty database.\n',
    });
    expect(await executeSql(target, "select from pg_tables where schemaname = 'public'")).toHaveLength(1);
  });

  it('does not change a target that a gateway has filled', async () => {
    const { dataDir } = await createLargeDatabase();
    const db = await openDatabase({ url: target, role: 'tool' });
    await addChatbot(db);
    await db.close();
    const before = await countRows(target);
    const { code, stderr } = await migrate(dataDir);
    expect([code, stderr]).toEqual([
      1,
      expect.stringMatching(/\nThe target contains other data, and was not changed\./),
    ]);
    expect(await countRows(target)).toEqual(before);
  });

  it.each([
    ['newer', "insert into kysely_migration values ('9999-later', '')", 'a newer'],
    ['older', "delete from kysely_migration where name like '0005%'", 'an older'],
  ])('rejects a target from a version that is %s', async (_which, change, words) => {
    const { dataDir } = await createLargeDatabase();
    await (await openDatabase({ url: target, role: 'tool' })).close();
    await executeSql(target, change);
    expect(await migrate(dataDir)).toMatchObject({
      code: 1,
      stderr: `The target was made by ${words} version of ChatGraph. Name an empty database.\n`,
    });
  });

  it.each([
    ['newer', "insert into kysely_migration values ('9999-later', '')"],
    ['older', "delete from kysely_migration where name like '0005%'"],
  ])('rejects a source from a version that is %s, and does not change it', async (which, change) => {
    const { dataDir, path } = await createLargeDatabase();
    const file = new SQLite(path);
    file.exec(change);
    file.close();
    const before = await readFile(path);
    const { code, stderr } = await migrate(dataDir);
    expect([code, stderr.split('\n')]).toEqual([1, [expect.stringMatching(`^The source .*${which} version`), '']]);
    expect((await readFile(path)).equals(before)).toBe(true);
  });

  it.each<[string, string[], RegExp, Record<string, string>?]>([
    ['no target', [], /^Name the Postgres to copy to: /],
    ['a target that is not Postgres', ['sqlite:./other.db'], /^Name the Postgres to copy to: /],
    ['an invalid URL', ['postgres://[/x'], /^Cannot use the target: /],
    ['a missing server', ['postgres://postgres@127.0.0.1:1/x'], /^Cannot use the target: .*ECONNREFUSED/],
    ['a missing database', ['postgres://postgres@127.0.0.1/nothing_of_the_name'], /^Cannot use the target: /],
    [
      'a Postgres source',
      ['postgres://postgres@127.0.0.1/x'],
      /^DATABASE_URL names a Postgres/,
      { DATABASE_URL: 'postgres://postgres@127.0.0.1/y' },
    ],
    ['a missing source', ['postgres://postgres@127.0.0.1/x'], /^There is no database /, { DATA_DIR: '/nonexistent' }],
  ])('rejects %s with exit code 1 and one line', async (_what, args, line, env) => {
    const dataDir = await createDataDir();
    await (await openDatabase({ url: `sqlite:${join(dataDir, 'chatgraph.db')}`, role: 'tool' })).close();
    const refused = await runCommandHere({ args: ['migrate-to', ...args], env: { DATA_DIR: dataDir, ...env } });
    expect(refused).toMatchObject({ code: 1, stdout: '', stderr: expect.stringMatching(line) });
    expect(refused.stderr.trim().split('\n')).toHaveLength(1);
  });
});

const READ_STATUS = 'query ($id: ID!) { node(id: $id) { ... on Message { status content } } }';
const SEND = `mutation ($input: SendMessageInput!) { sendMessage(input: $input) {
  ... on SendMessagePayload { userMessage { id } }
} }`;
