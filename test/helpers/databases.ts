import { randomUUID } from 'node:crypto';
import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { describe, inject, onTestFinished } from 'vitest';
import { openDatabase } from '../../src/store/database.ts';
import { isReachable, TEST_DATABASE_URL as SERVER } from './servers.ts';

/** An empty database for one test. */
export interface TestDatabase {
  /** A value for `DATABASE_URL`. */
  readonly url: string;
  /** Removes the database or empties it for reuse, even if connections to it are open. */
  drop(): Promise<void>;
}

/** A kind of database that the gateway runs on. */
export interface TestEngine {
  readonly name: 'SQLite' | 'Postgres';
  /** Creates a migrated database without rows. */
  create(): Promise<TestDatabase>;
  /** Creates a database without tables. */
  createEmpty(): Promise<TestDatabase>;
}

/** SQLite: each database is a file in its own folder. */
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
 * Postgres: databases on the server at `TEST_DATABASE_URL`, by default on this machine. Creating a database takes a
 * tenth of a second, emptying it a few milliseconds. Databases are therefore reused, and dropped at the end of the run.
 */
export const POSTGRES: TestEngine = {
  name: 'Postgres',
  async create() {
    const name = reusableNames.pop() ?? (await createOnServer(`template ${inject('templates').postgres}`));
    return {
      url: urlOf(name),
      async drop() {
        await deleteAllRows(name);
        reusableNames.push(name);
      },
    };
  },
  async createEmpty() {
    const name = await createOnServer();
    return { url: urlOf(name), drop: () => executeSql(`drop database ${name} with (force)`) };
  },
};

const reusableNames: string[] = [];
/** A connection to each reusable database. A new one for each test would cost the server more than the statement. */
const connections = new Map<string, Client>();

async function deleteAllRows(name: string): Promise<void> {
  const connection = connections.get(name) ?? (await connect(urlOf(name)));
  connections.set(name, connection);
  try {
    await connection.query(DELETE_ALL_ROWS);
  } catch {
    // A test has ended all connections to the database, this one included.
    connections.delete(name);
    await executeSql(DELETE_ALL_ROWS, name);
  }
}

/**
 * Ends all other connections, and deletes all rows without checking foreign keys. The statement polls until the
 * connections have ended, because the server's own wait takes a tenth of a second.
 */
const DELETE_ALL_ROWS = `
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

/** Creates a database without tables, which is dropped at the end of the test, and returns its URL. */
export async function createEmptyPostgres(): Promise<string> {
  const name = await createOnServer();
  onTestFinished(() => executeSql(`drop database ${name} with (force)`));
  return urlOf(name);
}

async function createOnServer(options = ''): Promise<string> {
  const name = `${inject('templates').prefix}${randomUUID().slice(-12)}`;
  await executeSql(`create database ${name} ${options}`);
  // No test crashes the Postgres server, so commits need not wait for the disk.
  await executeSql(`alter database ${name} set synchronous_commit = off`);
  return name;
}

function urlOf(name: string): string {
  const url = new URL(SERVER);
  url.pathname = name;
  return url.href;
}

/** Runs a statement on a new connection to the database `name`, by default the one in `SERVER`. */
export async function executeSql(statement: string, name?: string): Promise<void> {
  const client = await connect(name === undefined ? SERVER : urlOf(name));
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}

async function connect(connectionString: string): Promise<Client> {
  const client = new Client({ connectionString, connectionTimeoutMillis: 5_000 });
  // If another connection terminates this one, the query rejects, so the error event needs no other handling.
  client.on('error', () => {});
  await client.connect();
  return client;
}

/** Whether Postgres is reachable. */
export const hasPostgres: boolean = await isReachable(SERVER);

/** The database engine of this run's stack: Postgres if `TEST_STACK` is `scale`, otherwise SQLite. */
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

/** Runs the same tests on both engines; the Postgres tests are reported as skipped if there is no Postgres. */
export function describeDatabases(name: string, run: (engine: TestEngine) => void): void {
  describe(`${name} on SQLite`, () => run(SQLITE));
  describe.skipIf(!hasPostgres)(`${name} on Postgres`, () => run(POSTGRES));
}
