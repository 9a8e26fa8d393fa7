import { setTimeout } from 'node:timers/promises';
import SQLite from 'better-sqlite3';
import { onTestFinished } from 'vitest';
import { openDatabase } from '../../src/store/database.ts';
import { executeSql, POSTGRES, type TestEngine } from '../helpers/databases.ts';
import { createDatabase, type GraphQLResponse, requestGraphQL } from '../helpers/gateway.ts';
import type { GatewayAddress } from '../helpers/killable-gateway.ts';
import { awaitGateway, createDataDir, type RunningGateway, startProgram } from '../helpers/process.ts';
import type { Random } from '../helpers/random.ts';
import { createRedisPrefix } from '../helpers/redis.ts';
import { TEST_REDIS_URL } from '../helpers/servers.ts';
import { mutation } from '../schema/support.ts';

const MAX_EXIT_MS = 30_000;

/** The payload of a mutation, the code of its rejection, or `unknown` if the gateway may have executed it. */
export type MutationResult<T> =
  | { readonly kind: 'done'; readonly payload: T }
  | { readonly kind: 'refused'; readonly code: string }
  | { readonly kind: 'unknown' };

/** Gateways on one database. A test injects faults into them: kills, stops, lost connections and clock changes. */
export type ChaosCluster = Awaited<ReturnType<typeof startChaosCluster>>;

/** Starts `count` gateways on a database that records its deleted messages. */
export async function startChaosCluster(engine: TestEngine, count: number, random: Random) {
  const database = await createDatabase(engine);
  await recordDeletions(database.url, engine);
  const settings = {
    PORT: '0',
    SEED_DEMO: 'false',
    RATE_LIMIT_PER_MINUTE: '1000000',
    MONTHLY_MESSAGE_LIMIT: '1000000',
    MAX_STREAMS_PER_KEY: '10000',
    // A clock that is set forward must not end a handoff.
    HANDOFF_HOURS: '8760',
    BUILTIN_DELAY_MS: '8',
    DATABASE_URL: database.url,
    DATA_DIR: await createDataDir(),
    NODE_COMPILE_CACHE: await createDataDir(),
    NODE_OPTIONS: '--import ./test/helpers/set-clock.ts',
    ...(engine === POSTGRES && { REDIS_URL: TEST_REDIS_URL, REDIS_PREFIX: createRedisPrefix() }),
  };
  const start = () => awaitGateway(startProgram({ env: settings }));
  const nodes: (RunningGateway | undefined)[] = [];
  for (let index = 0; index < count; index++) nodes.push(await start());
  const key = nodes.map((node) => node?.key).join('');
  const url = nodes[0]?.url ?? '';
  const problems: string[] = [];
  const counts: Record<string, number> = {};
  let isFinished = false;
  onTestFinished(() => {
    isFinished = true;
  });
  const increment = (name: string) => {
    counts[name] = (counts[name] ?? 0) + 1;
  };

  async function pickGateway(): Promise<GatewayAddress> {
    while (!isFinished) {
      const alive = nodes.filter((node) => node !== undefined);
      const node = alive[random.below(alive.length)];
      if (node !== undefined) return { url: node.url, key };
      await setTimeout(20);
    }
    return { url, key };
  }

  /** Ends a random gateway with a signal, and restarts it. */
  async function restart(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const index = random.below(count);
    const node = nodes[index];
    if (node === undefined) return;
    nodes[index] = undefined;
    node.kill(signal);
    const code = await Promise.race([node.exited, setTimeout(MAX_EXIT_MS, 'no exit', { ref: false })]);
    if (code !== (signal === 'SIGKILL' ? signal : 0)) problems.push(`${signal} ended a gateway with ${code}.`);
    recordErrors(node);
    nodes[index] = await start();
  }

  function recordErrors({ stderr }: RunningGateway): void {
    for (const line of stderr.split('\n')) {
      const { level = 0, msg = '', task, err } = line.startsWith('{') ? JSON.parse(line) : {};
      if (level >= 50) increment(`logged: ${[msg, task, err?.message].filter(Boolean).join(': ')}`);
    }
  }

  async function injectFault(): Promise<void> {
    const kind = random.below(engine === POSTGRES ? 5 : 4);
    if (kind === 0) await restart('SIGKILL');
    else if (kind === 1) await restart('SIGTERM');
    else if (kind < 4) nodes[random.below(count)]?.kill(kind === 2 ? 'SIGUSR2' : 'SIGWINCH');
    else await executeSql(TERMINATE_CONNECTIONS, new URL(database.url).pathname.slice(1));
    increment(['SIGKILL', 'SIGTERM', 'clock set back', 'clock set forward', 'connections cut'][kind] ?? '');
  }

  return {
    url,
    key,
    databaseUrl: database.url,
    problems,
    counts,
    increment,
    injectFault,
    // `GatewayClient` has this field, but no client of this cluster reads it.
    faultCount: 0,
    get liveGateway() {
      return pickGateway();
    },
    graphql: async <T>(query: string, variables: object = {}): Promise<GraphQLResponse<T>> =>
      requestGraphQL<T>(await pickGateway(), query, variables),

    /** Runs a mutation once, on a random running gateway. */
    async mutate<T>(name: string, input: object, selection?: string): Promise<MutationResult<T>> {
      const request = requestGraphQL<Record<string, T & { code?: string }>>(
        await pickGateway(),
        mutation(name, selection),
        {
          input,
        },
      );
      const response = await request.catch(() => undefined);
      const payload = response?.data?.[name];
      const code = payload?.code ?? response?.errors?.[0]?.extensions.code;
      if (code === 'INTERNAL_SERVER_ERROR') problems.push(`${name} failed with INTERNAL_SERVER_ERROR.`);
      if (payload !== undefined && code === undefined) return { kind: 'done', payload };
      if (code === undefined || code === 'SERVICE_UNAVAILABLE') return { kind: 'unknown' };
      return { kind: 'refused', code: String(code) };
    },

    /** Counts the errors that the running gateways have logged. */
    recordRemainingErrors(): void {
      for (const node of nodes) if (node !== undefined) recordErrors(node);
    },
  };
}

