import { copyFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { openDatabase } from '../../src/store/database.ts';
import { askGraphQL, type GraphQLAnswer } from './gateway.ts';
import { awaitGateway, createDataDir, type Running, type RunningGateway, startProgram } from './process.ts';

/** A gateway that can be asked. */
export interface GatewayAddress {
  readonly url: string;
  readonly key: string;
}

/** One process of a gateway, from its start on. Times are those of the clock, in ms. */
export interface ProcessRun {
  readonly startedAt: number;
  /** When it was ready; absent where it was killed before. */
  readyAt?: number;
  killedAt?: number;
  /** What it left behind. */
  left?: StoredState;
}

/** All that is stored of conversations. */
export type StoredState = Awaited<ReturnType<typeof readStore>>;

/** How many processes stand ready. One loads longer than it lives. */
const SPARES = 2;

/** A gateway that is killed and comes back with the same data, for those who want to talk to the one that runs. */
export type KillableGateway = Awaited<ReturnType<typeof createKillableGateway>>;

/** Makes a gateway that can be killed, and starts it. */
export async function createKillableGateway(env: Readonly<Record<string, string>>) {
  const dataDir = await createDataDir();
  const cache = await createDataDir();
  const settings = { PORT: '0', SEED_DEMO: 'false', NODE_COMPILE_CACHE: cache, ...env, DATA_DIR: dataDir };
  const spares = Array.from({ length: SPARES }, hold);
  const lives: ProcessRun[] = [];
  let next = Promise.withResolvers<GatewayAddress>();
  let running: Running;
  let key = '';

  function hold(): Running {
    return startProgram({ env: settings, isHeld: true });
  }

  /** Resolves when it runs, which is before it is ready. */
  async function start(): Promise<{ ready: Promise<void> }> {
    spares.push(hold());
    running = spares.shift() ?? hold();
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
    /** How often it was killed. */
    get breaks(): number {
      return lives.filter(({ killedAt }) => killedAt !== undefined).length;
    },
    /** The gateway that runs, as soon as there is one. */
    get current(): Promise<GatewayAddress> {
      return next.promise;
    },
    /** Runs a GraphQL operation on the gateway that runs; rejects when it is killed meanwhile. */
    async graphql<T>(query: string, variables: object = {}): Promise<GraphQLAnswer<T>> {
      return askGraphQL<T>(await next.promise, query, variables);
    },
    /** Kills it, however far it has come, and looks at what is left of it. */
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

/** Reads a copy, so that what a crash has left is found by the next start as it was left. */
async function readCopy(dataDir: string): Promise<StoredState> {
  const copy = await createDataDir();
  const files = (await readdir(dataDir)).filter((name) => name.startsWith('chatgraph.db'));
  await Promise.all(files.map((name) => copyFile(join(dataDir, name), join(copy, name))));
  return readStore(urlOf(copy));
}

const urlOf = (dataDir: string): string => `sqlite:${join(dataDir, 'chatgraph.db')}`;

/** Reads all that is stored of conversations in a database, beside the gateways that use it. */
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
