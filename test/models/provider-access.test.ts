import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { AnswerFailure } from '../../src/domain/failures.ts';
import { setProviderKey } from '../../src/models/provider-keys.ts';
import { listProviders } from '../../src/models/providers.ts';
import { createManualClock } from '../helpers/clock.ts';
import { describeEngines, hasPostgres, POSTGRES, type TestDatabase } from '../helpers/databases.ts';
import { createDatabase, type GatewayOptions, startGateway, type TestGateway } from '../helpers/gateway.ts';
import { hasRedis } from '../helpers/nodes.ts';
import { createPrefix } from '../helpers/redis.ts';
import { TEST_REDIS_URL } from '../helpers/servers.ts';

const SECRET_KEY = 'ab'.repeat(32);
const OTHER_KEY = 'cd'.repeat(32);

async function openGateway({ env, ...options }: GatewayOptions = {}) {
  const gateway = await startGateway({ env: { SECRET_KEY, ...env }, ...options });
  onTestFinished(() => gateway.close());
  return gateway;
}

const set = (gateway: TestGateway, apiKey: string, baseUrl?: string) =>
  setProviderKey(gateway.deps, gateway, { provider: 'openai', apiKey, baseUrl });
const find = ({ deps, accountId }: TestGateway) => deps.providerAccess.findCredentials(accountId, 'openai');

async function findStanding(gateway: TestGateway) {
  const standings = await listProviders(gateway.deps, gateway);
  return standings.find(({ name }) => name === 'openai');
}

/** Starts a server on this machine that answers every request with the request's key. */
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
  it('finds nothing for an unknown provider, or one that is not configured', async () => {
    const gateway = await openGateway({ env: { XAI_BASE_URL: 'https://proxy.example' } });
    for (const name of ['xai', 'open', 'builtin', 'nobody', '', '__proto__', 'constructor']) {
      expect(await gateway.deps.providerAccess.findCredentials(gateway.accountId, name)).toBeUndefined();
    }
  });

  it("never combines an account's address with the operator's key, or the reverse", async () => {
    const env = { OPENAI_API_KEY: 'sk-operator', OPENAI_BASE_URL: 'https://proxy.example/v1' };
    const gateway = await openGateway({ env });
    expect(await find(gateway)).toMatchObject({ apiKey: 'sk-operator', baseUrl: 'https://proxy.example/v1' });
    await set(gateway, 'sk-account');
    expect(await find(gateway)).toMatchObject({ apiKey: 'sk-account', baseUrl: undefined });
    await setProviderKey(gateway.deps, gateway, { provider: 'open', baseUrl: 'https://models.example.com' });
    expect(await gateway.deps.providerAccess.findCredentials(gateway.accountId, 'open')).toMatchObject({
      apiKey: undefined,
      baseUrl: 'https://models.example.com',
    });
  });

  it('gives credentials an identity that reveals nothing of the key and stays the same until they change', async () => {
    const clock = createManualClock();
    const gateway = await openGateway({ env: { OPENAI_API_KEY: 'sk-one' }, replaced: { clock } });
    const identities: string[] = [];
    const note = async () => void identities.push((await find(gateway))?.identity ?? '');
    await note();
    await set(gateway, 'sk-one');
    await note();
    await set(gateway, 'sk-one', 'https://models.example.com');
    await note();
    await set(gateway, 'sk-two', 'https://models.example.com');
    await note();
    expect(new Set(identities).size).toBe(4);
    clock.turn(11_000);
    await note();
    expect(identities[4]).toBe(identities[3]);
    expect(identities.join()).not.toContain('sk-');
  });

  it("checks the account's own address, but not the operator's", async () => {
    const url = await startServer();
    const allowing = await openGateway({ env: { SSRF_ALLOW_CIDRS: '127.0.0.1' } });
    await set(allowing, 'sk-account', url);
    const own = await find(allowing);
    const init = { headers: { authorization: 'Bearer sk-account' } };
    expect(await (await own?.fetch(`${url}/v1`, init))?.text()).toBe('Bearer sk-account');
    const refusal = own?.fetch('http://169.254.169.254/', init);
    await expect(refusal).rejects.toThrow(AnswerFailure);
    await expect(refusal).rejects.toMatchObject({ code: 'PROVIDER_MISCONFIGURED' });
    const operator = await openGateway({ env: { OPENAI_API_KEY: 'sk-operator', OPENAI_BASE_URL: url } });
    expect(await (await (await find(operator))?.fetch(url, init))?.text()).toBe('Bearer sk-account');
  });

  it('rejects an address that was allowed when it was set, but no longer is', async () => {
    const url = await startServer();
    const database = await createDatabase();
    const allowing = await openGateway({ database, env: { SSRF_ALLOW_CIDRS: '127.0.0.1' } });
    await set(allowing, 'sk-account', url);
    const { accountId } = allowing;
    await allowing.close();
    const strict = await openGateway({ database });
    const access = await strict.deps.providerAccess.findCredentials(accountId, 'openai');
    await expect(access?.fetch(url)).rejects.toMatchObject({ code: 'PROVIDER_MISCONFIGURED' });
  });

  it('queries the database again after a failure', async () => {
    const gateway = await openGateway();
    await set(gateway, 'sk-account');
    const { db } = gateway.deps;
    const read = vi.spyOn(db.read, 'selectFrom').mockImplementationOnce(() => {
      throw new Error('away');
    });
    await expect(find(gateway)).rejects.toThrow('away');
    expect(await find(gateway)).toMatchObject({ apiKey: 'sk-account' });
    read.mockRestore();
  });

  it('reads credentials once in 10 seconds, however often it is called', async () => {
    const clock = createManualClock();
    const gateway = await openGateway({ replaced: { clock } });
    await set(gateway, 'sk-account');
    const read = vi.spyOn(gateway.deps.db.read, 'selectFrom');
    const countReads = () => read.mock.calls.filter(([table]) => (table as string) === 'provider_keys').length;
    await Promise.all(Array.from({ length: 20 }, () => find(gateway)));
    clock.turn(9_999);
    await find(gateway);
    expect(countReads()).toBe(1);
    clock.turn(1);
    await find(gateway);
    expect(countReads()).toBe(2);
    read.mockRestore();
  });

  it.runIf(hasRedis && hasPostgres)('applies a change on another node at once', async () => {
    const database = await createDatabase(POSTGRES);
    const env = { REDIS_URL: TEST_REDIS_URL, REDIS_PREFIX: createPrefix() };
    const [one, other] = [await openGateway({ database, env }), await openGateway({ database, env })];
    const there = () => other.deps.providerAccess.findCredentials(one.accountId, 'openai');
    expect(await there()).toBeUndefined();
    await set(one, 'sk-account');
    await vi.waitFor(async () => expect(await there()).toMatchObject({ apiKey: 'sk-account' }));
  });
});

