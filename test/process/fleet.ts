import { setTimeout } from 'node:timers/promises';
import SQLite from 'better-sqlite3';
import { onTestFinished } from 'vitest';
import { openDatabase } from '../../src/store/database.ts';
import { askServer, POSTGRES, type TestEngine } from '../helpers/databases.ts';
import { askGraphQL, createDatabase, type GraphQLAnswer } from '../helpers/gateway.ts';
import type { GatewayAddress } from '../helpers/killable-gateway.ts';
import { awaitGateway, createDataDir, type RunningGateway, startProgram } from '../helpers/process.ts';
import type { Random } from '../helpers/random.ts';
import { createPrefix } from '../helpers/redis.ts';
import { TEST_REDIS_URL } from '../helpers/servers.ts';
import { mutation } from '../schema/support.ts';

const EXIT_MS = 30_000;

/** The result of a mutation: its payload, the code of its rejection, or unknown, if the response was lost. */
export type Result<T> =
  | { readonly kind: 'done'; readonly payload: T }
  | { readonly kind: 'refused'; readonly code: string }
  | { readonly kind: 'unknown' };

/** Gateways on one database that are killed, stopped, disconnected and given other clocks, and then restarted. */
export type Fleet = Awaited<ReturnType<typeof startFleet>>;

/** Starts `count` gateways on a database that records its deleted messages. */
export async function startFleet(engine: TestEngine, count: number, random: Random) {
  const database = await createDatabase(engine);
  await recordDeletions(database.url, engine);
  const settings = {
    PORT: '0',
    SEED_DEMO: 'false',
    RATE_LIMIT_PER_MINUTE: '1000000',
    MONTHLY_MESSAGE_LIMIT: '1000000',
    MAX_STREAMS_PER_KEY: '10000',
    // Moving a clock forward must not end a handoff.
    HANDOFF_HOURS: '8760',
    BUILTIN_DELAY_MS: '8',
    DATABASE_URL: database.url,
    DATA_DIR: await createDataDir(),
    NODE_COMPILE_CACHE: await createDataDir(),
    NODE_OPTIONS: '--import ./test/helpers/set-clock.ts',
    ...(engine === POSTGRES && { REDIS_URL: TEST_REDIS_URL, REDIS_PREFIX: createPrefix() }),
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
  const countOne = (what: string) => {
    counts[what] = (counts[what] ?? 0) + 1;
  };

  async function pick(): Promise<GatewayAddress> {
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
    const code = await Promise.race([node.exited, setTimeout(EXIT_MS, 'still there', { ref: false })]);
    if (code !== (signal === 'SIGKILL' ? signal : 0)) problems.push(`${signal} ended a gateway with ${code}.`);
    recordErrors(node);
    nodes[index] = await start();
  }

  function recordErrors({ stderr }: RunningGateway): void {
    for (const line of stderr.split('\n')) {
      const { level = 0, msg = '', task, err } = line.startsWith('{') ? JSON.parse(line) : {};
      if (level >= 50) countOne(`logged: ${[msg, task, err?.message].filter(Boolean).join(': ')}`);
    }
  }

  async function breakSomething(): Promise<void> {
    const kind = random.below(engine === POSTGRES ? 5 : 4);
    if (kind === 0) await restart('SIGKILL');
    else if (kind === 1) await restart('SIGTERM');
    else if (kind < 4) nodes[random.below(count)]?.kill(kind === 2 ? 'SIGUSR2' : 'SIGWINCH');
    else await askServer(CUT, new URL(database.url).pathname.slice(1));
    countOne(['SIGKILL', 'SIGTERM', 'clock set back', 'clock set forth', 'connections cut'][kind] ?? '');
  }

  return {
    url,
    key,
    databaseUrl: database.url,
    problems,
    counts,
    countOne,
    breakSomething,
    breaks: 0,
    get current() {
      return pick();
    },
    graphql: async <T>(query: string, variables: object = {}): Promise<GraphQLAnswer<T>> =>
      askGraphQL<T>(await pick(), query, variables),

    /** Runs a mutation once, on a random gateway. */
    async ask<T>(name: string, input: object, selection?: string): Promise<Result<T>> {
      const request = askGraphQL<Record<string, T & { code?: string }>>(await pick(), mutation(name, selection), {
        input,
      });
      const answer = await request.catch(() => undefined);
      const payload = answer?.data?.[name];
      const code = payload?.code ?? answer?.errors?.[0]?.extensions.code;
      if (code === 'INTERNAL_SERVER_ERROR') problems.push(`${name} met an internal error.`);
      if (payload !== undefined && code === undefined) return { kind: 'done', payload };
      if (code === undefined || code === 'SERVICE_UNAVAILABLE') return { kind: 'unknown' };
      return { kind: 'refused', code: String(code) };
    },

    /** Records the errors that the running gateways have logged. */
    finish(): void {
      for (const node of nodes) if (node !== undefined) recordErrors(node);
    },
  };
}

/** Terminates 40% of the connections at random, including those in a transaction. */
const CUT = `select pg_terminate_backend(pid) from pg_stat_activity
  where datname = current_database() and pid <> pg_backend_pid() and random() < 0.4`;

/** Records the content of deleted messages, which nothing else shows. */
async function recordDeletions(url: string, engine: TestEngine): Promise<void> {
  const table = 'create table removed_messages (id text primary key, role text, content text)';
  const insert = 'insert into removed_messages values (old.id, old.role, old.content)';
  if (engine === POSTGRES) {
    const statements = `${table};
      create function note_removed() returns trigger language plpgsql as $$ begin ${insert}; return old; end $$;
      create trigger note_removed after delete on messages for each row execute function note_removed()`;
    await askServer(statements, new URL(url).pathname.slice(1));
    onTestFinished(() =>
      askServer(
        'drop trigger note_removed on messages; drop function note_removed; drop table removed_messages',
        new URL(url).pathname.slice(1),
      ),
    );
    return;
  }
  const file = new SQLite(url.slice('sqlite:'.length));
  file.exec(`${table}; create trigger note_removed after delete on messages begin ${insert}; end`);
  file.close();
}

/** Reads all stored rows, and counts the deleted replies that had text. */
export async function readAll(url: string) {
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
      used: (await db.read.selectFrom('usage').select('messages').execute()).reduce((n, row) => n + row.messages, 0),
      removed: removed.length,
    };
  } finally {
    await db.close();
  }
}
