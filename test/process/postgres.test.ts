import { beforeEach, describe, expect, it, vi } from 'vitest';
import { hasPostgres, POSTGRES, type TestDatabase } from '../helpers/databases.ts';
import { startFaultProxy } from '../helpers/network.ts';
import { isAlive, type RunningGateway, runProgram, startGatewayProcess } from '../helpers/process.ts';

describe.skipIf(!hasPostgres)('gateways on Postgres', () => {
  let database: TestDatabase;
  beforeEach(async () => {
    database = await POSTGRES.create();
    return () => database.drop();
  });

  const get = ({ url }: RunningGateway, path: string, key: string) =>
    fetch(`${url}${path}`, { headers: { authorization: `Bearer ${key}` } });

  it('can start concurrently on an empty database: one creates the first key, and all accept it', async () => {
    const env = { DATABASE_URL: database.url, SEED_DEMO: 'false' };
    const gateways = await Promise.all([startGatewayProcess({ env }), startGatewayProcess({ env })]);
    const keys = gateways.flatMap(({ key }) => key || []);
    expect(keys).toHaveLength(1);
    const [key = ''] = keys;
    for (const gateway of gateways) expect((await get(gateway, '/v1/chatbots', key)).status).toBe(200);

    const list = await runProgram({ args: ['keys', 'list', '--json'], env });
    const [{ id }] = JSON.parse(list.stdout);
    expect((await runProgram({ args: ['keys', 'revoke', id], env })).code).toBe(0);
    for (const gateway of gateways) {
      await vi.waitFor(async () => expect((await get(gateway, '/v1/chatbots', key)).status).toBe(401), 1_000);
    }
  });

  it('stay up while Postgres is unavailable, report it, and serve again within 5 seconds', async () => {
    const url = new URL(database.url);
    const proxy = await startFaultProxy(Number(url.port || 5432), url.hostname);
    url.host = `127.0.0.1:${proxy.port}`;
    const gateway = await startGatewayProcess({ env: { DATABASE_URL: url.href, SEED_DEMO: 'false' } });
    const { key, pid } = gateway;
    expect((await fetch(`${gateway.url}/ready`)).status).toBe(200);
    proxy.disconnect();
    expect((await fetch(`${gateway.url}/ready`)).status).toBe(503);
    expect((await fetch(`${gateway.url}/health`)).status).toBe(200);
    expect((await get(gateway, '/v1/chatbots', key)).status).toBe(503);
    const response = await fetch(`${gateway.url}/graphql`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ query: '{ chatbots { nodes { id } } }' }),
    });
    expect(await response.json()).toMatchObject({ errors: [{ extensions: { code: 'SERVICE_UNAVAILABLE' } }] });
    proxy.restore();
    await vi.waitFor(async () => expect((await get(gateway, '/v1/chatbots', key)).status).toBe(200), 5_000);
    expect((await fetch(`${gateway.url}/ready`)).status).toBe(200);
    expect(isAlive(pid)).toBe(true);
  });
});
