import { describe, expect, it } from 'vitest';
import { createManualClock } from '../../helpers/clock.ts';
import { errorCodesOf } from '../../helpers/sockets.ts';
import { createKeyWith, openGateway } from '../support.ts';

describe('viewer', () => {
  it('returns the kind, account and key of the caller', async () => {
    const gateway = await openGateway({ overrides: { clock: createManualClock() } });
    const { data, errors } = await gateway.graphql(`{ viewer {
      kind scopes account { id name createdAt } rateLimit { limit remaining resetAt }
      apiKey { id name prefix scopes isActive lastUsedAt createdAt revokedAt }
    } }`);
    expect(errors).toBeUndefined();
    expect(data).toEqual({
      viewer: {
        kind: 'API_KEY',
        scopes: ['READ', 'CHAT', 'MANAGE'],
        account: { id: gateway.accountId, name: gateway.accountId, createdAt: '2026-03-15T10:30:00.000Z' },
        rateLimit: { limit: 100_000, remaining: 99_999, resetAt: '2026-03-15T10:31:00.000Z' },
        apiKey: {
          id: expect.any(String),
          name: 'Test key',
          prefix: gateway.key.slice(0, 8),
          scopes: ['READ', 'CHAT', 'MANAGE'],
          isActive: true,
          lastUsedAt: '2026-03-15T10:30:00.000Z',
          createdAt: '2026-03-15T10:30:00.000Z',
          revokedAt: null,
        },
      },
    });
  });

  it.each(['READ', 'CHAT', 'MANAGE'] as const)('can be read by a key with %s alone', async (scope) => {
    const gateway = await openGateway();
    const { data } = await gateway.graphql(
      '{viewer{scopes account{id usage{messages}} apiKey{name}}}',
      {},
      await createKeyWith(gateway, scope),
    );
    expect(data).toMatchObject({ viewer: { scopes: [scope], account: { id: gateway.accountId } } });
  });

  it('lists the keys of the account to keys with MANAGE only, newest first', async () => {
    const gateway = await openGateway();
    const chatKey = await createKeyWith(gateway, 'READ', 'CHAT');
    await gateway.createTenant();
    const query = '{viewer{account{apiKeys{prefix scopes}}}}';
    expect((await gateway.graphql(query)).data).toEqual({
      viewer: {
        account: {
          apiKeys: [
            { prefix: chatKey.slice(0, 8), scopes: ['READ', 'CHAT'] },
            { prefix: gateway.key.slice(0, 8), scopes: ['READ', 'CHAT', 'MANAGE'] },
          ],
        },
      },
    });
    const refused = await gateway.graphql(query, {}, chatKey);
    expect(errorCodesOf(refused)).toEqual(['FORBIDDEN']);
    expect(refused.data).toBeUndefined();
  });
});