describeEngines('a key that cannot be unsealed', (engine) => {
  /** Opens a gateway on a database where a key was sealed with `SECRET_KEY`. */
  async function openWith(database: TestDatabase, env: Record<string, string>) {
    const first = await openGateway({ database });
    await set(first, 'sk-account-WXYZ', 'https://models.example.com');
    await first.close();
    const gateway = await openGateway({ database, env: { OPENAI_API_KEY: 'sk-operator', ...env } });
    return { ...gateway, accountId: first.accountId };
  }

  it.each([['is another'], ['is gone']])(
    "shows its provider as misconfigured, and is not replaced by the operator's: SECRET_KEY %s",
    async (what) => {
      const database = await createDatabase(engine);
      const gateway = await openWith(database, { SECRET_KEY: what === 'is another' ? OTHER_KEY : '' });
      expect(await find(gateway)).toBeUndefined();
      expect(await findStanding(gateway)).toMatchObject({
        isConfigured: false,
        keySource: null,
        own: { keyEnding: 'WXYZ', baseUrl: 'https://models.example.com' },
        lastError: { code: 'PROVIDER_MISCONFIGURED' },
      });
      expect(JSON.stringify(gateway.logs)).toContain('cannot unseal a key');
    },
  );

  it('is read during a rotation of SECRET_KEY, and resealed at the start, so that the old key can be removed', async () => {
    const database = await createDatabase(engine);
    const { accountId, ...between } = await openWith(database, {
      SECRET_KEY: OTHER_KEY,
      SECRET_KEY_PREVIOUS: SECRET_KEY,
    });
    expect(await between.deps.providerAccess.findCredentials(accountId, 'openai')).toMatchObject({
      apiKey: 'sk-account-WXYZ',
    });
    await vi.waitFor(() => {
      expect(between.logs).toContainEqual(
        expect.objectContaining({ msg: 're-encrypted provider keys', sealed: 1, lost: 0 }),
      );
    });
    await between.close();
    const after = await openGateway({ database, env: { SECRET_KEY: OTHER_KEY } });
    expect(await after.deps.providerAccess.findCredentials(accountId, 'openai')).toMatchObject({
      apiKey: 'sk-account-WXYZ',
    });
  });
});

