import { onTestFinished } from 'vitest';
import { issueApiKey } from '../../src/access/api-keys.ts';
import { startGateway as start } from '../../src/app.ts';
import { type Config, readConfig } from '../../src/config.ts';
import type { Deps } from '../../src/deps.ts';
import { SCOPES, type Scope } from '../../src/domain/entities.ts';
import { createId } from '../../src/domain/ids.ts';
import { toTimestamp } from '../../src/domain/time.ts';
import { createLogger } from '../../src/logger.ts';
import { insertAccount } from '../../src/store/accounts.ts';
import { STACK_ENGINE, type TestDatabase, type TestEngine } from './databases.ts';
import { createPrefix } from './redis.ts';
import { TEST_REDIS_URL } from './servers.ts';

/** An account with a key, as a client of the gateway has it. */
export interface Tenant {
  readonly accountId: string;
  readonly key: string;
}

/** A gateway on a port and a database of its own. */
export interface TestGateway extends Tenant {
  readonly url: string;
  readonly deps: Deps;
  /** What was logged, one object a line. */
  readonly logs: readonly Record<string, unknown>[];
  /** Asks over HTTP, adding nothing. */
  fetch(path: string, init?: RequestInit): Promise<Response>;
  /** Runs a GraphQL operation over HTTP with a key, that of the first account unless told. */
  graphql<T = Record<string, never>>(query: string, variables?: object, key?: string): Promise<GraphQLAnswer<T>>;
  /** Makes another account with a key. */
  createTenant(scopes?: readonly Scope[]): Promise<Tenant>;
  /** Makes a key for an account. */
  createKey(accountId: string, scopes: readonly Scope[]): Promise<string>;
  close(): Promise<void>;
}

/** A GraphQL response, its data trusted to be what the test asked for. */
export interface GraphQLAnswer<T> {
  readonly status: number;
  readonly headers: Headers;
  readonly data: T;
  readonly errors?: readonly { message: string; path?: string[]; extensions: Record<string, unknown> }[];
}

/** What a test may set differently. */
export interface GatewayOptions {
  /** Environment variables, as an operator would set them. */
  readonly env?: Readonly<Record<string, string>>;
  /** Parts to replace, such as the clock or the engines. */
  readonly replaced?: Partial<Deps>;
  /** A database to go on with, which is the test's to remove; absent: a new one that is removed afterwards. */
  readonly database?: TestDatabase;
  /** What a new database runs on; absent: that of the stack. */
  readonly engine?: TestEngine;
}

/** Makes a database that gateways of one test can follow one another on. */
export async function createDatabase(engine: TestEngine = STACK_ENGINE): Promise<TestDatabase> {
  const database = await engine.create();
  onTestFinished(() => database.drop());
  return database;
}

/** What a gateway of the stack with Redis is set to. A busy machine makes Redis slow, which is not what a test is about. */
const onRedis = () => ({
  REDIS_URL: TEST_REDIS_URL,
  REDIS_PREFIX: createPrefix(),
  REDIS_RATE_LIMIT_TIMEOUT_MS: '10000',
});

/** Starts a real gateway on a free port with an empty account, no demo, and an engine that does not wait. */
export async function startGateway(options: GatewayOptions = {}): Promise<TestGateway> {
  const { env = {}, replaced = {}, engine = STACK_ENGINE } = options;
  const database = options.database ?? (await engine.create());
  const logs: Record<string, unknown>[] = [];
  const logger = createLogger('debug', { write: (line: string) => void logs.push(JSON.parse(line)) });
  const config: Config = readConfig({
    PORT: '0',
    DATABASE_URL: database.url,
    SEED_DEMO: 'false',
    BUILTIN_DELAY_MS: '0',
    RATE_LIMIT_PER_MINUTE: '100000',
    GRAPHQL_JIT: process.env.GRAPHQL_JIT,
    ...(process.env.TEST_STACK === 'scale' && onRedis()),
    ...env,
  });
  // Compiled at once, or never: a test asks most things but once.
  const compileAtUse = Math.min(config.compileAtUse, 1);
  const gateway = await start({ ...config, compileAtUse }, { logger, ...replaced });
  const { deps, url } = gateway;

  async function createKey(accountId: string, scopes: readonly Scope[]): Promise<string> {
    const created = await deps.db.transaction((trx) =>
      issueApiKey(trx, deps.clock.now(), accountId, { name: 'Test key', scopes }),
    );
    return created.secret;
  }

  async function createTenant(scopes: readonly Scope[] = SCOPES): Promise<Tenant> {
    const id = createId('account');
    await deps.db.transaction((trx) => insertAccount(trx, { id, name: id, createdAt: toTimestamp(deps.clock.now()) }));
    return { accountId: id, key: await createKey(id, scopes) };
  }

  async function close(): Promise<void> {
    await gateway.close();
    if (options.database === undefined) await database.drop();
  }

  const first = await createTenant();
  let closing: Promise<void> | undefined;
  return {
    ...first,
    url,
    deps,
    logs,
    createKey,
    createTenant,
    fetch: (path, init) => fetch(`${url}${path}`, init),
    graphql: (query, variables, key = first.key) => askGraphQL({ url, key }, query, variables),
    close: () => {
      closing ??= close();
      return closing;
    },
  };
}

/** Runs a GraphQL operation over HTTP. */
export async function askGraphQL<T>(
  { url, key }: Pick<TestGateway, 'url' | 'key'>,
  query: string,
  variables: object = {},
): Promise<GraphQLAnswer<T>> {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
    body: JSON.stringify({ query, variables }),
  });
  const body = (await response.json()) as Pick<GraphQLAnswer<T>, 'data' | 'errors'>;
  return { status: response.status, headers: response.headers, ...body };
}
