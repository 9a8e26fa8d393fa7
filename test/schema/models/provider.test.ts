import { describe, expect, it, vi } from 'vitest';
import { BUILTIN, PROVIDERS } from '../../../src/domain/providers.ts';
import { createManualClock } from '../../helpers/clock.ts';
import type { GatewayOptions, TestGateway } from '../../helpers/gateway.ts';
import { createScriptedModels, MODEL_FINISH, type ModelScript } from '../../helpers/models/scripted-models.ts';
import { openSharedGateway } from '../../helpers/shared-gateway.ts';
import { mutate, openGateway as open, textOfLength } from '../support.ts';

const KEY = 'sk-abcdefghijkl-WXYZ';
const PROVIDER =
  'provider { name label isConfigured keySource keyEnding baseUrl defaultModel models { model } lastError { code message } }';
const SECRET_KEY = 'ab'.repeat(32);

const openGateway = ({ env, overrides }: Pick<GatewayOptions, 'env' | 'overrides'> = {}) =>
  overrides ? open({ env: { SECRET_KEY, ...env }, overrides }) : openSharedGateway({ env: { SECRET_KEY, ...env } });

interface Provider {
  readonly name: string;
  readonly models: readonly { model: string; lastError: { code: string } | null }[];
}

const setProviderKey = (gateway: TestGateway, input: object, key?: string) =>
  mutate<{ provider: Provider }>(gateway, 'setProviderKey', input, { selection: PROVIDER, ...(key && { key }) });
const deleteProviderKey = (gateway: TestGateway, provider: string, key?: string) =>
  mutate<{ provider: Provider }>(
    gateway,
    'deleteProviderKey',
    { provider },
    { selection: PROVIDER, ...(key && { key }) },
  );

async function listProviders(gateway: TestGateway, key?: string): Promise<Record<string, Provider>> {
  const { data } = await gateway.graphql<{ providers: Provider[] }>(
    `{ providers { name isConfigured keySource keyEnding baseUrl
         models { model workedAt failedAt lastError { code message } } lastError { code message } } }`,
    {},
    key,
  );
  return Object.fromEntries(data.providers.map((provider) => [provider.name, provider]));
}

const countKeys = async ({ deps, accountId }: TestGateway) => {
  const query = deps.db.read.selectFrom('provider_keys').select('provider').where('account_id', '=', accountId);
  return (await query.execute()).length;
};

describe('providers', () => {
  it('lists all providers and whether the operator has configured them, but none of their settings', async () => {
    const env = {
      OPENAI_API_KEY: KEY,
      XAI_BASE_URL: 'https://proxy.example/v1',
      OPENAI_COMPATIBLE_BASE_URL: 'http://gpu/v1',
    };
    const gateway = await openGateway({ env });
    const providers = await listProviders(gateway);
    expect(Object.keys(providers)).toEqual([BUILTIN, ...PROVIDERS]);
    const unconfigured = {
      isConfigured: false,
      keySource: null,
      keyEnding: null,
      baseUrl: null,
      models: [],
      lastError: null,
    };
    expect(providers[BUILTIN]).toEqual({ name: BUILTIN, ...unconfigured, isConfigured: true });
    for (const name of PROVIDERS) {
      const isSet = name === 'openai' || name === 'open';
      expect(providers[name]).toEqual({
        name,
        ...unconfigured,
        isConfigured: isSet,
        keySource: isSet ? 'ENVIRONMENT' : null,
      });
    }
  });

  it('returns the display name and default model of each provider', async () => {
    const gateway = await openGateway();
    const { data } = await gateway.graphql('{ providers { name label defaultModel } }');
    expect(data).toMatchObject({
      providers: expect.arrayContaining([
        { name: 'builtin', label: 'Built-in', defaultModel: null },
        { name: 'openai', label: 'OpenAI', defaultModel: expect.any(String) },
        { name: 'open', label: 'OpenAI-compatible', defaultModel: null },
      ]),
    });
  });

  it('reports the last outcome of each model, most recently used first, only to the account that used it', async () => {
    const clock = createManualClock();
    const gateway = await openGateway({ env: { OPENAI_API_KEY: KEY }, overrides: { clock } });
    const { providerAccess, background } = gateway.deps;
    providerAccess.recordOutcome(gateway.accountId, { provider: 'openai', model: 'good' }, null);
    await background.drain(1_000);
    clock.advance(1);
    providerAccess.recordOutcome(gateway.accountId, { provider: 'openai', model: 'bad' }, 'PROVIDER_MISCONFIGURED');
    await background.drain(1_000);
    const failure = { code: 'PROVIDER_MISCONFIGURED', message: 'The model is not configured correctly.' };
    expect((await listProviders(gateway)).openai).toMatchObject({
      models: [
        { model: 'bad', workedAt: null, failedAt: expect.any(String), lastError: failure },
        { model: 'good', workedAt: expect.any(String), failedAt: null, lastError: null },
      ],
      lastError: failure,
    });
    const { key } = await gateway.createTenant();
    expect((await listProviders(gateway, key)).openai).toMatchObject({ models: [], lastError: null });
  });
});

