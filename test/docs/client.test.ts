import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import { createChatbot, send } from '../helpers/chatbots.ts';
import { startProxy } from '../helpers/clients/tcp-proxy.ts';
import { startGateway } from '../helpers/gateway.ts';
import { createScriptedEngine, delta, finish } from '../helpers/models/engines.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Loads the client code of docs/graphql.md, unchanged except for its address, with the key as its token. */
async function loadClient(port: number, key: string) {
  const page = await readFile(join(ROOT, 'docs/graphql.md'), 'utf8');
  const code = /```js\n([\s\S]*?)```/.exec(page)?.[1] ?? '';
  // The file must be inside the project, so that Node finds `graphql-ws`.
  const dir = await mkdtemp(join(ROOT, 'node_modules/.client-'));
  onTestFinished(() => rm(dir, { recursive: true }));
  const path = join(dir, 'client.mjs');
  await writeFile(join(dir, 'token.js'), `export const getToken = async () => '${key}';`);
  await writeFile(path, code.replace('127.0.0.1:4000', `127.0.0.1:${port}`));
  return (await import(path)) as { followReply(id: string, show: (text: string) => void): Promise<string> };
}

it('follows an answer despite lost connections, and shows every word once', async () => {
  const engine = createScriptedEngine();
  const gateway = await startGateway({ overrides: { engines: new Map([['builtin', engine]]) } });
  onTestFinished(() => gateway.close());
  const proxy = await startProxy(new URL(gateway.url));
  const { followReply } = await loadClient(proxy.port, gateway.key);
  const { replyId } = await send(gateway, { chatbotId: await createChatbot(gateway), content: 'Hello' });

  const shown: string[] = [];
  const expectShown = (text: string) => expect.poll(() => shown.at(-1), { timeout: 15_000 }).toBe(text);
  const answer = followReply(replyId, (text) => shown.push(text));
  engine.push(delta('One. '));
  await expectShown('One. ');
  proxy.disconnect();
  engine.push(delta('Two. '));
  await expectShown('One. Two. ');
  proxy.disconnect();
  engine.push(delta('Three.'), finish);
  expect(await answer).toBe('One. Two. Three.');
  expect(shown.every((text, index) => text.startsWith(shown[index - 1] ?? ''))).toBe(true);
});