describeEngines('setProviderKey', (engine) => {
  it('without SECRET_KEY seals with a key file beside an SQLite database, and is rejected on Postgres', async () => {
    const gateway = await openGateway({ engine, env: { SECRET_KEY: '' } });
    const setting = set(gateway, 'sk-account');
    if (engine.name === 'SQLite') expect(await setting).toBe('openai');
    else await expect(setting).rejects.toThrow('SECRET_KEY is not set.');
    // Inputs without a secret still work.
    const open = { provider: 'open', baseUrl: 'https://models.example.com' };
    expect(await setProviderKey(gateway.deps, gateway, open)).toBe('open');
    expect(await gateway.deps.providerAccess.findCredentials(gateway.accountId, 'open')).toMatchObject({
      baseUrl: open.baseUrl,
    });
  });

  it('stores the last of many concurrent changes', async () => {
    const gateway = await openGateway({ engine });
    await Promise.all(Array.from({ length: 10 }, (_, i) => set(gateway, `sk-account-${i}`)));
    const rows = await gateway.deps.db.read.selectFrom('provider_keys').selectAll().execute();
    expect(rows).toHaveLength(1);
    const ending = rows[0]?.key_ending;
    expect((await find(gateway))?.apiKey?.slice(-4)).toBe(ending);
  });
});

describeEngines('recordOutcome', (engine) => {
  async function open() {
    const clock = createManualClock();
    const gateway = await openGateway({ engine, replaced: { clock } });
    const { providerAccess, background, db } = gateway.deps;
    const transaction = vi.spyOn(db, 'transaction');
    return {
      clock,
      gateway,
      async note(model: string, failure: Parameters<typeof providerAccess.recordOutcome>[2]) {
        transaction.mockClear();
        providerAccess.recordOutcome(gateway.accountId, { provider: 'openai', model }, failure);
        await background.drain(1_000);
        return transaction.mock.calls.length;
      },
      models: async () => (await findStanding(gateway))?.models ?? [],
    };
  }

  it('writes an unchanged outcome once a minute, and a new one at once', async () => {
    const { clock, note, models } = await open();
    expect(await note('a', null)).toBe(1);
    clock.turn(59_999);
    expect(await note('a', null)).toBe(0);
    expect(await note('a', 'PROVIDER_UNAVAILABLE')).toBe(1);
    expect(await note('a', 'PROVIDER_UNAVAILABLE')).toBe(0);
    expect(await note('a', 'PROVIDER_MISCONFIGURED')).toBe(1);
    expect(await note('b', 'PROVIDER_MISCONFIGURED')).toBe(1);
    expect(await models()).toMatchObject([
      { model: expect.any(String), failure: 'PROVIDER_MISCONFIGURED' },
      { model: expect.any(String), failure: 'PROVIDER_MISCONFIGURED' },
    ]);
    clock.turn(60_000);
    expect(await note('a', null)).toBe(1);
    expect(await models()).toMatchObject([
      { model: 'a', failure: null, workedAt: expect.any(String), failedAt: expect.any(String) },
      { model: 'b', failure: 'PROVIDER_MISCONFIGURED', workedAt: null },
    ]);
  });

  it('counts every failure, by provider and code', async () => {
    const { gateway, note } = await open();
    await note('a', null);
    await note('a', 'PROVIDER_UNAVAILABLE');
    await note('a', 'PROVIDER_UNAVAILABLE');
    await note('b', 'CONTENT_FILTERED');
    const { values } = await gateway.deps.metrics.modelFailures.get();
    expect(values).toMatchObject([
      { value: 2, labels: { provider: 'openai', code: 'PROVIDER_UNAVAILABLE' } },
      { value: 1, labels: { provider: 'openai', code: 'CONTENT_FILTERED' } },
    ]);
  });

  it('keeps the 50 most recently used models', async () => {
    const { clock, note, models } = await open();
    for (let i = 0; i < 53; i++) {
      clock.turn(1_000);
      await note(`model-${i}`, null);
    }
    const names = (await models()).map(({ model }) => model);
    expect(names).toEqual(Array.from({ length: 50 }, (_, i) => `model-${52 - i}`));
  });

  it('never throws, and stores nothing without a model', async () => {
    const { gateway, models } = await open();
    const { providerAccess, background } = gateway.deps;
    providerAccess.recordOutcome('nobody', { provider: 'openai', model: 'a' }, null);
    providerAccess.recordOutcome(gateway.accountId, { provider: 'openai', model: null }, 'PROVIDER_MISCONFIGURED');
    await background.drain(1_000);
    expect(await models()).toEqual([]);
    expect(gateway.logs).toContainEqual(expect.objectContaining({ task: 'store the outcome of a model call' }));
  });
});