describe('setProviderKey', () => {
  it("sets the account's own key, which overrides the operator's, and returns its ending only", async () => {
    const gateway = await openGateway({ env: { OPENAI_API_KEY: 'sk-of-the-operator' } });
    const answer = await setProviderKey(gateway, { provider: 'openai', apiKey: ` ${KEY}\n` });
    expect(answer).toEqual({
      __typename: 'SetProviderKeyPayload',
      provider: {
        name: 'openai',
        label: 'OpenAI',
        isConfigured: true,
        keySource: 'ACCOUNT',
        keyEnding: 'WXYZ',
        baseUrl: null,
        defaultModel: expect.any(String),
        models: [],
        lastError: null,
      },
    });
    const { accountId, deps } = gateway;
    expect((await deps.providerAccess.findCredentials(accountId, 'openai'))?.apiKey).toBe(KEY);
    const { accountId: other } = await gateway.createTenant();
    expect((await deps.providerAccess.findCredentials(other, 'openai'))?.apiKey).toBe('sk-of-the-operator');
  });

  it('replaces all settings, and clears the outcomes recorded with them', async () => {
    const gateway = await openGateway();
    await setProviderKey(gateway, { provider: 'xai', apiKey: KEY, baseUrl: 'https://models.example.com/v1/' });
    expect((await listProviders(gateway)).xai).toMatchObject({
      keyEnding: 'WXYZ',
      baseUrl: 'https://models.example.com/v1',
    });
    gateway.deps.providerAccess.recordOutcome(
      gateway.accountId,
      { provider: 'xai', model: 'a' },
      'PROVIDER_UNAVAILABLE',
    );
    gateway.deps.providerAccess.recordOutcome(gateway.accountId, { provider: 'glm', model: 'b' }, null);
    await gateway.deps.background.drain(1_000);
    await setProviderKey(gateway, { provider: 'xai', apiKey: 'short' });
    const { xai, glm } = await listProviders(gateway);
    expect(xai).toMatchObject({ keyEnding: null, baseUrl: null, models: [], lastError: null });
    expect(glm?.models).toHaveLength(1);
    expect(await countKeys(gateway)).toBe(1);
  });

  it('requires a base URL but no key for `open`, and a key for all others', async () => {
    const gateway = await openGateway();
    expect(await setProviderKey(gateway, { provider: 'open', baseUrl: 'https://models.example.com' })).toMatchObject({
      provider: { isConfigured: true, keySource: 'ACCOUNT', keyEnding: null, baseUrl: 'https://models.example.com' },
    });
    expect(await setProviderKey(gateway, { provider: 'open', apiKey: KEY })).toMatchObject({
      fields: [{ path: ['baseUrl'] }],
    });
    expect(await setProviderKey(gateway, { provider: 'glm', baseUrl: 'https://models.example.com' })).toMatchObject({
      fields: [{ path: ['apiKey'] }],
    });
  });

  it.each([
    [{ provider: 'builtin', apiKey: KEY }, 'provider'],
    [{ provider: 'nobody', apiKey: KEY }, 'provider'],
    [{ provider: '', apiKey: KEY }, 'provider'],
    [{ provider: 'openai' }, 'apiKey'],
    [{ provider: 'openai', apiKey: null }, 'apiKey'],
    [{ provider: 'openai', apiKey: '' }, 'apiKey'],
    [{ provider: 'openai', apiKey: '  ' }, 'apiKey'],
    [{ provider: 'openai', apiKey: 'sk a' }, 'apiKey'],
    [{ provider: 'openai', apiKey: 'sk\na' }, 'apiKey'],
    [{ provider: 'openai', apiKey: 'sk\0' }, 'apiKey'],
    [{ provider: 'openai', apiKey: 'skä' }, 'apiKey'],
    [{ provider: 'openai', apiKey: textOfLength(513) }, 'apiKey'],
    [{ provider: 'openai', apiKey: KEY, baseUrl: '' }, 'baseUrl'],
    [{ provider: 'openai', apiKey: KEY, baseUrl: 'models.example.com' }, 'baseUrl'],
    [{ provider: 'openai', apiKey: KEY, baseUrl: 'http://127.0.0.1:11434/v1' }, 'baseUrl'],
    [{ provider: 'openai', apiKey: KEY, baseUrl: 'http://169.254.169.254/' }, 'baseUrl'],
    [{ provider: 'openai', apiKey: KEY, baseUrl: 'https://user:pass@models.example.com/' }, 'baseUrl'],
    [{ provider: 'openai', apiKey: KEY, baseUrl: 'https://models.example.com/v1?key=a' }, 'baseUrl'],
    [{ provider: 'openai', apiKey: KEY, baseUrl: 'https://models.example.com/v1#a' }, 'baseUrl'],
    [{ provider: 'openai', apiKey: KEY, baseUrl: `https://models.example.com/${textOfLength(2_048)}` }, 'baseUrl'],
  ])('rejects %j', async (input, path) => {
    const gateway = await openGateway();
    const answer = await setProviderKey(gateway, input);
    expect(answer).toMatchObject({ code: 'INVALID_INPUT', fields: [{ path: [path] }] });
    expect(await countKeys(gateway)).toBe(0);
  });

  it('accepts internal addresses that the operator allows, on any port', async () => {
    const gateway = await openGateway({ env: { SSRF_ALLOW_CIDRS: '127.0.0.0/8' } });
    expect(await setProviderKey(gateway, { provider: 'open', baseUrl: 'http://127.0.0.1:11434/v1' })).toMatchObject({
      provider: { baseUrl: 'http://127.0.0.1:11434/v1' },
    });
  });

  it("hides an account's credentials from all other accounts", async () => {
    const gateway = await openGateway();
    await setProviderKey(gateway, { provider: 'openai', apiKey: KEY });
    const otherTenant = await gateway.createTenant();
    const unconfigured = { isConfigured: false, keySource: null, keyEnding: null };
    expect((await listProviders(gateway, otherTenant.key)).openai).toMatchObject(unconfigured);
    await setProviderKey(gateway, { provider: 'openai', apiKey: 'sk-of-the-stranger' }, otherTenant.key);
    expect((await listProviders(gateway)).openai).toMatchObject({ keyEnding: 'WXYZ' });
    expect((await gateway.deps.providerAccess.findCredentials(gateway.accountId, 'openai'))?.apiKey).toBe(KEY);
  });
});

