import { copyFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { openDatabase } from '../../src/store/database.ts';
import { askGraphQL, type GraphQLAnswer } from './gateway.ts';
import { awaitGateway, createDataDir, type Running, type RunningGateway, startProgram } from './process.ts';

/** The address and the API key of a running gateway. */
export interface GatewayAddress {
  readonly url: string;
  readonly key: string;
}

/** One process of a gateway. Times are Unix times in milliseconds. */
export interface ProcessRun {
  readonly startedAt: number;
  /** Absent if the process was killed before it was ready. */
  readyAt?: number;
  killedAt?: number;
  /** The database as the process left it. */
  left?: StoredState;
}

/** All stored rows about conversations. */
export type StoredState = Awaited<ReturnType<typeof readStore>>;

/** The number of processes that are preloaded: loading takes longer than a process lives. */
const SPARES = 2;

/** A gateway that a test kills and restarts with the same data. */
export type KillableGateway = Awaited<ReturnType<typeof createKillableGateway>>;

/** Creates a killable gateway and starts it. */
export async function createKillableGateway(env: Readonly<Record<string, string>>) {
  const dataDir = await createDataDir();
  const cache = await createDataDir();
  const settings = { PORT: '0', SEED_DEMO: 'false', NODE_COMPILE_CACHE: cache, ...env, DATA_DIR: dataDir };
  const spares = Array.from({ length: SPARES }, preload);
  const lives: ProcessRun[] = [];
  let next = Promise.withResolvers<GatewayAddress>();
  let running: Running;
  let key = '';

  function preload(): Running {
    return startProgram({ env: settings, isHeld: true });
  }

  /** Resolves when the process has started; `ready` resolves when it serves. */
  async function start(): Promise<{ ready: Promise<void> }> {
    spares.push(preload());
    running = spares.shift() ?? preload();
    await running.until('stderr', /^held$/m);
    const life: ProcessRun = { startedAt: Date.now() };
    lives.push(life);
    running.release();
    return { ready: prepare(running, life, next) };
  }

  async function prepare(started: Running, life: ProcessRun, { resolve }: typeof next): Promise<void> {
    const gateway: RunningGateway | undefined = await awaitGateway(started).catch(() => undefined);
    if (gateway === undefined || life.killedAt !== undefined) return;
    life.readyAt = Date.now();
    key ||= gateway.key;
    resolve({ url: gateway.url, key });
  }

  await (await start()).ready;
  return {
    lives,
    start,
    databaseUrl: urlOf(dataDir),
    /** The number of kills. */
    get breaks(): number {
      return lives.filter(({ killedAt }) => killedAt !== undefined).length;
    },
    /** Resolves with the running gateway, as soon as there is one. */
    get current(): Promise<GatewayAddress> {
      return next.promise;
    },
    /** Runs a GraphQL operation on the running gateway; rejects if the gateway is killed meanwhile. */
    async graphql<T>(query: string, variables: object = {}): Promise<GraphQLAnswer<T>> {
      return askGraphQL<T>(await next.promise, query, variables);
    },
    /** Kills the process, ready or not, and reads the database that it left. */
    async kill(): Promise<void> {
      const life = lives.at(-1);
      if (life === undefined) throw new Error('It has not been started.');
      if (life.readyAt !== undefined) next = Promise.withResolvers();
      life.killedAt = Date.now();
      running.kill('SIGKILL');
      const code = await running.exited;
      if (code !== 'SIGKILL') throw new Error(`It had ended by itself with ${code}: ${running.stderr}`);
      life.left = await readCopy(dataDir);
    },
    readStore: () => readStore(urlOf(dataDir)),
  };
}

/** Reads a copy of the database, so that the next start finds the files as the crash left them. */
async function readCopy(dataDir: string): Promise<StoredState> {
  const copy = await createDataDir();
  const files = (await readdir(dataDir)).filter((name) => name.startsWith('chatgraph.db'));
  await Promise.all(files.map((name) => copyFile(join(dataDir, name), join(copy, name))));
  return readStore(urlOf(copy));
}

const urlOf = (dataDir: string): string => `sqlite:${join(dataDir, 'chatgraph.db')}`;

/** Reads all rows about conversations from a database that gateways may be using. */
export async function readStore(url: string) {
  const db = await openDatabase({ url, role: 'tool' });
  try {
    return {
      messages: await db.read.selectFrom('messages').selectAll().orderBy('id').execute(),
      events: await db.read.selectFrom('conversation_events').selectAll().orderBy('number').execute(),
      conversations: await db.read.selectFrom('conversations').selectAll().execute(),
      used: (await db.read.selectFrom('usage').select('messages').executeTakeFirstOrThrow()).messages,
    };
  } finally {
    await db.close();
  }
}
