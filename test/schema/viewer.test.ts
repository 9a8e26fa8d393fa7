import { describe, expect, it } from 'vitest';
import { createChatbot, send } from '../helpers/chatbots.ts';
import { createTurnedClock } from '../helpers/clock.ts';
import { codesOf } from '../helpers/sockets.ts';
import { webSocket } from '../helpers/streams.ts';
import { keyWith, openGateway } from './support.ts';

describe('viewer', () => {
  it('tells who asks, of which account, with which key', async () => {
    const gateway = await openGateway({ replaced: { clock: createTurnedClock() } });
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

  it.each(['READ', 'CHAT', 'MANAGE'] as const)('is open to a key with %s alone', async (scope) => {
    const gateway = await openGateway();
    const { data } = await gateway.graphql(
      '{viewer{scopes account{id usage{messages}} apiKey{name}}}',
      {},
      await keyWith(gateway, scope),
    );
    expect(data).toMatchObject({ viewer: { scopes: [scope], account: { id: gateway.accountId } } });
  });

  it('shows the keys of the account to those who manage, newest first, and no others', async () => {
    const gateway = await openGateway();
    const read = await keyWith(gateway, 'READ', 'CHAT');
    await gateway.createTenant();
    const query = '{viewer{account{apiKeys{prefix scopes}}}}';
    expect((await gateway.graphql(query)).data).toEqual({
      viewer: {
        account: {
          apiKeys: [
            { prefix: read.slice(0, 8), scopes: ['READ', 'CHAT'] },
            { prefix: gateway.key.slice(0, 8), scopes: ['READ', 'CHAT', 'MANAGE'] },
          ],
        },
      },
    });
    const refused = await gateway.graphql(query, {}, read);
    expect(codesOf(refused)).toEqual(['FORBIDDEN']);
    expect(refused.data).toBeNull();
  });
});

describe('usage', () => {
  const USAGE =
    'query ($month: String) { viewer { account { usage(month: $month) { month messages inputTokens outputTokens limit } } } }';

  it('counts the replies of this account in a month of UTC', async () => {
    const gateway = await openGateway({
      env: { MONTHLY_MESSAGE_LIMIT: '7' },
      replaced: { clock: createTurnedClock() },
    });
    const chatbotId = await createChatbot(gateway, { sources: ['The tower is 300 metres tall.'] });
    for (const content of ['How tall is the tower?', 'What about the moon?']) {
      const { replyId } = await send(gateway, { chatbotId, content });
      await webSocket.follow(gateway, { messageId: replyId }).ended;
    }
    const { data } = await gateway.graphql<{ viewer: { account: { usage: Record<string, number> } } }>(USAGE);
    const { usage } = data.viewer.account;
    expect(usage).toMatchObject({ month: '2026-03', messages: 2, limit: 7 });
    expect(usage.inputTokens).toBeGreaterThan(0);
    expect(usage.outputTokens).toBeGreaterThan(0);
    expect((await gateway.graphql(USAGE, { month: '2026-03' })).data).toEqual(data);

    const none = { messages: 0, inputTokens: 0, outputTokens: 0, limit: 7 };
    expect((await gateway.graphql(USAGE, { month: '2026-02' })).data).toMatchObject({
      viewer: { account: { usage: { month: '2026-02', ...none } } },
    });
    const { key } = await gateway.createTenant();
    expect((await gateway.graphql(USAGE, {}, key)).data).toMatchObject({ viewer: { account: { usage: none } } });
  });

  it('has no limit where none is set', async () => {
    const gateway = await openGateway();
    expect((await gateway.graphql(USAGE)).data).toMatchObject({ viewer: { account: { usage: { limit: null } } } });
  });

  it.each(['', '2026', '2026-3', '2026-13', '2026-00', '2026-03-01', '2026-03\n', "2026-03' --", '٢٠٢٦-٠٣'])(
    'refuses the month %j',
    async (month) => {
      const gateway = await openGateway();
      expect(codesOf(await gateway.graphql(USAGE, { month }))).toEqual(['BAD_USER_INPUT']);
    },
  );
});
