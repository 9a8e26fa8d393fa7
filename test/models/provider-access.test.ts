import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { AnswerFailure } from '../../src/domain/failures.ts';
import { setProviderKey } from '../../src/models/provider-keys.ts';
import { listProviders } from '../../src/models/providers.ts';
import { createManualClock } from '../helpers/clock.ts';
import { describeDatabases, hasPostgres, POSTGRES, type TestDatabase } from '../helpers/databases.ts';
import { createDatabase, type GatewayOptions, startGateway, type TestGateway } from '../helpers/gateway.ts';
import { hasRedis } from '../helpers/nodes.ts';
import { createRedisPrefix } from '../helpers/redis.ts';
import { TEST_REDIS_URL } from '../helpers/servers.ts';

const SECRET_KEY = 'ab'.repeat(32);
const OTHER_KEY = 'cd'.repeat(32);

async function openGateway({ env, ...options }: GatewayOptions = {}) {
  const gateway = await startGateway({ env: { SECRET_KEY, ...env }, ...options });
  onTestFinished(() => gateway.close());
  return gateway;
}

const setKey = (gateway: TestGateway, apiKey: string, baseUrl?: string) =>
  setProviderKey(gateway.deps, gateway, { provider: 'openai', apiKey, baseUrl });
const findCredentials = ({ deps, accountId }: TestGateway) => deps.providerAccess.findCredentials(accountId, 'openai');

async function findProvider(gateway: TestGateway) {
  const providers = await listProviders(gateway.deps, gateway);
  return providers.find(({ name }) => name === 'openai');
}

