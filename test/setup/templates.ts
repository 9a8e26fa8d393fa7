import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import type { TestProject } from 'vitest/node';
import { openDatabase } from '../../src/store/database.ts';
import { isReachable, TEST_DATABASE_URL } from '../helpers/servers.ts';
import { bundleScripts } from './bundles.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Migrated databases without rows, which test databases are copied from. */
    templates: {
      /** The path of a SQLite file. */
      readonly sqlite: string;
      /** The name of a database on the tests' Postgres; undefined if that is unreachable. */
      readonly postgres: string | undefined;
      /** The prefix of the names of this run's databases. */
      readonly prefix: string;
    };
    /** The folder of the bundled scripts: see `bundles.ts`. */
    bundles: string;
  }
}

/** Prepares once per run what takes long: a migrated database per engine, to be copied, and the bundled scripts. */
export async function setup(project: TestProject): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'chatgraph-template-'));
  const sqlite = join(folder, 'chatgraph.db');
  await migrate(`sqlite:${sqlite}`);
  const prefix = `chatgraph_test_${randomUUID().slice(0, 8)}_`;
  const postgres = (await isReachable(TEST_DATABASE_URL)) ? await preparePostgres(`${prefix}template`) : undefined;
  project.provide('templates', { sqlite, postgres, prefix });
  const bundles = await bundleScripts();
  project.provide('bundles', bundles);
  cleanups.push(async () => {
    for (const path of [folder, bundles]) await rm(path, { recursive: true, force: true });
    if (postgres !== undefined) await dropAll(prefix);
  });
}

/** Removes the templates and bundles at the end of the run. */
export async function teardown(): Promise<void> {
  for (const cleanUp of cleanups.splice(0)) await cleanUp();
}

const cleanups: (() => Promise<void>)[] = [];

/** Drops the template and every remaining test database. */
async function dropAll(prefix: string): Promise<void> {
  const names = await executeSql(`select datname as name from pg_database where starts_with(datname, '${prefix}')`);
  for (const { name } of names) await executeSql(`drop database if exists ${name} with (force)`);
}

async function preparePostgres(name: string): Promise<string> {
  await executeSql(`create database ${name}`);
  const url = new URL(TEST_DATABASE_URL);
  url.pathname = name;
  await migrate(url.href);
  return name;
}

async function migrate(url: string): Promise<void> {
  const database = await openDatabase({ url, role: 'gateway' });
  await database.close();
}

async function executeSql(statement: string): Promise<readonly { name: string }[]> {
  const client = new Client({ connectionString: TEST_DATABASE_URL });
  await client.connect();
  const { rows } = await client.query<{ name: string }>(statement).finally(() => client.end());
  return rows;
}
