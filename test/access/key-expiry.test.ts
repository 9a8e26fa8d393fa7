import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { type Clock, systemClock } from '../../src/domain/time.ts';
import { createChatbot, send } from '../helpers/chatbots.ts';
import { startGateway, type TestGateway } from '../helpers/gateway.ts';
import { createScriptedEngine, finish } from '../helpers/models/engines.ts';
import { openSocket } from '../helpers/sockets.ts';
import { TRANSPORTS } from '../helpers/streams.ts';
import { mutate, openGateway } from '../schema/support.ts';

const KEY = 'apiKey { id expiresAt isActive } key';
const LIFETIME_MS = 700;

interface CreatedKey {
  readonly apiKey: { readonly id: string; readonly expiresAt: string | null; readonly isActive: boolean };
  readonly key: string;
}

const createKey = (gateway: TestGateway, input: object, key = gateway.key) =>
  mutate<CreatedKey>(gateway, 'createApiKey', { name: 'Short', ...input }, { selection: KEY, key });

const expiringSoon = (gateway: TestGateway) =>
  createKey(gateway, { expiresAt: new Date(gateway.deps.clock.now() + LIFETIME_MS).toISOString() });

describe('a key with an expiry', () => {
  it('is valid until it expires, and then answers 401 like an unknown key', async () => {
    let shiftMs = 0;
    const clock: Clock = { ...systemClock, now: () => systemClock.now() + shiftMs };
    const gateway = await startGateway({ overrides: { clock } });
    onTestFinished(() => gateway.close());
    const expiresAt = new Date(clock.now() + 60_000).toISOString();
    const { key, apiKey } = await createKey(gateway, { expiresAt });
    expect(apiKey).toEqual({ id: expect.any(String), expiresAt, isActive: true });
    const ask = (given: string) => gateway.graphql('{ viewer { kind } }', {}, given);
    expect((await ask(key)).status).toBe(200);
    shiftMs = 60_000;
    const unknown = await ask(`${key.slice(0, -8)}`);
    const expired = await ask(key);
    expect([expired.status, expired.errors]).toEqual([401, unknown.errors]);
    const { data } = await gateway.graphql<{ viewer: { account: { apiKeys: unknown[] } } }>(
      '{ viewer { account { apiKeys { id isActive } } } }',
    );
    expect(data.viewer.account.apiKeys).toContainEqual({ id: apiKey.id, isActive: false });
  });

  it('closes its sockets with 4401 at that moment', async () => {
    const gateway = await openGateway();
    const { key } = await expiringSoon(gateway);
    const socket = openSocket(gateway, { 'x-api-key': key });
    await socket.connected;
    expect(await socket.closed).toEqual({ code: 4401, reason: 'Unauthorized' });
  });

  it.each(TRANSPORTS)('ends its streams over $name at that moment', async (transport) => {
    const engine = createScriptedEngine();
    const gateway = await openGateway({ overrides: { engines: new Map([['builtin', engine]]) } });
    const { replyId } = await send(gateway, { chatbotId: await createChatbot(gateway), content: 'Hello' });
    const { key } = await expiringSoon(gateway);
    await transport.subscribe(gateway, { messageId: replyId, key }).ended;
    engine.push(finish);
  });

  it('does not count among the active keys of its account', async () => {
    const gateway = await openGateway();
    const { apiKey } = await expiringSoon(gateway);
    for (const name of ['1', '2', '3']) await createKey(gateway, { name });
    const refused = await mutate<{ __typename: string }>(gateway, 'createApiKey', { name: '4' });
    expect(refused.__typename).toBe('ApiKeyLimitError');
    await vi.waitFor(() => expect(gateway.deps.clock.now()).toBeGreaterThan(Date.parse(apiKey.expiresAt ?? '')));
    expect((await createKey(gateway, { name: '4' })).apiKey).toMatchObject({ expiresAt: null });
  });

  it('creates only keys that expire no later', async () => {
    const gateway = await openGateway();
    const expiresAt = new Date(gateway.deps.clock.now() + 3_600_000).toISOString();
    const { key } = await createKey(gateway, { expiresAt });
    expect((await createKey(gateway, {}, key)).apiKey).toMatchObject({ expiresAt });
    const later = await mutate<{ fields: object[] }>(
      gateway,
      'createApiKey',
      { name: 'Later', expiresAt: new Date(gateway.deps.clock.now() + 7_200_000).toISOString() },
      { key },
    );
    expect(later.fields).toEqual([
      { path: ['expiresAt'], message: expect.stringContaining('This credential expires') },
    ]);
  });

  it('must not expire in the past', async () => {
    const gateway = await openGateway();
    const answer = await mutate(gateway, 'createApiKey', { name: 'Old', expiresAt: '2020-01-01T00:00:00Z' });
    expect(answer).toMatchObject({ fields: [{ path: ['expiresAt'], message: 'Must be in the future.' }] });
  });
});
