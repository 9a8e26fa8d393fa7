import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { generateKey } from '../../src/access/key-form.ts';
import { createChatbot, send } from '../helpers/chatbots.ts';
import { SQLITE } from '../helpers/databases.ts';
import { createScriptedEngine, delta } from '../helpers/engines.ts';
import { createDatabase, startGateway } from '../helpers/gateway.ts';
import { openSocket } from '../helpers/sockets.ts';
import { webSocket } from '../helpers/streams.ts';

it('writes no key, no message and no answer to the log, also when things fail, and no key to the disk', async () => {
  // Its files are looked into, which are SQLite's.
  const database = await createDatabase(SQLITE);
  const engine = createScriptedEngine();
  const gateway = await startGateway({ database, replaced: { engines: new Map([['builtin', engine]]) } });

  // A key made in the graph, keys that fail, and a conversation that fails.
  const made = await gateway.graphql<{ createApiKey: { key: string } }>(
    'mutation { createApiKey(input: { name: "Second" }) { ... on CreateApiKeyPayload { key } } }',
  );
  const { key } = made.data.createApiKey;
  const unknown = generateKey();
  await gateway.graphql('{viewer{kind}}', {}, unknown);
  await gateway.fetch(`/v1/chatbots?api_key=${unknown}`);
  await openSocket(gateway, { authorization: `Bearer ${unknown}` }).closed;
  const socket = openSocket(gateway, { authorization: `Bearer ${key}` });
  await socket.ask('{viewer{apiKey{name}}}');

  const chatbotId = await createChatbot(gateway, { sources: ['The sourceword is kept.'] });
  const { replyId } = await send(gateway, { chatbotId, content: 'My questionword, please' }, key);
  const reader = webSocket.follow(gateway, { messageId: replyId, key });
  engine.push(delta('The answerword'));
  await reader.until(({ content }) => content === 'The answerword');
  engine.fail(new Error('The engine broke.'));
  expect((await reader.until(({ __typename }) => __typename === 'MessageFailed')).message?.status).toBe('FAILED');
  await gateway.graphql('{ search(chatbotId: "searchword", query: "searchword") { score } }');
  await gateway.graphql('{ searchword');
  await gateway.fetch(`/graphql?query={search(chatbotId:"1",query:"searchword"){score}}`);
  socket.close();
  await gateway.close();

  const log = JSON.stringify(gateway.logs);
  expect(log).toContain('The engine broke.');
  const secrets = [gateway.key, key, unknown];
  for (const secret of [...secrets, 'sourceword', 'questionword', 'answerword', 'searchword']) {
    expect(log).not.toContain(secret);
  }
  const folder = dirname(database.url.slice('sqlite:'.length));
  const files = readdirSync(folder).map((name) => readFileSync(join(folder, name)));
  expect(files.some((bytes) => bytes.includes('questionword'))).toBe(true);
  for (const secret of secrets) expect(files.some((bytes) => bytes.includes(secret))).toBe(false);
});

it('shows 8 characters of a key and no more, but once to its maker', async () => {
  const gateway = await startGateway();
  onTestFinished(() => gateway.close());
  const { data } = await gateway.graphql(
    '{ viewer { account { apiKeys { id name prefix scopes isActive lastUsedAt createdAt revokedAt } } apiKey { prefix } } }',
  );
  const shown = JSON.stringify(data);
  expect(shown).toContain(gateway.key.slice(0, 8));
  expect(shown).not.toContain(gateway.key.slice(0, 9));
});