/** Starts a server on this machine that echoes the `Authorization` header of every request. */
async function startServer() {
  const server = createServer((request, response) => response.end(request.headers.authorization));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe('findCredentials', () => {
  it('finds nothing for a provider that is unknown or not configured', async () => {
    const gateway = await openGateway({ env: { XAI_BASE_URL: 'https://proxy.example' } });
    for (const name of ['xai', 'open', 'builtin', 'nobody', '', '__proto__', 'constructor']) {
      expect(await gateway.deps.providerAccess.findCredentials(gateway.accountId, name)).toBeUndefined();
    }
  });

  it("never combines an account's key with the operator's base URL, or the reverse", async () => {
    const env = { OPENAI_API_KEY: 'sk-operator', OPENAI_BASE_URL: 'https://proxy.example/v1' };
    const gateway = await openGateway({ env });
    expect(await findCredentials(gateway)).toMatchObject({
      apiKey: 'sk-operator',
      baseUrl: 'https://proxy.example/v1',
    });
    await setKey(gateway, 'sk-account');
    expect(await findCredentials(gateway)).toMatchObject({ apiKey: 'sk-account', baseUrl: undefined });
    await setProviderKey(gateway.deps, gateway, { provider: 'open', baseUrl: 'https://models.example.com' });
    expect(await gateway.deps.providerAccess.findCredentials(gateway.accountId, 'open')).toMatchObject({
      apiKey: undefined,
      baseUrl: 'https://models.example.com',
    });
  });

  it('gives credentials an identity that does not contain the key and changes only with them', async () => {
    const clock = createManualClock();
    const gateway = await openGateway({ env: { OPENAI_API_KEY: 'sk-one' }, overrides: { clock } });
    const identities: string[] = [];
    const recordIdentity = async () => void identities.push((await findCredentials(gateway))?.identity ?? '');
    await recordIdentity();
    await setKey(gateway, 'sk-one');
    await recordIdentity();
    await setKey(gateway, 'sk-one', 'https://models.example.com');
    await recordIdentity();
    await setKey(gateway, 'sk-two', 'https://models.example.com');
    await recordIdentity();
    expect(new Set(identities).size).toBe(4);
    clock.advance(11_000);
    await recordIdentity();
    expect(identities[4]).toBe(identities[3]);
    expect(identities.join()).not.toContain('sk-');
  });

  it("checks the account's base URL, but not the operator's", async () => {
    const url = await startServer();
    const gateway = await openGateway({ env: { SSRF_ALLOW_CIDRS: '127.0.0.1' } });
    await setKey(gateway, 'sk-account', url);
    const credentials = await findCredentials(gateway);
    const init = { headers: { authorization: 'Bearer sk-account' } };
    expect(await (await credentials?.fetch(`${url}/v1`, init))?.text()).toBe('Bearer sk-account');
    const refusal = credentials?.fetch('http://169.254.169.254/', init);
    await expect(refusal).rejects.toThrow(AnswerFailure);
    await expect(refusal).rejects.toMatchObject({ code: 'PROVIDER_MISCONFIGURED' });
    const operatorGateway = await openGateway({ env: { OPENAI_API_KEY: 'sk-operator', OPENAI_BASE_URL: url } });
    const operatorCredentials = await findCredentials(operatorGateway);
    expect(await (await operatorCredentials?.fetch(url, init))?.text()).toBe('Bearer sk-account');
  });

  it('rejects a base URL that was allowed when it was set and no longer is', async () => {
    const url = await startServer();
    const database = await createDatabase();
    const gateway = await openGateway({ database, env: { SSRF_ALLOW_CIDRS: '127.0.0.1' } });
    await setKey(gateway, 'sk-account', url);
    const { accountId } = gateway;
    await gateway.close();
    const strictGateway = await openGateway({ database });
    const credentials = await strictGateway.deps.providerAccess.findCredentials(accountId, 'openai');
    await expect(credentials?.fetch(url)).rejects.toMatchObject({ code: 'PROVIDER_MISCONFIGURED' });
  });

  it('queries the database again after a failure', async () => {
    const gateway = await openGateway();
    await setKey(gateway, 'sk-account');
    const { db } = gateway.deps;
    const read = vi.spyOn(db.read, 'selectFrom').mockImplementationOnce(() => {
      throw new Error('away');
    });
    await expect(findCredentials(gateway)).rejects.toThrow('away');
    expect(await findCredentials(gateway)).toMatchObject({ apiKey: 'sk-account' });
    read.mockRestore();
  });

  it('queries the database at most once in 10 seconds', async () => {
    const clock = createManualClock();
    const gateway = await openGateway({ overrides: { clock } });
    await setKey(gateway, 'sk-account');
    const read = vi.spyOn(gateway.deps.db.read, 'selectFrom');
    const countReads = () => read.mock.calls.filter(([table]) => (table as string) === 'provider_keys').length;
    await Promise.all(Array.from({ length: 20 }, () => findCredentials(gateway)));
    clock.advance(9_999);
    await findCredentials(gateway);
    expect(countReads()).toBe(1);
    clock.advance(1);
    await findCredentials(gateway);
    expect(countReads()).toBe(2);
    read.mockRestore();
  });

  it.runIf(hasRedis && hasPostgres)('applies a change of another node immediately', async () => {
    const database = await createDatabase(POSTGRES);
    const env = { REDIS_URL: TEST_REDIS_URL, REDIS_PREFIX: createRedisPrefix() };
    const [first, second] = [await openGateway({ database, env }), await openGateway({ database, env })];
    const findOnSecondNode = () => second.deps.providerAccess.findCredentials(first.accountId, 'openai');
    expect(await findOnSecondNode()).toBeUndefined();
    await setKey(first, 'sk-account');
    await vi.waitFor(async () => expect(await findOnSecondNode()).toMatchObject({ apiKey: 'sk-account' }));
  });
});

describeDatabases('a key that cannot be unsealed', (engine) => {
  /** Starts a gateway on a database that contains a key sealed with `SECRET_KEY`. */
  async function openWithSealedKey(database: TestDatabase, env: Record<string, string>) {
    const first = await openGateway({ database });
    await setKey(first, 'sk-account-WXYZ', 'https://models.example.com');
    await first.close();
    const gateway = await openGateway({ database, env: { OPENAI_API_KEY: 'sk-operator', ...env } });
    return { ...gateway, accountId: first.accountId };
  }

  it.each([['has changed'], ['is missing']])(
    "shows its provider as misconfigured, and is not replaced by the operator's: SECRET_KEY %s",
    async (what) => {
      const database = await createDatabase(engine);
      const gateway = await openWithSealedKey(database, { SECRET_KEY: what === 'has changed' ? OTHER_KEY : '' });
      expect(await findCredentials(gateway)).toBeUndefined();
      expect(await findProvider(gateway)).toMatchObject({
        isConfigured: false,
        keySource: null,
        ownKey: { keyEnding: 'WXYZ', baseUrl: 'https://models.example.com' },
        lastError: { code: 'PROVIDER_MISCONFIGURED' },
      });
      expect(JSON.stringify(gateway.logs)).toContain('cannot unseal a key');
    },
  );

  it('is unsealed during a rotation of SECRET_KEY, and sealed with the new key at the start', async () => {
    const database = await createDatabase(engine);
    const { accountId, ...rotatingGateway } = await openWithSealedKey(database, {
      SECRET_KEY: OTHER_KEY,
      SECRET_KEY_PREVIOUS: SECRET_KEY,
    });
    expect(await rotatingGateway.deps.providerAccess.findCredentials(accountId, 'openai')).toMatchObject({
      apiKey: 'sk-account-WXYZ',
    });
    await vi.waitFor(() => {
      expect(rotatingGateway.logs).toContainEqual(
        expect.objectContaining({ msg: 're-encrypted provider keys', sealed: 1, lost: 0 }),
      );
    });
    await rotatingGateway.close();
    const rotatedGateway = await openGateway({ database, env: { SECRET_KEY: OTHER_KEY } });
    expect(await rotatedGateway.deps.providerAccess.findCredentials(accountId, 'openai')).toMatchObject({
      apiKey: 'sk-account-WXYZ',
    });
  });
});

describeDatabases('setProviderKey', (engine) => {
  it('without SECRET_KEY uses a key file beside an SQLite database, and is rejected on Postgres', async () => {
    const gateway = await openGateway({ engine, env: { SECRET_KEY: '' } });
    const keyChange = setKey(gateway, 'sk-account');
    if (engine.name === 'SQLite') expect(await keyChange).toBe('openai');
    else await expect(keyChange).rejects.toThrow('SECRET_KEY is not set.');
    // Inputs without a secret are still accepted.
    const keylessInput = { provider: 'open', baseUrl: 'https://models.example.com' };
    expect(await setProviderKey(gateway.deps, gateway, keylessInput)).toBe('open');
    expect(await gateway.deps.providerAccess.findCredentials(gateway.accountId, 'open')).toMatchObject({
      baseUrl: keylessInput.baseUrl,
    });
  });

  it('stores the last of many concurrent changes', async () => {
    const gateway = await openGateway({ engine });
    await Promise.all(Array.from({ length: 10 }, (_, i) => setKey(gateway, `sk-account-${i}`)));
    const rows = await gateway.deps.db.read.selectFrom('provider_keys').selectAll().execute();
    expect(rows).toHaveLength(1);
    const ending = rows[0]?.key_ending;
    expect((await findCredentials(gateway))?.apiKey?.slice(-4)).toBe(ending);
  });
});

describeDatabases('recordOutcome', (engine) => {
  async function openRecorder() {
    const clock = createManualClock();
    const gateway = await openGateway({ engine, overrides: { clock } });
    const { providerAccess, background, db } = gateway.deps;
    const transaction = vi.spyOn(db, 'transaction');
    return {
      clock,
      gateway,
      async recordOutcome(model: string, failure: Parameters<typeof providerAccess.recordOutcome>[2]) {
        transaction.mockClear();
        providerAccess.recordOutcome(gateway.accountId, { provider: 'openai', model }, failure);
        await background.drain(1_000);
        return transaction.mock.calls.length;
      },
      listModels: async () => (await findProvider(gateway))?.models ?? [],
    };
  }

  it('stores an unchanged outcome once a minute, and a changed outcome immediately', async () => {
    const { clock, recordOutcome, listModels } = await openRecorder();
    expect(await recordOutcome('a', null)).toBe(1);
    clock.advance(59_999);
    expect(await recordOutcome('a', null)).toBe(0);
    expect(await recordOutcome('a', 'PROVIDER_UNAVAILABLE')).toBe(1);
    expect(await recordOutcome('a', 'PROVIDER_UNAVAILABLE')).toBe(0);
    expect(await recordOutcome('a', 'PROVIDER_MISCONFIGURED')).toBe(1);
    expect(await recordOutcome('b', 'PROVIDER_MISCONFIGURED')).toBe(1);
    expect(await listModels()).toMatchObject([
      { model: expect.any(String), failure: 'PROVIDER_MISCONFIGURED' },
      { model: expect.any(String), failure: 'PROVIDER_MISCONFIGURED' },
    ]);
    clock.advance(60_000);
    expect(await recordOutcome('a', null)).toBe(1);
    expect(await listModels()).toMatchObject([
      { model: 'a', failure: null, workedAt: expect.any(String), failedAt: expect.any(String) },
      { model: 'b', failure: 'PROVIDER_MISCONFIGURED', workedAt: null },
    ]);
  });

  it('counts every failure, by provider and code', async () => {
    const { gateway, recordOutcome } = await openRecorder();
    await recordOutcome('a', null);
    await recordOutcome('a', 'PROVIDER_UNAVAILABLE');
    await recordOutcome('a', 'PROVIDER_UNAVAILABLE');
    await recordOutcome('b', 'CONTENT_FILTERED');
    const { values } = await gateway.deps.metrics.modelFailures.get();
    expect(values).toMatchObject([
      { value: 2, labels: { provider: 'openai', code: 'PROVIDER_UNAVAILABLE' } },
      { value: 1, labels: { provider: 'openai', code: 'CONTENT_FILTERED' } },
    ]);
  });

  it('keeps the 50 most recently used models', async () => {
    const { clock, recordOutcome, listModels } = await openRecorder();
    for (let i = 0; i < 53; i++) {
      clock.advance(1_000);
      await recordOutcome(`model-${i}`, null);
    }
    const names = (await listModels()).map(({ model }) => model);
    expect(names).toEqual(Array.from({ length: 50 }, (_, i) => `model-${52 - i}`));
  });

  it('does not throw for an unknown account, and stores nothing without a model', async () => {
    const { gateway, listModels } = await openRecorder();
    const { providerAccess, background } = gateway.deps;
    providerAccess.recordOutcome('nobody', { provider: 'openai', model: 'a' }, null);
    providerAccess.recordOutcome(gateway.accountId, { provider: 'openai', model: null }, 'PROVIDER_MISCONFIGURED');
    await background.drain(1_000);
    expect(await listModels()).toEqual([]);
    expect(gateway.logs).toContainEqual(expect.objectContaining({ task: 'store the outcome of a model call' }));
  });
});
