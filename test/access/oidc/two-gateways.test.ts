import { describe, expect, it } from 'vitest';
import { hasPostgres, POSTGRES } from '../../helpers/databases.ts';
import { createDatabase } from '../../helpers/gateway.ts';
import { hasRedis } from '../../helpers/nodes.ts';
import { settingsFor, startFakeIssuer } from '../../helpers/oidc/fake-issuer.ts';
import { ACCOUNT, askViewer, startSignInGateway } from '../../helpers/oidc/sign-in-gateway.ts';
import { createRedisPrefix } from '../../helpers/redis.ts';
import { TEST_REDIS_URL } from '../../helpers/servers.ts';
import { openSocket } from '../../helpers/sockets.ts';

const DEACTIVATE = 'mutation ($id: ID!) { deactivateMember(input: { id: $id }) { __typename } }';
const REACTIVATE = 'mutation ($id: ID!) { reactivateMember(input: { id: $id }) { __typename } }';
const LIMIT_MS = 2_000;

describe.skipIf(!hasPostgres || !hasRedis)('two gateways on one Postgres', () => {
  it.each([
    ['with Redis', () => ({ REDIS_URL: TEST_REDIS_URL, REDIS_PREFIX: createRedisPrefix() })],
    ['without Redis', () => ({ REDIS_URL: '' })],
  ])('share members, and both refuse a deactivated one within two seconds, %s', async (_name, redisSettings) => {
    const issuer = await startFakeIssuer();
    const database = await createDatabase(POSTGRES);
    const env = { ...settingsFor(issuer, ACCOUNT), ...redisSettings() };
    const first = await startSignInGateway(env, { database });
    const second = await startSignInGateway(env, { database });
    const token = await issuer.sign({ name: 'Ada' });
    const answers = await Promise.all([first, second, first, second].map((gateway) => askViewer(gateway, token)));
    const ids = answers.map(({ viewer }) => viewer?.member?.id);
    expect(new Set(ids).size).toBe(1);

    const socket = openSocket(second, { authorization: `Bearer ${token}` });
    await socket.connected;
    const startedAt = performance.now();
    await first.graphql(DEACTIVATE, { id: ids[0] });
    expect((await askViewer(first, token)).status).toBe(401);
    expect((await socket.closed).code).toBe(4401);
    expect((await askViewer(second, token)).status).toBe(401);
    expect(performance.now() - startedAt).toBeLessThan(LIMIT_MS);

    await first.graphql(REACTIVATE, { id: ids[0] });
    await expect.poll(async () => (await askViewer(second, token)).status, { timeout: LIMIT_MS }).toBe(200);
  });
});
