import { describe, expect, it } from 'vitest';
import { SCOPES } from '../../../src/domain/entities.ts';
import type { TestGateway } from '../../helpers/gateway.ts';
import { createKeyWith, mutate, openGateway, textOfLength } from '../support.ts';

const FIELDS = 'key apiKey { id name prefix scopes isActive lastUsedAt revokedAt }';

interface CreateApiKeyResult {
  readonly __typename: string;
  readonly key: string;
  readonly apiKey: { id: string };
}

const create = (gateway: TestGateway, input: object, key?: string) =>
  mutate<CreateApiKeyResult>(gateway, 'createApiKey', input, { selection: FIELDS, ...(key && { key }) });

async function countKeys({ deps, accountId }: TestGateway): Promise<number> {
  return (await deps.db.read.selectFrom('api_keys').select('id').where('account_id', '=', accountId).execute()).length;
}

describe('createApiKey', () => {
  it('creates a valid key, and trims its name', async () => {
    const gateway = await openGateway();
    const created = await create(gateway, { name: '  Website ' });
    expect(created).toMatchObject({
      __typename: 'CreateApiKeyPayload',
      key: expect.stringMatching(/^ic_[0-9A-Za-z]{42}$/),
      apiKey: {
        name: 'Website',
        prefix: created.key.slice(0, 8),
        scopes: SCOPES,
        isActive: true,
        lastUsedAt: null,
        revokedAt: null,
      },
    });
    const { data } = await gateway.graphql('{viewer{apiKey{id} account{id}}}', {}, created.key);
    expect(data).toEqual({ viewer: { apiKey: { id: created.apiKey.id }, account: { id: gateway.accountId } } });
  });

  it('grants the requested scopes without duplicates, or by default those of the calling key', async () => {
    const gateway = await openGateway();
    const managerKey = await createKeyWith(gateway, 'CHAT', 'MANAGE');
    expect(await create(gateway, { name: 'A', scopes: ['CHAT', 'READ', 'CHAT'] })).toMatchObject({
      apiKey: { scopes: ['READ', 'CHAT'] },
    });
    expect(await create(gateway, { name: 'B', scopes: null }, managerKey)).toMatchObject({
      apiKey: { scopes: ['CHAT', 'MANAGE'] },
    });
  });

  it('grants no scope that the calling key does not have', async () => {
    const gateway = await openGateway();
    const managerKey = await createKeyWith(gateway, 'MANAGE');
    expect(await create(gateway, { name: 'A', scopes: ['READ', 'MANAGE'] }, managerKey)).toEqual({
      __typename: 'InvalidInputError',
      code: 'INVALID_INPUT',
      reason: 'scopes: This credential does not have READ.',
      fields: [{ path: ['scopes'], message: 'This credential does not have READ.' }],
    });
    expect(await countKeys(gateway)).toBe(2);
  });

  it.each([
    [{ name: '' }, 'name'],
    [{ name: ' \n ' }, 'name'],
    [{ name: textOfLength(256) }, 'name'],
    [{ name: 'a\0b' }, 'name'],
    [{ name: 'a\ud800' }, 'name'],
    [{ name: 'A', scopes: [] }, 'scopes'],
  ])('rejects %j', async (input, path) => {
    const gateway = await openGateway();
    const before = await countKeys(gateway);
    expect(await create(gateway, input)).toMatchObject({ code: 'INVALID_INPUT', fields: [{ path: [path] }] });
    expect(await countKeys(gateway)).toBe(before);
  });

  it('rejects a sixth active key until another is revoked', async () => {
    const gateway = await openGateway();
    const keys = [];
    for (let i = 0; i < 4; i++) keys.push(await create(gateway, { name: `Key ${i}` }));
    const before = await countKeys(gateway);
    expect(await create(gateway, { name: 'Sixth' })).toEqual({
      __typename: 'ApiKeyLimitError',
      code: 'API_KEY_LIMIT',
      reason: 'Maximum 5 active API keys allowed. Revoke one first.',
    });
    expect(await countKeys(gateway)).toBe(before);
    await mutate(gateway, 'revokeApiKey', { id: keys[0]?.apiKey.id });
    expect(await create(gateway, { name: 'Sixth' })).toMatchObject({ __typename: 'CreateApiKeyPayload' });
  });

  it('creates at most five active keys concurrently', async () => {
    const gateway = await openGateway();
    const results = await Promise.all(Array.from({ length: 12 }, (_, i) => create(gateway, { name: `Key ${i}` })));
    expect(results.filter(({ __typename }) => __typename === 'CreateApiKeyPayload')).toHaveLength(4);
  });
});

describe('revokeApiKey', () => {
  it('revokes permanently, and does nothing the second time', async () => {
    const gateway = await openGateway();
    const { apiKey } = await create(gateway, { name: 'A' });
    const options = { selection: 'apiKey { id isActive revokedAt }' };
    const first = await mutate(gateway, 'revokeApiKey', { id: apiKey.id.toUpperCase() }, options);
    expect(first).toEqual({
      __typename: 'RevokeApiKeyPayload',
      apiKey: { id: apiKey.id, isActive: false, revokedAt: expect.stringMatching(/^2\d{3}-.*Z$/) },
    });
    expect(await mutate(gateway, 'revokeApiKey', { id: apiKey.id }, options)).toEqual(first);
  });
});