/** Terminates a random 40% of the connections, including those in a transaction. */
const TERMINATE_CONNECTIONS = `select pg_terminate_backend(pid) from pg_stat_activity
  where datname = current_database() and pid <> pg_backend_pid() and random() < 0.4`;

/** Makes the database record deleted messages, which leave no other trace. */
async function recordDeletions(url: string, engine: TestEngine): Promise<void> {
  const table = 'create table removed_messages (id text primary key, role text, content text)';
  const insert = 'insert into removed_messages values (old.id, old.role, old.content)';
  if (engine === POSTGRES) {
    const statements = `${table};
      create function record_removed() returns trigger language plpgsql as $$ begin ${insert}; return old; end $$;
      create trigger record_removed after delete on messages for each row execute function record_removed()`;
    await executeSql(statements, new URL(url).pathname.slice(1));
    onTestFinished(() =>
      executeSql(
        'drop trigger record_removed on messages; drop function record_removed; drop table removed_messages',
        new URL(url).pathname.slice(1),
      ),
    );
    return;
  }
  const file = new SQLite(url.slice('sqlite:'.length));
  file.exec(`${table}; create trigger record_removed after delete on messages begin ${insert}; end`);
  file.close();
}

/** Reads all stored rows, and counts the deleted replies that had a text. */
export async function readAllRows(url: string) {
  const db = await openDatabase({ url, role: 'tool' });
  try {
    const removed = await db.read
      .selectFrom('removed_messages' as 'messages')
      .select('id')
      .where('role', '=', 'ASSISTANT')
      .where('content', '!=', '')
      .execute();
    return {
      messages: await db.read.selectFrom('messages').selectAll().orderBy('id').execute(),
      events: await db.read.selectFrom('conversation_events').selectAll().orderBy('number').execute(),
      conversations: await db.read.selectFrom('conversations').selectAll().execute(),
      chatbots: await db.read.selectFrom('chatbots').select(['id', 'last_event', 'deleted_at']).execute(),
      usedMessages: (await db.read.selectFrom('usage').select('messages').execute()).reduce(
        (n, row) => n + row.messages,
        0,
      ),
      deletedReplyCount: removed.length,
    };
  } finally {
    await db.close();
  }
}
