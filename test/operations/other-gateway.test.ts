import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { hasPostgres, POSTGRES } from '../helpers/databases.ts';
import { createDatabase, startGateway, type TestGateway } from '../helpers/gateway.ts';
import { hasRedis } from '../helpers/nodes.ts';
import { createRedisPrefix } from '../helpers/redis.ts';
import { TEST_REDIS_URL } from '../helpers/servers.ts';
import { mutate } from '../schema/support.ts';
import { createPersistedOnlyKey, idOf, push } from './support.ts';

const KIND = 'query Kind { viewer { kind } }';

/** Sends a body with a key; returns the status of the response. */
async function statusOf(gateway: TestGateway, key: string, body: object): Promise<number> {
  const response = await gateway.fetch('/graphql', {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-api-key': key },
    body: JSON.stringify(body),
  });
  return response.status;
}

describe.runIf(hasPostgres && hasRedis)('another gateway of the same database', () => {
  it('runs what was pushed, refuses what has retired, and limits keys within 2 seconds', async () => {
    const database = await createDatabase(POSTGRES);
    const env = { REDIS_URL: TEST_REDIS_URL, REDIS_PREFIX: createRedisPrefix() };
    const gateway = await startGateway({ database, env });
    onTestFinished(() => gateway.close());
    const other = await startGateway({ database, env });
    onTestFinished(() => other.close());
    const { id, key } = await createPersistedOnlyKey(gateway);
    const becomes = (status: number, body: object) =>
      vi.waitFor(async () => expect(await statusOf(other, key, body)).toBe(status), { timeout: 2_000 });

    const byId = { documentId: idOf(KIND) };
    await becomes(403, byId);
    const manifest = await push(gateway, [KIND]);
    await becomes(200, byId);
    await mutate(gateway, 'retireOperations', { id: manifest.id, retiresAt: '2020-01-01T00:00:00Z' });
    await becomes(403, byId);
    await mutate(gateway, 'updateApiKey', { id, persistedOnly: false });
    await becomes(200, { query: KIND });
    await mutate(gateway, 'updateApiKey', { id, persistedOnly: true });
    await becomes(403, { query: KIND });
  });
});
