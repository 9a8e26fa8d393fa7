import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { createChatbot } from '../helpers/chatbots.ts';
import { hasPostgres, POSTGRES } from '../helpers/databases.ts';
import { createDatabase, startGateway, type TestGateway } from '../helpers/gateway.ts';
import { hasRedis } from '../helpers/nodes.ts';
import { createRedisPrefix } from '../helpers/redis.ts';
import { TEST_REDIS_URL } from '../helpers/servers.ts';
import { mutate } from '../schema/support.ts';

describe.runIf(hasPostgres && hasRedis)('two gateways with the same Postgres and Redis', () => {
  const SEND =
    'mutation ($input: SendMessageInput!) { sendMessage(input: $input) { __typename ... on Error { message } } }';

  it('apply the limits of a key and of sessions within 2 seconds, and share a monthly budget exactly', async () => {
    const database = await createDatabase(POSTGRES);
    const env = { REDIS_URL: TEST_REDIS_URL, REDIS_PREFIX: createRedisPrefix(), REDIS_RATE_LIMIT_TIMEOUT_MS: '10000' };
    const gateway = await startGateway({ database, env });
    onTestFinished(() => gateway.close());
    const other = await startGateway({ database, env });
    onTestFinished(() => other.close());
    const { key } = gateway;
    const { data } = await gateway.graphql<{ viewer: { apiKey: { id: string } } }>('{ viewer { apiKey { id } } }');
    const apiKeyId = data.viewer.apiKey.id;
    const chatbotId = await createChatbot(gateway);
    const { token } = await mutate<{ token: string }>(
      gateway,
      'createSessionToken',
      { chatbotId },
      { selection: 'token' },
    );
    const send = async (at: TestGateway, credential: string, sessionId?: string) => {
      const variables = { input: { chatbotId, content: 'Hello', sessionId } };
      const answer = await at.graphql<{ sendMessage: { __typename: string } }>(SEND, variables, credential);
      return answer.errors?.[0]?.extensions.code ?? answer.data.sendMessage.__typename;
    };
    const limitAt = async (at: TestGateway) => {
      const { headers } = await at.fetch('/v1/chatbots', { headers: { 'x-api-key': key } });
      return headers.get('ratelimit-policy');
    };
    // Both gateways have cached the credentials.
    await Promise.all([limitAt(other), other.graphql('{ viewer { kind } }', {}, token)]);

    await mutate(gateway, 'setRateLimit', { apiKeyId, perMinute: 5_000, monthlyMessages: 20 });
    await vi.waitFor(async () => expect(await limitAt(other)).toMatch(/^"burst";q=5000;w=60, "month";q=20;/), 2_000);
    const nodes = [gateway, other] as const;
    const sends = Array.from({ length: 60 }, (_, n) => send(nodes[n % 2] as TestGateway, key, `s${n}`));
    const outcomes = (await Promise.all(sends)).sort();
    expect(outcomes).toEqual([...Array(40).fill('QuotaExceededError'), ...Array(20).fill('SendMessagePayload')]);

    await mutate(gateway, 'setRateLimit', { chatbotId, perVisitorPerMinute: 1 });
    await vi.waitFor(async () => expect(await send(other, token)).toBe('RATE_LIMITED'), 2_000);
  });
});
