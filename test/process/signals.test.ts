import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import { createDataDir, isAlive, type RunningGateway, startGatewayProcess } from '../helpers/process.ts';
import { serverSentEvents, TRANSPORTS, type Transport, webSocket } from '../helpers/streams.ts';

const DEMO = '01900000-0000-7000-8000-000000000003';

/** Sends a question to the demo chatbot, and returns the id of the reply. */
async function sendQuestion({ url, key }: RunningGateway, sessionId = 'one'): Promise<string> {
  const query = `mutation ($input: SendMessageInput!) { sendMessage(input: $input) {
    ... on SendMessagePayload { reply { id } }
  } }`;
  const input = { chatbotId: DEMO, sessionId, content: 'How do I follow an answer while it is written?' };
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-api-key': key },
    body: JSON.stringify({ query, variables: { input } }),
  });
  const { data } = (await response.json()) as { data: { sendMessage: { reply: { id: string } } } };
  return data.sendMessage.reply.id;
}

/** The statuses of messages in the database of a gateway that has ended. */
function statusesIn(dataDir: string, ids: readonly string[]): unknown[] {
  const db = new Database(join(dataDir, 'chatgraph.db'), { readonly: true });
  const statuses = ids.map((id) => db.prepare('select status from messages where id = ?').pluck().get(id));
  db.close();
  return statuses;
}

/** Starts a gateway with a reply that is being generated, and a reader of it for each transport. */
async function startWithReaders({
  launcher = 'node',
  delayMs,
  transports = TRANSPORTS,
}: {
  launcher?: 'npm' | 'node';
  delayMs: number;
  transports?: readonly Transport[];
}) {
  const env = { DATA_DIR: await createDataDir(), BUILTIN_DELAY_MS: `${delayMs}` };
  const gateway = await startGatewayProcess({ env, launcher });
  const messageId = await sendQuestion(gateway);
  const readers = transports.map((transport) => transport.subscribe(gateway, { messageId }));
  await Promise.all(readers.map((reader) => reader.until(({ offset }) => offset !== undefined)));
  return { env, gateway, messageId, readers };
}

describe('SIGTERM', () => {
  it.each(['npm', 'node'] as const)(
    'through %s lets the running reply finish, sends its end to readers, and exits with code 0',
    async (launcher) => {
      const { gateway, readers } = await startWithReaders({ launcher, delayMs: 20 });
      gateway.kill('SIGTERM');
      await Promise.all(readers.map((reader) => reader.ended));
      expect(await gateway.exited).toBe(0);
      expect(isAlive(gateway.pid)).toBe(false);
      expect(readers.map(({ events }) => events.at(-1)?.__typename)).toEqual(['MessageCompleted', 'MessageCompleted']);
    },
  );

  it.each(TRANSPORTS)('sends the end of the reply before it closes the last reader, over $name', async (transport) => {
    const { gateway, readers } = await startWithReaders({ delayMs: 5, transports: [transport] });
    gateway.kill('SIGTERM');
    await Promise.all(readers.map((reader) => reader.ended));
    expect(readers.map(({ events }) => events.at(-1)?.__typename)).toEqual(['MessageCompleted']);
  });

  it('closes idle sockets with 1012, and accepts no new connection', async () => {
    const { gateway } = await startWithReaders({ delayMs: 100 });
    const idle = new WebSocket(`${gateway.url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws');
    const closed = new Promise<CloseEvent>((resolve) => {
      idle.onclose = resolve;
    });
    await new Promise((resolve) => {
      idle.onmessage = resolve;
      idle.onopen = () => idle.send('{"type":"connection_init"}');
    });
    gateway.kill('SIGTERM');
    await gateway.waitForOutput('stderr', /"msg":"stopping"/);
    await expect(fetch(`${gateway.url}/health`, { headers: { connection: 'close' } })).rejects.toThrow();
    expect(await closed).toMatchObject({ code: 1012, reason: 'Service restart' });
    expect(await gateway.exited).toBe(0);
  });

  it('leaves queued replies to the next start', async () => {
    const { env, gateway, messageId } = await startWithReaders({ delayMs: 20 });
    const queuedReplyId = await sendQuestion(gateway);
    const { key } = gateway;
    gateway.kill('SIGTERM');
    expect(await gateway.exited).toBe(0);
    expect(statusesIn(env.DATA_DIR, [messageId, queuedReplyId])).toEqual(['COMPLETED', 'QUEUED']);
    const next = Object.assign(await startGatewayProcess({ env }), { key });
    for (const id of [messageId, queuedReplyId]) {
      const reader = serverSentEvents.subscribe(next, { messageId: id });
      await reader.ended;
      expect(reader.events.at(-1)?.__typename).toBe('MessageCompleted');
    }
  });

  it.each(['SIGTERM', 'SIGINT'] as const)('or SIGINT ends an idle gateway with code 0 (%s)', async (signal) => {
    const gateway = await startGatewayProcess({ env: { DATA_DIR: await createDataDir(), SEED_DEMO: 'false' } });
    gateway.kill(signal);
    expect(await gateway.exited).toBe(0);
    expect(gateway.stderr).toContain(`"signal":"${signal}"`);
  });
});

describe('a second signal', () => {
  it('ends the gateway immediately; the next start marks the reply INTERRUPTED', async () => {
    const { env, gateway, messageId } = await startWithReaders({ delayMs: 2_000 });
    gateway.kill('SIGTERM');
    await gateway.waitForOutput('stderr', /"msg":"stopping"/);
    gateway.kill('SIGTERM');
    expect(await gateway.exited).toBe(1);
    const next = Object.assign(await startGatewayProcess({ env }), { key: gateway.key });
    const reader = webSocket.subscribe(next, { messageId });
    await reader.ended;
    expect(reader.events.at(-1)?.__typename).toBe('MessageInterrupted');
  });
});
