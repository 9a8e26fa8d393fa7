import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import type { TestProject } from 'vitest/node';
import { openDatabase } from '../../src/store/database.ts';
import { isThere, TEST_DATABASE_URL } from './servers.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Migrated databases without a row, which test databases are copies of. */
    templates: {
      /** The path of a SQLite file. */
      readonly sqlite: string;
      /** The name of a database on the Postgres of the tests; absent where there is none. */
      readonly postgres: string | undefined;
    };
  }
}

/** Migrates one database of each kind, once for a run; to copy one takes a fraction of that. */
export async function setup(project: TestProject): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'chatgraph-template-'));
  const sqlite = join(folder, 'chatgraph.db');
  await migrate(`sqlite:${sqlite}`);
  const postgres = (await isThere(TEST_DATABASE_URL)) ? await preparePostgres() : undefined;
  project.provide('templates', { sqlite, postgres });
  cleanups.push(async () => {
    await rm(folder, { recursive: true, force: true });
    if (postgres !== undefined) await ask(`drop database ${postgres} with (force)`);
  });
}

/** Removes them at the end of the run. */
export async function teardown(): Promise<void> {
  for (const cleanUp of cleanups.splice(0)) await cleanUp();
}

const cleanups: (() => Promise<void>)[] = [];

async function preparePostgres(): Promise<string> {
  const name = `chatgraph_template_${randomUUID().replaceAll('-', '')}`;
  await ask(`create database ${name}`);
  const url = new URL(TEST_DATABASE_URL);
  url.pathname = name;
  await migrate(url.href);
  return name;
}

async function migrate(url: string): Promise<void> {
  const database = await openDatabase({ url, role: 'gateway' });
  await database.close();
}

async function ask(statement: string): Promise<void> {
  const client = new Client({ connectionString: TEST_DATABASE_URL });
  await client.connect();
  await client.query(statement).finally(() => client.end());
}