describe('deleteProviderKey', () => {
  it("restores the operator's credentials", async () => {
    const gateway = await openGateway({ env: { OPENAI_API_KEY: 'sk-of-the-operator' } });
    await setProviderKey(gateway, { provider: 'openai', apiKey: KEY, baseUrl: 'https://models.example.com' });
    await setProviderKey(gateway, { provider: 'glm', apiKey: KEY });
    expect(await deleteProviderKey(gateway, 'openai')).toMatchObject({
      __typename: 'DeleteProviderKeyPayload',
      provider: { isConfigured: true, keySource: 'ENVIRONMENT', keyEnding: null, baseUrl: null },
    });
    expect(await deleteProviderKey(gateway, 'glm')).toMatchObject({
      provider: { isConfigured: false, keySource: null },
    });
    const credentials = await gateway.deps.providerAccess.findCredentials(gateway.accountId, 'openai');
    expect(credentials).toMatchObject({ apiKey: 'sk-of-the-operator', baseUrl: undefined });
  });

  it("does not find another account's key, and does not change it", async () => {
    const gateway = await openGateway();
    await setProviderKey(gateway, { provider: 'openai', apiKey: KEY });
    const { key } = await gateway.createTenant();
    const refusal = { __typename: 'NotFoundError', code: 'NOT_FOUND', reason: 'Provider key not found.' };
    expect(await deleteProviderKey(gateway, 'openai', key)).toEqual(refusal);
    expect(await deleteProviderKey(gateway, 'glm', key)).toEqual(refusal);
    expect((await listProviders(gateway)).openai).toMatchObject({ keySource: 'ACCOUNT' });
  });

  it.each(['builtin', 'nobody', ''])('rejects the provider %j', async (provider) => {
    const gateway = await openGateway();
    expect(await deleteProviderKey(gateway, provider)).toMatchObject({
      code: 'INVALID_INPUT',
      fields: [{ path: ['provider'] }],
    });
  });
});

