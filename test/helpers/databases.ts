import { randomUUID } from 'node:crypto';
import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { describe, inject, onTestFinished } from 'vitest';
import { openDatabase } from '../../src/store/database.ts';
import { isThere, TEST_DATABASE_URL as SERVER } from './servers.ts';

/** An empty database of its own, for one test. */
export interface TestDatabase {
  /** As `DATABASE_URL` takes it. */
  readonly url: string;
  /** Removes it, whoever still uses it. */
  drop(): Promise<void>;
}

/** A kind of database that the gateway runs on. */
export interface TestEngine {
  readonly name: 'SQLite' | 'Postgres';
  /** Makes a migrated database without a row. */
  create(): Promise<TestDatabase>;
  /** Makes a database without a table. */
  createEmpty(): Promise<TestDatabase>;
}

/** A file in a folder of its own. */
export const SQLITE: TestEngine = {
  name: 'SQLite',
  async create() {
    const database = await SQLITE.createEmpty();
    await copyFile(inject('templates').sqlite, database.url.slice('sqlite:'.length));
    return database;
  },
  async createEmpty() {
    const folder = await mkdtemp(join(tmpdir(), 'chatgraph-'));
    return {
      url: `sqlite:${join(folder, 'chatgraph.db')}`,
      drop: () => rm(folder, { recursive: true, force: true }),
    };
  },
};

/**
 * A database on the server that `TEST_DATABASE_URL` names; absent: the one on this machine. To make one takes a
 * tenth of a second, to empty one a few milliseconds: they are used again, and dropped at the end of the run.
 */
export const POSTGRES: TestEngine = {
  name: 'Postgres',
  async create() {
    const name = spare.pop() ?? (await createOnServer(`template ${inject('templates').postgres}`));
    return {
      url: urlOf(name),
      async drop() {
        await empty(name);
        spare.push(name);
      },
    };
  },
  async createEmpty() {
    const name = await createOnServer();
    return { url: urlOf(name), drop: () => askServer(`drop database ${name} with (force)`) };
  },
};

const spare: string[] = [];

/**
 * Ends all other connections, and deletes all rows without a look at what they refer to. The server's own wait for the end
 * of a connection would take a tenth of a second.
 */
const EMPTY = `
  set session_replication_role = replica;
  do $$ declare name text; begin
    perform pg_terminate_backend(pid) from pg_stat_activity
    where datname = current_database() and pid <> pg_backend_pid();
    for attempt in 1..1000 loop
      perform pg_stat_clear_snapshot();
      exit when not exists (
        select from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()
      );
      perform pg_sleep(0.005);
    end loop;
    for name in select tablename from pg_tables where schemaname = 'public' and tablename not like 'kysely%' loop
      execute format('delete from %I', name);
    end loop;
  end $$`;

/** Connections that empty databases again and again: a new one would first learn what each table is. */
const emptiers = new Map<string, Client>();

async function empty(name: string): Promise<void> {
  try {
    await emptiers.get(name)?.query(EMPTY);
    if (emptiers.has(name)) return;
  } catch {
    // A test may have ended every connection.
    await emptiers.get(name)?.end();
  }
  const client = new Client({ connectionString: urlOf(name), connectionTimeoutMillis: 5_000 });
  client.on('error', () => {});
  emptiers.set(name, client);
  await client.connect();
  await client.query(EMPTY);
}

/** Makes a database without a table, which is dropped at the end of the test; gives its URL. */
export async function createBarePostgres(): Promise<string> {
  const name = await createOnServer();
  onTestFinished(() => askServer(`drop database ${name} with (force)`));
  return urlOf(name);
}

async function createOnServer(options = ''): Promise<string> {
  const name = `${inject('templates').prefix}${randomUUID().slice(-12)}`;
  await askServer(`create database ${name} ${options}`);
  // A server that fails is no part of any test; waiting for its disk would be a part of each.
  await askServer(`alter database ${name} set synchronous_commit = off`);
  return name;
}

function urlOf(name: string): string {
  const url = new URL(SERVER);
  url.pathname = name;
  return url.href;
}

/** Asks the server beside the gateway, in the database that `SERVER` names or another. */
export async function askServer(statement: string, name?: string): Promise<void> {
  const connectionString = name === undefined ? SERVER : urlOf(name);
  const client = new Client({ connectionString, connectionTimeoutMillis: 5_000 });
  // A connection that another statement ends rejects its query as well.
  client.on('error', () => {});
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}

/** Whether there is a Postgres. */
export const hasPostgres: boolean = await isThere(SERVER);

/** The engine that the stack of this run has: Postgres where `TEST_STACK` is `scale`. */
export const STACK_ENGINE = process.env.TEST_STACK === 'scale' ? POSTGRES : SQLITE;

/** Opens an empty database; `close` removes it. */
export async function openTestDatabase(engine: TestEngine = STACK_ENGINE) {
  const { url, drop } = await engine.create();
  const db = await openDatabase({ url, role: 'tool' });
  return {
    db,
    async close() {
      await db.close();
      await drop();
    },
  };
}

/** Runs the same tests on every engine; those of Postgres are skipped, by their name, where there is none. */
export function describeEngines(name: string, run: (engine: TestEngine) => void): void {
  describe(`${name} on SQLite`, () => run(SQLITE));
  describe.skipIf(!hasPostgres)(`${name} on Postgres`, () => run(POSTGRES));
}
