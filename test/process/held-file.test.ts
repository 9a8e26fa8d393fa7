import { setTimeout } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { askGraphQL } from '../helpers/gateway.ts';
import { holdWriteLock } from '../helpers/lock-file.ts';
import { createDataDir, runProgram, startGatewayProcess } from '../helpers/process.ts';

/** How long the lock is held: longer than a write waits. `HELD_SECONDS` overrides it. */
const HELD_MS = Number(process.env.HELD_SECONDS ?? 7) * 1_000;
/** Ten times what a response takes on a busy machine, and less than a wait for the lock. */
const SLOW_MS = 2_000;

async function startHeld() {
  const dir = await createDataDir();
  const env = { DATA_DIR: dir, BUILTIN_DELAY_MS: '0', RATE_LIMIT_PER_MINUTE: '100000' };
  const gateway = await startGatewayProcess({ env });
  const graph = await askGraphQL<{ chatbots: { nodes: { id: string }[] } }>(gateway, '{ chatbots { nodes { id } } }');
  const chatbotId = graph.data.chatbots.nodes[0]?.id ?? '';
  return { gateway, env, chatbotId, path: `${dir}/chatgraph.db` };
}

it('serves reads while another process locks the database file, and rejects a send within 5 seconds', async () => {
  const { gateway, chatbotId, path } = await startHeld();
  const headers = { authorization: `Bearer ${gateway.key}`, 'content-type': 'application/json' };
  const timed = async <T>(ask: () => Promise<T>) => {
    const startedAt = performance.now();
    return { answer: await ask(), ms: performance.now() - startedAt };
  };
  const send = () =>
    timed(() =>
      askGraphQL(gateway, `mutation ($input: SendMessageInput!) { sendMessage(input: $input) { __typename } }`, {
        input: { chatbotId, content: 'Hello?' },
      }),
    );
  const chat = () =>
    timed(() => {
      const body = JSON.stringify({ message: 'Hello?' });
      return fetch(`${gateway.url}/v1/chatbots/${chatbotId}/chat`, { method: 'POST', headers, body });
    });
  const release = await holdWriteLock(path);
  const until = performance.now() + HELD_MS;
  const sends = Promise.all([send(), send(), send()]);
  const chats = Promise.all([chat(), chat()]);
  let slowest = 0;
  while (performance.now() < until) {
    const health = await timed(() => fetch(`${gateway.url}/health`));
    const ready = await timed(() => fetch(`${gateway.url}/ready`));
    const list = await timed(() => fetch(`${gateway.url}/v1/chatbots`, { headers }));
    expect([health, ready, list].map(({ answer }) => answer.status)).toEqual([200, 200, 200]);
    slowest = Math.max(slowest, health.ms, ready.ms, list.ms);
    await setTimeout(20);
  }
  expect(slowest).toBeLessThan(SLOW_MS);
  for (const { answer, ms } of await sends) {
    expect(answer.status).toBe(503);
    expect(answer.errors?.[0]?.extensions.code).toBe('SERVICE_UNAVAILABLE');
    expect(ms).toBeLessThan(5_000 + SLOW_MS);
  }
  for (const { answer, ms } of await chats) {
    expect([answer.status, await answer.text()]).toEqual([503, '{"detail":"Service unavailable."}']);
    expect(ms).toBeLessThan(5_000 + SLOW_MS);
  }
  await release();
  expect((await send()).answer.status).toBe(200);

  const lines = gateway.stderr.split('\n').filter((line) => line.includes('database is locked'));
  // One line per refused request; the gateway's own background work logs the lock only once.
  expect(lines.filter((line) => line.includes('"msg":"Service unavailable."'))).toHaveLength(5);
  for (const line of lines) expect(line).not.toContain('stack');
}, 60_000);

it('starts, and runs a command, once another process releases its lock', async () => {
  const { gateway, env, path } = await startHeld();
  const release = await holdWriteLock(path);
  const creating = runProgram({ env, args: ['accounts', 'create', 'Second'] });
  gateway.kill('SIGTERM');
  expect(await gateway.exited).toBe(0);
  const starting = startGatewayProcess({ env });
  await setTimeout(1_000);
  await release();
  expect((await creating).code).toBe(0);
  expect((await fetch(`${(await starting).url}/ready`)).status).toBe(200);
}, 60_000);
