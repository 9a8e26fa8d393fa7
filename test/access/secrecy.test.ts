import { readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { expect, it, onTestFinished } from 'vitest';
import type { Deps } from '../../src/deps.ts';
import { generateKey } from '../../src/domain/key-form.ts';
import type { Models } from '../../src/models/model-types.ts';
import { createChatbot, send } from '../helpers/chatbots.ts';
import { SQLITE } from '../helpers/databases.ts';
import { createDatabase, startGateway } from '../helpers/gateway.ts';
import { createScriptedEngine, delta } from '../helpers/models/engines.ts';
import { openSocket } from '../helpers/sockets.ts';
import { webSocket } from '../helpers/streams.ts';

it('logs no key, message or answer, even in failures, and writes no key to the disk', async () => {
  // The test reads the database's files, so it needs SQLite.
  const database = await createDatabase(SQLITE);
  const engine = createScriptedEngine();
  const gateway = await startGateway({ database, overrides: { engines: new Map([['builtin', engine]]) } });

  // A key created over GraphQL, unknown keys, and a reply that fails.
  const created = await gateway.graphql<{ createApiKey: { key: string } }>(
    'mutation { createApiKey(input: { name: "Second" }) { ... on CreateApiKeyPayload { key } } }',
  );
  const { key } = created.data.createApiKey;
  const unknownKey = generateKey();
  await gateway.graphql('{viewer{kind}}', {}, unknownKey);
  await gateway.fetch(`/v1/chatbots?api_key=${unknownKey}`);
  await openSocket(gateway, { authorization: `Bearer ${unknownKey}` }).closed;
  const socket = openSocket(gateway, { authorization: `Bearer ${key}` });
  await socket.execute('{viewer{apiKey{name}}}');

  const chatbotId = await createChatbot(gateway, { sources: ['The sourceword is kept.'] });
  const { replyId } = await send(gateway, { chatbotId, content: 'My questionword, please' }, key);
  const reader = webSocket.subscribe(gateway, { messageId: replyId, key });
  engine.push(delta('The answerword'));
  await reader.until(({ content }) => content === 'The answerword');
  engine.fail(new Error('The engine broke.'));
  expect((await reader.until(({ __typename }) => __typename === 'MessageFailed')).message?.status).toBe('FAILED');
  await gateway.graphql('{ search(chatbotId: "searchword", query: "searchword") { hits { score } } }');
  await gateway.graphql('{ searchword');
  await gateway.fetch(`/graphql?query={search(chatbotId:"1",query:"searchword"){hits{score}}}`);
  socket.close();
  await gateway.close();

  const log = JSON.stringify(gateway.logs);
  expect(log).toContain('The engine broke.');
  const secrets = [gateway.key, key, unknownKey];
  for (const secret of [...secrets, 'sourceword', 'questionword', 'answerword', 'searchword']) {
    expect(log).not.toContain(secret);
  }
  const folder = dirname(database.url.slice('sqlite:'.length));
  const files = readdirSync(folder).map((name) => readFileSync(join(folder, name)));
  expect(files.some((bytes) => bytes.includes('questionword'))).toBe(true);
  for (const secret of secrets) expect(files.some((bytes) => bytes.includes(secret))).toBe(false);
});

it("sends an account's own provider key to its provider only, even if the calls fail", async () => {
  const secret = `sk-${generateKey()}`;
  const receivedKeys: string[] = [];
  // The server echoes the key in a header and in the body.
  const server = createServer((request, response) => {
    receivedKeys.push(request.headers.authorization ?? '');
    const echo = request.headers.authorization ?? '';
    response.writeHead(401, { 'x-echo': echo, 'content-type': 'application/json' });
    response.end(JSON.stringify({ error: { message: 'Incorrect key.', param: echo } }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;

  const database = await createDatabase(SQLITE);
  const holder: { deps?: Deps } = {};
  const models: Models = {
    // The worst case: the provider's error reaches the gateway unredacted.
    async open({ accountId, provider, messages }) {
      const access = await holder.deps?.providerAccess.findCredentials(accountId, provider);
      const { apiKey, baseUrl = '', fetch } = access ?? {};
      const model = createOpenAICompatible({
        name: 'open',
        baseURL: baseUrl,
        ...(apiKey && { apiKey }),
        ...(fetch && { fetch }),
      })('m');
      await model.doStream({ prompt: [...messages] });
      throw new Error('It has answered.');
    },
  };
  const gateway = await startGateway({ database, env: { SSRF_ALLOW_CIDRS: '127.0.0.1' }, overrides: { models } });
  holder.deps = gateway.deps;
  const answers: unknown[] = [];
  const ask = async (query: string, variables?: object) => void answers.push(await gateway.graphql(query, variables));
  const setProviderKey =
    'mutation ($input: SetProviderKeyInput!) { setProviderKey(input: $input) { __typename ... on Error { message } ... on SetProviderKeyPayload { provider { keySource keyEnding } } } }';
  await ask(setProviderKey, { input: { provider: 'openai', apiKey: secret, baseUrl } });
  expect(answers).toMatchObject([{ data: { setProviderKey: { provider: { keyEnding: secret.slice(-4) } } } }]);
  await ask(setProviderKey, { input: { provider: 'nobody', apiKey: secret } });
  await ask(setProviderKey, { input: { provider: 'openai', apiKey: `${secret} `.repeat(2) } });
  await ask('mutation { testProvider(input: { provider: "openai" }) { __typename } }');
  await ask('{ providers { name keyEnding baseUrl lastError { message } models { model } } }');
  const metrics = await (await gateway.fetch('/metrics')).text();
  await gateway.close();

  expect(receivedKeys).toEqual([`Bearer ${secret}`]);
  const log = JSON.stringify(gateway.logs);
  expect(log).toContain('Incorrect key.');
  for (const output of [log, JSON.stringify(answers), metrics]) {
    expect(output).not.toContain(secret);
    expect(output).not.toContain('Answer with OK.');
  }
  const folder = dirname(database.url.slice('sqlite:'.length));
  const files = readdirSync(folder).map((name) => readFileSync(join(folder, name)));
  expect(files.some((bytes) => bytes.includes(baseUrl))).toBe(true);
  for (const text of [
    secret,
    Buffer.from(secret).toString('base64url').slice(0, 40),
    Buffer.from(secret).toString('hex'),
  ]) {
    expect(files.some((bytes) => bytes.includes(text))).toBe(false);
  }
});

it('shows only the first 8 characters of a key, except once to its creator', async () => {
  const gateway = await startGateway();
  onTestFinished(() => gateway.close());
  const { data } = await gateway.graphql(
    '{ viewer { account { apiKeys { id name prefix scopes isActive lastUsedAt createdAt revokedAt } } apiKey { prefix } } }',
  );
  const shown = JSON.stringify(data);
  expect(shown).toContain(gateway.key.slice(0, 8));
  expect(shown).not.toContain(gateway.key.slice(0, 9));
});
