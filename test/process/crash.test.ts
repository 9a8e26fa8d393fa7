import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { hasPostgres, POSTGRES } from '../helpers/databases.ts';
import { createDatabase, requestGraphQL } from '../helpers/gateway.ts';
import { readStore } from '../helpers/killable-gateway.ts';
import { awaitGateway, createDataDir, type RunningGateway, startProgram } from '../helpers/process.ts';

const DEMO = '01900000-0000-7000-8000-000000000003';
const TEST_TIMEOUT = { timeout: 240_000 };
const MAX_STARTS = 8;
const WAIT = { timeout: 60_000, interval: 500 };
const SEND = `mutation ($input: SendMessageInput!) { sendMessage(input: $input) {
  ... on SendMessagePayload { reply { id } }
} }`;

const DATABASES = [
  { name: 'SQLite', isPossible: true, open: async () => `sqlite:${await createDataDir()}/chatgraph.db` },
  { name: 'Postgres', isPossible: hasPostgres, open: async () => (await createDatabase(POSTGRES)).url },
];

/** Starts a gateway whose answer engine kills the process on certain questions. */
async function startCrashingGateway(databaseUrl: string) {
  const env = { PORT: '0', DATA_DIR: await createDataDir(), DATABASE_URL: databaseUrl };
  let key = '';
  const start = () => startProgram({ script: 'test/process/crashing-gateway.ts', env });

  /** Starts the gateway, and returns it; returns undefined if it died before it was ready. */
  async function startGateway(): Promise<RunningGateway | undefined> {
    const gateway = await awaitGateway(start()).catch(() => undefined);
    key ||= gateway?.key ?? '';
    return gateway && Object.assign(gateway, { key });
  }

  async function send({ url }: RunningGateway, sessionId: string, content: string): Promise<void> {
    const input = { chatbotId: DEMO, sessionId, content };
    // A gateway that dies immediately sends no response.
    await requestGraphQL({ url, key }, SEND, { input }).catch(() => {});
  }

  /** Reads the replies' questions, statuses, texts and errors. */
  async function readReplies() {
    const { messages } = await readStore(databaseUrl);
    const questions = new Map(messages.map(({ id, content }) => [id, content]));
    const replies = messages.filter(({ role }) => role === 'ASSISTANT');
    return replies.map(({ parent_id, status, content, error }) => ({
      question: questions.get(parent_id ?? ''),
      ...{ status, content, error },
    }));
  }

  /** Restarts the gateway each time it dies, until all replies have ended. Returns the number of deaths. */
  async function restartUntilDone(first: RunningGateway): Promise<number> {
    let gateway: RunningGateway | undefined = first;
    for (let deaths = 0; deaths < MAX_STARTS; deaths++) {
      const exited = gateway?.exited ?? Promise.resolve('SIGKILL');
      const done = vi.waitFor(async () => {
        const open = (await readReplies()).filter(({ status }) => status === 'QUEUED' || status === 'STREAMING');
        expect(open).toEqual([]);
      }, WAIT);
      const hasDied = await Promise.race([exited.then(() => true), done.then(() => false)]);
      done.catch(() => {});
      if (!hasDied) return deaths;
      gateway = await startGateway();
    }
    throw new Error('The gateway keeps dying.');
  }

  const gateway = await startGateway();
  if (gateway === undefined) throw new Error('The gateway has not started.');
  onTestFinished(() => void gateway.kill('SIGKILL'));
  return { gateway, send, restartUntilDone, readReplies };
}

const databases = DATABASES.filter(({ isPossible }) => isPossible);

describe.each(databases)('a reply that kills the process, on $name', (database) => {
  it('fails with ENGINE_CRASHED after three crashes, and all other messages are answered', TEST_TIMEOUT, async () => {
    const { gateway, send, restartUntilDone, readReplies } = await startCrashingGateway(await database.open());
    await send(gateway, 'neighbour', 'Well?');
    await send(gateway, 'neighbour', 'And then?');
    await send(gateway, 'bad', 'Please crash at once.');
    await send(gateway, 'bad', 'And after that?');
    expect(await restartUntilDone(gateway)).toBe(3);
    const replies = await readReplies();
    const bad = replies.find(({ question }) => question === 'Please crash at once.');
    expect(bad).toMatchObject({ status: 'FAILED', content: '' });
    expect(JSON.parse(bad?.error ?? '{}')).toMatchObject({ code: 'ENGINE_CRASHED' });
    const others = replies.filter((reply) => reply !== bad);
    // A reply that a crash interrupted keeps the part that visitors have seen.
    for (const { status, content } of others) {
      expect(content).toMatch(/^One /);
      expect(['COMPLETED', 'INTERRUPTED']).toContain(status);
    }
  });

  it('is INTERRUPTED, and not generated again, if visitors have seen part of it', TEST_TIMEOUT, async () => {
    const { gateway, send, restartUntilDone, readReplies } = await startCrashingGateway(await database.open());
    await send(gateway, 'bad', 'Please crash after a word.');
    expect(await restartUntilDone(gateway)).toBe(1);
    expect(await readReplies()).toMatchObject([{ status: 'INTERRUPTED', content: 'One ' }]);
  });
});
