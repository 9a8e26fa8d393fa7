import { copyFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { openDatabase } from '../../src/store/database.ts';
import { type GraphQLResponse, requestGraphQL } from './gateway.ts';
import { awaitGateway, createDataDir, type RunningGateway, type RunningProgram, startProgram } from './process.ts';

/** The address and the API key of a running gateway. */
export interface GatewayAddress {
  readonly url: string;
  readonly key: string;
}

/** One run of the gateway's process. Times are Unix times in milliseconds. */
export interface ProcessRun {
  readonly startedAt: number;
  /** Absent if the process was killed before it was ready. */
  readyAt?: number;
  killedAt?: number;
  /** The rows in the database right after the kill. */
  storedAtKill?: StoredState;
}

/** All stored rows about conversations. */
export type StoredState = Awaited<ReturnType<typeof readStore>>;

/** How many processes load their modules in advance. Loading takes longer than a test lets a process run. */
const PRELOADED_PROCESSES = 2;

/** A gateway that a test kills and restarts with the same data. */
export type KillableGateway = Awaited<ReturnType<typeof createKillableGateway>>;

/** Creates a killable gateway and starts it. */
export async function createKillableGateway(env: Readonly<Record<string, string>>) {
  const dataDir = await createDataDir();
  const settings = { PORT: '0', SEED_DEMO: 'false', ...env, DATA_DIR: dataDir };
  const preloaded = Array.from({ length: PRELOADED_PROCESSES }, preload);
  const runs: ProcessRun[] = [];
  let ready = Promise.withResolvers<GatewayAddress>();
  let running: RunningProgram;
  let key = '';

  function preload(): RunningProgram {
    return startProgram({ env: settings, isPreloaded: true });
  }

  /** Resolves when the process has started; the returned `ready` resolves when the gateway serves requests. */
  async function start(): Promise<{ ready: Promise<void> }> {
    preloaded.push(preload());
    running = preloaded.shift() ?? preload();
    await running.waitForOutput('stderr', /^preloaded$/m);
    const run: ProcessRun = { startedAt: Date.now() };
    runs.push(run);
    running.runPreloaded();
    return { ready: waitUntilReady(running, run, ready) };
  }

  async function waitUntilReady(started: RunningProgram, run: ProcessRun, { resolve }: typeof ready): Promise<void> {
    const gateway: RunningGateway | undefined = await awaitGateway(started).catch(() => undefined);
    if (gateway === undefined || run.killedAt !== undefined) return;
    run.readyAt = Date.now();
    key ||= gateway.key;
    resolve({ url: gateway.url, key });
  }

  await (await start()).ready;
  return {
    runs,
    start,
    databaseUrl: urlOf(dataDir),
    /** The number of kills. */
    get faultCount(): number {
      return runs.filter(({ killedAt }) => killedAt !== undefined).length;
    },
    /** Resolves with the running gateway as soon as it is ready. */
    get liveGateway(): Promise<GatewayAddress> {
      return ready.promise;
    },
    /** Runs a GraphQL operation on the running gateway; rejects if the gateway is killed meanwhile. */
    async graphql<T>(query: string, variables: object = {}): Promise<GraphQLResponse<T>> {
      return requestGraphQL<T>(await ready.promise, query, variables);
    },
    /** Kills the process, ready or not, and reads the database right after. */
    async kill(): Promise<void> {
      const run = runs.at(-1);
      if (run === undefined) throw new Error('The gateway has not been started.');
      if (run.readyAt !== undefined) ready = Promise.withResolvers();
      run.killedAt = Date.now();
      running.kill('SIGKILL');
      const code = await running.exited;
      if (code !== 'SIGKILL') throw new Error(`The gateway exited by itself with ${code}: ${running.stderr}`);
      run.storedAtKill = await readCopy(dataDir);
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
      usedMessages: (await db.read.selectFrom('usage').select('messages').executeTakeFirstOrThrow()).messages,
    };
  } finally {
    await db.close();
  }
}
