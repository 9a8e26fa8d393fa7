import { setTimeout } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { requestGraphQL } from '../helpers/gateway.ts';
import { createDataDir, runProgram, startGatewayProcess } from '../helpers/process.ts';
import { holdWriteLock } from '../helpers/write-lock.ts';

/** How long the lock is held: longer than a write waits. `HELD_SECONDS` overrides it. */
const LOCKED_MS = Number(process.env.HELD_SECONDS ?? 7) * 1_000;
/** Ten times the duration of a request on a busy machine, and less than a wait for the lock. */
const MAX_REQUEST_MS = 2_000;

async function startDemoGateway() {
  const dir = await createDataDir();
  const env = { DATA_DIR: dir, BUILTIN_DELAY_MS: '0', RATE_LIMIT_PER_MINUTE: '100000' };
  const gateway = await startGatewayProcess({ env });
  const listed = await requestGraphQL<{ chatbots: { nodes: { id: string }[] } }>(
    gateway,
    '{ chatbots { nodes { id } } }',
  );
  const chatbotId = listed.data.chatbots.nodes[0]?.id ?? '';
  return { gateway, env, chatbotId, path: `${dir}/chatgraph.db` };
}

it('serves reads while another process locks the database file, and rejects a send within 5 seconds', async () => {
  const { gateway, chatbotId, path } = await startDemoGateway();
  const headers = { authorization: `Bearer ${gateway.key}`, 'content-type': 'application/json' };
  const measure = async <T>(request: () => Promise<T>) => {
    const startedAt = performance.now();
    return { response: await request(), ms: performance.now() - startedAt };
  };
  const send = () =>
    measure(() =>
      requestGraphQL(gateway, `mutation ($input: SendMessageInput!) { sendMessage(input: $input) { __typename } }`, {
        input: { chatbotId, content: 'Hello?' },
      }),
    );
  const chat = () =>
    measure(() => {
      const body = JSON.stringify({ message: 'Hello?' });
      return fetch(`${gateway.url}/v1/chatbots/${chatbotId}/chat`, { method: 'POST', headers, body });
    });
  const release = await holdWriteLock(path);
  const lockedUntil = performance.now() + LOCKED_MS;
  const sends = Promise.all([send(), send(), send()]);
  const chats = Promise.all([chat(), chat()]);
  let slowest = 0;
  while (performance.now() < lockedUntil) {
    const health = await measure(() => fetch(`${gateway.url}/health`));
    const ready = await measure(() => fetch(`${gateway.url}/ready`));
    const list = await measure(() => fetch(`${gateway.url}/v1/chatbots`, { headers }));
    expect([health, ready, list].map(({ response }) => response.status)).toEqual([200, 200, 200]);
    slowest = Math.max(slowest, health.ms, ready.ms, list.ms);
    await setTimeout(20);
  }
  expect(slowest).toBeLessThan(MAX_REQUEST_MS);
  for (const { response, ms } of await sends) {
    expect(response.status).toBe(503);
    expect(response.errors?.[0]?.extensions.code).toBe('SERVICE_UNAVAILABLE');
    expect(ms).toBeLessThan(5_000 + MAX_REQUEST_MS);
  }
  for (const { response, ms } of await chats) {
    expect([response.status, await response.text()]).toEqual([503, '{"detail":"Service unavailable."}']);
    expect(ms).toBeLessThan(5_000 + MAX_REQUEST_MS);
  }
  await release();
  expect((await send()).response.status).toBe(200);

  const lines = gateway.stderr.split('\n').filter((line) => line.includes('database is locked'));
  // One line for all refused requests.
  expect(
    lines.filter((line) => line.includes('"msg":"the storage is unavailable; refusing what needs it"')),
  ).toHaveLength(1);
  for (const line of lines) expect(line).not.toContain('stack');
}, 60_000);

it('starts, and runs a command, once another process releases its lock', async () => {
  const { gateway, env, path } = await startDemoGateway();
  const release = await holdWriteLock(path);
  const accountCreation = runProgram({ env, args: ['accounts', 'create', 'Second'] });
  gateway.kill('SIGTERM');
  expect(await gateway.exited).toBe(0);
  const nextGateway = startGatewayProcess({ env });
  await setTimeout(1_000);
  await release();
  expect((await accountCreation).code).toBe(0);
  expect((await fetch(`${(await nextGateway).url}/ready`)).status).toBe(200);
}, 60_000);
