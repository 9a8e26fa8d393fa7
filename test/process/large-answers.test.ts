import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { issueApiKey } from '../../src/access/api-keys.ts';
import { createId } from '../../src/domain/ids.ts';
import { toTimestamp } from '../../src/domain/time.ts';
import { insertAccount } from '../../src/store/accounts.ts';
import { openDatabase } from '../../src/store/database.ts';
import { requestGraphQL } from '../helpers/gateway.ts';
import { insertLargeConversation, LARGE_METADATA } from '../helpers/large-conversation.ts';
import { createDataDir, startGatewayProcess, startProgram } from '../helpers/process.ts';
import { errorCodesOf } from '../helpers/sockets.ts';

const HEAP_MB = 256;
const QUERIES = 120;

/** Starts a gateway with a small heap, two read-only keys, and a conversation whose messages have 16 kB of metadata. */
async function startSmallGateway(isCompiled: boolean) {
  const dir = await createDataDir();
  const url = `sqlite:${join(dir, 'chatgraph.db')}`;
  const db = await openDatabase({ url, role: 'gateway' });
  const accountId = createId('account');
  const [key, otherKey] = await db.transaction(async (trx) => {
    await insertAccount(trx, { id: accountId, name: 'Large', createdAt: toTimestamp(Date.now()) });
    const issue = async () =>
      (await issueApiKey(trx, Date.now(), accountId, { name: 'Reader', scopes: ['READ'] })).secret;
    return [await issue(), await issue()] as const;
  });
  const ids = await insertLargeConversation(db, accountId, {
    messages: 95,
    content: 'y'.repeat(8_000),
    metadata: LARGE_METADATA,
  });
  await db.close();
  const gateway = await startGatewayProcess({
    env: {
      DATABASE_URL: url,
      DATA_DIR: dir,
      SEED_DEMO: 'false',
      GRAPHQL_JIT: String(isCompiled),
      RATE_LIMIT_PER_MINUTE: '1000',
      NODE_OPTIONS: `--max-old-space-size=${HEAP_MB}`,
    },
  });
  return { gateway, key, otherKey, ...ids };
}

const repeat = (times: number, text: (index: number) => string) =>
  Array.from({ length: times }, (_, i) => text(i)).join(' ');

describe.each([true, false])(`a gateway with a heap of ${HEAP_MB} MB (compiled operations: %s)`, (isCompiled) => {
  it('rejects queries whose responses would exhaust the heap, and stays up', async () => {
    const { gateway, key, conversationId } = await startSmallGateway(isCompiled);
    const ids = (times: number) => Array.from({ length: times }, () => conversationId);
    const messages = (times: number, first: number, fields: string) =>
      `{nodes(ids:${JSON.stringify(ids(times))}){...on Conversation{messages(first:${first}){nodes{${fields}}}}}}`;
    const queries = [
      messages(
        48,
        95,
        repeat(29, (i) => `a${i}:metadata`),
      ),
      messages(99, 95, 'id content metadata'),
      messages(
        10,
        30,
        repeat(29, (i) => `a${i}:metadata`),
      ),
      messages(99, 95, 'id'),
      messages(50, 95, 'conversation{lastMessage{metadata}}'),
      `{${repeat(20, (i) => `a${i}:conversation(id:"${conversationId}"){messages(first:95){nodes{content metadata}}}`)}}`,
      `query($ids:[ID!]!){nodes(ids:$ids){...on Conversation{messages(first:95){nodes{siblings{content metadata}}}}}}`,
    ];
    for (const query of queries) {
      // Queries are compiled from their third use on.
      for (let use = 0; use < 4; use++) {
        const answer = await requestGraphQL({ url: gateway.url, key }, query, { ids: ids(2) });
        expect(errorCodesOf(answer)).toEqual(['QUERY_TOO_COMPLEX']);
        expect(answer.data ?? null).toBeNull();
      }
      expect((await fetch(`${gateway.url}/health`)).status).toBe(200);
    }
    const small = await requestGraphQL({ url: gateway.url, key }, messages(3, 95, 'content metadata'));
    expect(small.errors).toBeUndefined();
  });
});

it(`executes ${QUERIES} concurrent large queries, and meanwhile serves /health and other keys`, async () => {
  const { gateway, key, otherKey, conversationId } = await startSmallGateway(true);
  const query = `{conversation(id:"${conversationId}"){messages(first:95){nodes{content metadata}}}}`;
  // The client runs in its own process, so that only the gateway is measured.
  const load = startProgram({
    script: 'test/process/large-queries.ts',
    args: [gateway.url, key, query, String(QUERIES)],
  });
  const startedAt = performance.now();
  let hasEnded = false;
  void load.exited.then(() => {
    hasEnded = true;
  });
  const waitsMs: number[] = [];
  while (!hasEnded) {
    const healthAt = performance.now();
    expect((await fetch(`${gateway.url}/health`)).status).toBe(200);
    const smallAt = performance.now();
    const small = await requestGraphQL({ url: gateway.url, key: otherKey }, '{ viewer { apiKey { id } } }');
    expect(errorCodesOf(small)).toEqual([]);
    waitsMs.push(smallAt - healthAt, performance.now() - smallAt);
  }
  expect(await load.exited).toBe(0);
  // All large queries together take the elapsed time. Without fair scheduling, a request would wait for most of them.
  expect(Math.max(...waitsMs)).toBeLessThan((performance.now() - startedAt) / 4);
  expect(Number(/smallest: (\d+)/.exec(load.stdout)?.[1])).toBeGreaterThan(2_000_000);
  expect(gateway.stderr).not.toMatch(/heap|fatal/i);
});