describe('testProvider', () => {
  const testProvider = (gateway: TestGateway, input: object) =>
    mutate(gateway, 'testProvider', input, {
      selection: 'provider { name } model isWorking latencyMs error { code message detail }',
    });

  it("sends a request for one word to the model, with the account's credentials", async () => {
    const script: ModelScript = [{ type: 'text', text: 'OK' }, MODEL_FINISH];
    const models = createScriptedModels(script, script);
    const gateway = await openGateway({ overrides: { models } });
    expect(await testProvider(gateway, { provider: 'openai', model: ' gpt-x ' })).toEqual({
      __typename: 'TestProviderPayload',
      provider: { name: 'openai' },
      model: 'gpt-x',
      isWorking: true,
      latencyMs: expect.any(Number),
      error: null,
    });
    expect(await testProvider(gateway, { provider: 'openai' })).toMatchObject({
      model: 'default-model',
      isWorking: true,
    });
    expect(models.calls).toMatchObject([
      { accountId: gateway.accountId, provider: 'openai', model: 'gpt-x', maxOutputTokens: 16, isTest: true },
      { accountId: gateway.accountId, provider: 'openai', model: null },
    ]);
    expect(models.closedCount).toBe(2);
  });

  it('reports why a model fails before or during its answer', async () => {
    const message = 'The model is not configured correctly.';
    for (const steps of [[], [{ type: 'text', text: 'O' }]] as const) {
      const models = createScriptedModels([...steps, 'PROVIDER_MISCONFIGURED']);
      const gateway = await openGateway({ overrides: { models } });
      expect(await testProvider(gateway, { provider: 'glm', model: 'glm-x' })).toMatchObject({
        provider: { name: 'glm' },
        model: 'glm-x',
        isWorking: false,
        error: { code: 'PROVIDER_MISCONFIGURED', message, detail: 'scripted failure' },
      });
      expect(models.closedCount).toBe(steps.length);
    }
  });

  it('waits at most 10 seconds', async () => {
    const timeoutController = new AbortController();
    const timeout = vi.spyOn(AbortSignal, 'timeout').mockReturnValue(timeoutController.signal);
    const models = createScriptedModels([{ type: 'text', text: 'O' }]);
    const gateway = await openGateway({ overrides: { models } });
    const answer = testProvider(gateway, { provider: 'glm' });
    await vi.waitFor(() => expect(models.calls).toHaveLength(1));
    expect(timeout).toHaveBeenCalledWith(10_000);
    timeoutController.abort();
    expect(await answer).toMatchObject({ isWorking: false, error: { code: 'PROVIDER_UNAVAILABLE' } });
    expect(models.closedCount).toBe(1);
    timeout.mockRestore();
  });

  it('succeeds immediately for the built-in engine, and calls no model', async () => {
    const models = createScriptedModels([]);
    const gateway = await openGateway({ overrides: { models } });
    expect(await testProvider(gateway, { provider: 'builtin', model: 'a' })).toEqual({
      __typename: 'TestProviderPayload',
      provider: { name: 'builtin' },
      model: null,
      isWorking: true,
      latencyMs: 0,
      error: null,
    });
    expect(models.calls).toEqual([]);
  });

  it.each([
    [{ provider: 'nobody' }, 'provider'],
    [{ provider: 'openai', model: ' ' }, 'model'],
    [{ provider: 'openai', model: textOfLength(256) }, 'model'],
  ])('rejects %j', async (input, path) => {
    const gateway = await openGateway();
    expect(await testProvider(gateway, input)).toMatchObject({ code: 'INVALID_INPUT', fields: [{ path: [path] }] });
  });
});
