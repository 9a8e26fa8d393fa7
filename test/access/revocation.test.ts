import { describe, expect, it, onTestFinished } from 'vitest';
import { toTimestamp } from '../../src/domain/time.ts';
import { openDatabase } from '../../src/store/database.ts';
import { createChatbot, send } from '../helpers/chatbots.ts';
import { startGateway, type TestGateway } from '../helpers/gateway.ts';
import { createScriptedEngine, delta, finish } from '../helpers/models/engines.ts';
import { openSocket } from '../helpers/sockets.ts';
import { TRANSPORTS } from '../helpers/streams.ts';

const REVOKE =
  'mutation ($id: ID!) { revokeApiKey(input: { id: $id }) { ... on RevokeApiKeyPayload { apiKey { isActive revokedAt } } } }';

/** Opens a gateway with a second key, which the test revokes by means of the first. */
async function openGateway() {
  const engine = createScriptedEngine();
  const gateway = await startGateway({ overrides: { engines: new Map([['builtin', engine]]) } });
  onTestFinished(() => gateway.close());
  const key = await gateway.createKey(gateway.accountId, ['READ', 'CHAT', 'MANAGE']);
  const { data } = await gateway.graphql<{ viewer: { apiKey: { id: string } } }>('{viewer{apiKey{id}}}', {}, key);
  return { gateway, engine, target: { key, id: data.viewer.apiKey.id } };
}

const ask = (gateway: TestGateway, key: string) => gateway.graphql('{viewer{kind}}', {}, key);

describe('revokeApiKey', () => {
  it('invalidates the key at once over GraphQL and REST, and no other key', async () => {
    const { gateway, target } = await openGateway();
    expect((await ask(gateway, target.key)).status).toBe(200);
    expect((await gateway.graphql(REVOKE, { id: target.id })).data).toEqual({
      revokeApiKey: { apiKey: { isActive: false, revokedAt: expect.any(String) } },
    });
    expect((await ask(gateway, target.key)).status).toBe(401);
    const restResponse = await gateway.fetch('/v1/chatbots', { headers: { authorization: `Bearer ${target.key}` } });
    expect(restResponse.status).toBe(401);
    expect((await ask(gateway, gateway.key)).status).toBe(200);
  });

  it('closes the sockets of the key with 4401, and no others', async () => {
    const { gateway, target } = await openGateway();
    const [firstSocket, secondSocket] = [
      openSocket(gateway, { 'x-api-key': target.key }),
      openSocket(gateway, { 'x-api-key': target.key }),
    ];
    const otherSocket = openSocket(gateway, { 'x-api-key': gateway.key });
    await Promise.all([firstSocket, secondSocket, otherSocket].map(({ connected }) => connected));
    await gateway.graphql(REVOKE, { id: target.id });
    expect(await firstSocket.closed).toEqual({ code: 4401, reason: 'Unauthorized' });
    expect(await secondSocket.closed).toEqual({ code: 4401, reason: 'Unauthorized' });
    expect(await otherSocket.execute('{viewer{kind}}')).toEqual({ data: { viewer: { kind: 'API_KEY' } } });
    otherSocket.close();
    expect((await openSocket(gateway, { 'x-api-key': target.key }).closed).code).toBe(4401);
  });

  it.each(TRANSPORTS)('ends the streams of the key over $name, while the reply continues', async (transport) => {
    const { gateway, engine, target } = await openGateway();
    const { replyId } = await send(gateway, { chatbotId: await createChatbot(gateway), content: 'Hello' });
    const targetReader = transport.subscribe(gateway, { messageId: replyId, key: target.key });
    const reader = transport.subscribe(gateway, { messageId: replyId });
    engine.push(delta('One'));
    await targetReader.until(({ content }) => content === 'One');
    await gateway.graphql(REVOKE, { id: target.id });
    await targetReader.ended;
    engine.push(delta(' two'));
    await reader.until(({ content }) => content === 'One two');
    expect(targetReader.text).toBe('One');
    reader.unsubscribe();
    engine.push(finish);
  });

  it('can revoke the key of its own request', async () => {
    const { gateway, target } = await openGateway();
    const { status, data } = await gateway.graphql(REVOKE, { id: target.id }, target.key);
    expect([status, data]).toEqual([
      200,
      { revokeApiKey: { apiKey: { isActive: false, revokedAt: expect.any(String) } } },
    ]);
    expect((await ask(gateway, target.key)).status).toBe(401);
  });
});

describe('a revocation by another process', () => {
  it('invalidates the key and closes its sockets within a second', async () => {
    const { gateway, target } = await openGateway();
    const socket = openSocket(gateway, { 'x-api-key': target.key });
    await socket.connected;
    expect((await ask(gateway, target.key)).status).toBe(200);

    const tool = await openDatabase({ url: gateway.deps.config.databaseUrl, role: 'tool' });
    await tool.transaction((trx) =>
      trx
        .updateTable('api_keys')
        .set({ revoked_at: toTimestamp(Date.now()) })
        .where('id', '=', target.id)
        .execute(),
    );
    const revokedAt = performance.now();
    expect((await socket.closed).code).toBe(4401);
    expect(performance.now() - revokedAt).toBeLessThan(1_000);
    expect((await ask(gateway, target.key)).status).toBe(401);
    expect((await ask(gateway, gateway.key)).status).toBe(200);
    await tool.close();
  });
});
