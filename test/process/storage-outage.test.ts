import { sql } from 'kysely';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createChatbot } from '../helpers/chatbots.ts';
import { hasPostgres, POSTGRES, SQLITE } from '../helpers/databases.ts';
import { createDatabase, startGateway, type TestGateway } from '../helpers/gateway.ts';
import { startFaultProxyFor } from '../helpers/network.ts';
import { openRawSocket } from '../helpers/raw-sockets.ts';

const SEND = 'mutation ($input: SendMessageInput!) { sendMessage(input: $input) { __typename } }';
const WARN = 40;

const readyStatus = async ({ fetch }: TestGateway) => (await fetch('/ready')).status;
const warningsOf = ({ logs }: TestGateway) => logs.filter(({ level }) => Number(level) >= WARN);

/** Sends a message over GraphQL, REST and a WebSocket; returns the refusals. */
async function sendEveryWay(gateway: TestGateway, chatbotId: string): Promise<unknown[]> {
  const content = '€'.repeat(8_000);
  const { status, errors } = await gateway.graphql(SEND, { input: { chatbotId, content } });
  const rest = await gateway.fetch(`/v1/chatbots/${chatbotId}/chat`, {
    method: 'POST',
    headers: { authorization: `Bearer ${gateway.key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ message: content }),
  });
  const socket = openRawSocket(gateway);
  await socket.init({ authorization: `Bearer ${gateway.key}` });
  const result = await socket.execute(SEND, { variables: { input: { chatbotId, content } } });
  socket.close();
  return [status, errors?.[0]?.extensions.code, rest.status, result.errors?.[0]?.extensions.code];
}

const REFUSED = [503, 'SERVICE_UNAVAILABLE', 503, 'SERVICE_UNAVAILABLE'];

describe('while the disk is full', () => {
  async function startFull() {
    const gateway = await startGateway({ engine: SQLITE });
    onTestFinished(() => gateway.close());
    const chatbotId = await createChatbot(gateway);
    const setMaxPages = (pages: number) =>
      gateway.deps.db.transaction((trx) => sql.raw(`pragma max_page_count = ${pages}`).execute(trx));
    // SQLite replaces a limit below the present size by that size.
    const fill = () => setMaxPages(1);
    return { gateway, chatbotId, fill, empty: () => setMaxPages(1_000_000) };
  }

  it('/ready responds with 503, before any write has failed and after small ones have succeeded', async () => {
    const { gateway, chatbotId, fill, empty } = await startFull();
    expect(await readyStatus(gateway)).toBe(200);
    await fill();
    expect(await readyStatus(gateway)).toBe(503);
    expect(await sendEveryWay(gateway, chatbotId)).toEqual(REFUSED);
    await gateway.deps.db.transaction(async (trx) => void (await trx.selectFrom('accounts').select('id').execute()));
    expect(await readyStatus(gateway)).toBe(503);
    await empty();
    expect(await readyStatus(gateway)).toBe(200);
  });

  it('one warning is logged for all refusals, and their number at the end', async () => {
    const { gateway, chatbotId, fill, empty } = await startFull();
    await fill();
    for (let round = 0; round < 3; round++) expect(await sendEveryWay(gateway, chatbotId)).toEqual(REFUSED);
    const [warning, ...others] = warningsOf(gateway);
    expect(others).toEqual([]);
    expect(warning).toMatchObject({
      level: WARN,
      msg: 'the storage is unavailable; refusing what needs it',
      err: { code: 'SQLITE_FULL' },
    });
    expect(JSON.stringify(warning)).not.toContain('"stack"');
    await empty();
    await gateway.close();
    expect(gateway.logs.filter(({ refusalCount }) => refusalCount !== undefined)).toEqual([
      expect.objectContaining({ refusalCount: 9, msg: 'stopping while the storage is unavailable' }),
    ]);
  });
});

describe.runIf(hasPostgres)('while Postgres cannot be reached', () => {
  it('one warning is logged for all refusals, and /ready responds with 503', async () => {
    const database = await createDatabase(POSTGRES);
    const { proxy, url } = await startFaultProxyFor(database.url, 5432);
    const gateway = await startGateway({ database: { ...database, url } });
    onTestFinished(() => gateway.close());
    const chatbotId = await createChatbot(gateway);
    proxy.disconnect();
    onTestFinished(() => proxy.restore());
    for (let round = 0; round < 2; round++) {
      const { status } = await gateway.graphql(SEND, { input: { chatbotId, content: 'Hello?' } });
      expect(status).toBe(503);
    }
    expect(await readyStatus(gateway)).toBe(503);
    expect(warningsOf(gateway)).toEqual([
      expect.objectContaining({ level: WARN, msg: 'the storage is unavailable; refusing what needs it' }),
    ]);
  });
});
