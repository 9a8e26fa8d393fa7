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

/** A gateway with a second key, `doomed`, which the test revokes with the first. */
async function openGateway() {
  const engine = createScriptedEngine();
  const gateway = await startGateway({ replaced: { engines: new Map([['builtin', engine]]) } });
  onTestFinished(() => gateway.close());
  const key = await gateway.createKey(gateway.accountId, ['READ', 'CHAT', 'MANAGE']);
  const { data } = await gateway.graphql<{ viewer: { apiKey: { id: string } } }>('{viewer{apiKey{id}}}', {}, key);
  return { gateway, engine, doomed: { key, id: data.viewer.apiKey.id } };
}

const ask = (gateway: TestGateway, key: string) => gateway.graphql('{viewer{kind}}', {}, key);

describe('revokeApiKey', () => {
  it('invalidates the key at once over GraphQL and REST, and no other key', async () => {
    const { gateway, doomed } = await openGateway();
    expect((await ask(gateway, doomed.key)).status).toBe(200);
    expect((await gateway.graphql(REVOKE, { id: doomed.id })).data).toEqual({
      revokeApiKey: { apiKey: { isActive: false, revokedAt: expect.any(String) } },
    });
    expect((await ask(gateway, doomed.key)).status).toBe(401);
    const restResponse = await gateway.fetch('/v1/chatbots', { headers: { authorization: `Bearer ${doomed.key}` } });
    expect(restResponse.status).toBe(401);
    expect((await ask(gateway, gateway.key)).status).toBe(200);
  });

  it('closes the sockets of the key with 4401, and no others', async () => {
    const { gateway, doomed } = await openGateway();
    const [one, two] = [
      openSocket(gateway, { 'x-api-key': doomed.key }),
      openSocket(gateway, { 'x-api-key': doomed.key }),
    ];
    const other = openSocket(gateway, { 'x-api-key': gateway.key });
    await Promise.all([one, two, other].map(({ connected }) => connected));
    await gateway.graphql(REVOKE, { id: doomed.id });
    expect(await one.closed).toEqual({ code: 4401, reason: 'Unauthorized' });
    expect(await two.closed).toEqual({ code: 4401, reason: 'Unauthorized' });
    expect(await other.ask('{viewer{kind}}')).toEqual({ data: { viewer: { kind: 'API_KEY' } } });
    other.close();
    expect((await openSocket(gateway, { 'x-api-key': doomed.key }).closed).code).toBe(4401);
  });

  it.each(TRANSPORTS)('ends the streams of the key over $name, while the reply continues', async (transport) => {
    const { gateway, engine, doomed } = await openGateway();
    const { replyId } = await send(gateway, { chatbotId: await createChatbot(gateway), content: 'Hello' });
    const doomedReader = transport.subscribe(gateway, { messageId: replyId, key: doomed.key });
    const reader = transport.subscribe(gateway, { messageId: replyId });
    engine.push(delta('One'));
    await doomedReader.until(({ content }) => content === 'One');
    await gateway.graphql(REVOKE, { id: doomed.id });
    await doomedReader.ended;
    engine.push(delta(' two'));
    await reader.until(({ content }) => content === 'One two');
    expect(doomedReader.text).toBe('One');
    reader.leave();
    engine.push(finish);
  });

  it('can revoke the key of its own request', async () => {
    const { gateway, doomed } = await openGateway();
    const { status, data } = await gateway.graphql(REVOKE, { id: doomed.id }, doomed.key);
    expect([status, data]).toEqual([
      200,
      { revokeApiKey: { apiKey: { isActive: false, revokedAt: expect.any(String) } } },
    ]);
    expect((await ask(gateway, doomed.key)).status).toBe(401);
  });
});

describe('a revocation by another process', () => {
  it('invalidates the key and closes its sockets within a second', async () => {
    const { gateway, doomed } = await openGateway();
    const socket = openSocket(gateway, { 'x-api-key': doomed.key });
    await socket.connected;
    expect((await ask(gateway, doomed.key)).status).toBe(200);

    const tool = await openDatabase({ url: gateway.deps.config.databaseUrl, role: 'tool' });
    await tool.transaction((trx) =>
      trx
        .updateTable('api_keys')
        .set({ revoked_at: toTimestamp(Date.now()) })
        .where('id', '=', doomed.id)
        .execute(),
    );
    const revokedAt = performance.now();
    expect((await socket.closed).code).toBe(4401);
    expect(performance.now() - revokedAt).toBeLessThan(1_000);
    expect((await ask(gateway, doomed.key)).status).toBe(401);
    expect((await ask(gateway, gateway.key)).status).toBe(200);
    await tool.close();
  });
});
