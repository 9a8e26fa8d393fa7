import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { type Database, openDatabase } from '../../src/store/database.ts';
import { TEST_DATABASE_URL } from '../../test/helpers/servers.ts';

/** A database engine that is measured. */
export interface EvalEngine {
  /** Its name on the command line. */
  readonly name: 'sqlite' | 'postgres';
  /** Its name in the table. */
  readonly title: string;
  isReachable(): Promise<boolean>;
  /** Runs `measure` with an empty database and its URL, and removes the database. */
  withDatabase<T>(measure: Measure<T>): Promise<T>;
}

type Measure<T> = (db: Database, url: string) => Promise<T>;

const TIMEOUT_MS = 2_000;

/** A database file in a temporary folder. */
export const sqlite: EvalEngine = {
  name: 'sqlite',
  title: 'SQLite',
  isReachable: async () => true,

  async withDatabase(measure) {
    const folder = await mkdtemp(join(tmpdir(), 'chatgraph-eval-'));
    try {
      return await measureAt(`sqlite:${join(folder, 'chatgraph.db')}`, measure);
    } finally {
      await rm(folder, { recursive: true });
    }
  },
};

/** Postgres: databases on the server that the tests use, at `TEST_DATABASE_URL` or on this machine. */
const postgres: EvalEngine = {
  name: 'postgres',
  title: 'Postgres',

  async isReachable() {
    return executeSql('select 1').then(
      () => true,
      () => false,
    );
  },

  async withDatabase(measure) {
    const name = `chatgraph_eval_${randomUUID().replaceAll('-', '')}`;
    await executeSql(`create database ${name}`);
    try {
      const url = new URL(TEST_DATABASE_URL);
      url.pathname = name;
      return await measureAt(url.href, measure);
    } finally {
      await executeSql(`drop database ${name} with (force)`);
    }
  },
};

/** All engines, in the order of the table's columns. */
export const ENGINES: readonly EvalEngine[] = [sqlite, postgres];

async function measureAt<T>(url: string, measure: Measure<T>): Promise<T> {
  const db = await openDatabase({ url, role: 'tool' });
  try {
    return await measure(db, url);
  } finally {
    await db.close();
  }
}

async function executeSql(statement: string): Promise<void> {
  const client = new Client({ connectionString: TEST_DATABASE_URL, connectionTimeoutMillis: TIMEOUT_MS });
  try {
    await client.connect();
    await client.query(statement);
  } finally {
    await client.end();
  }
}
