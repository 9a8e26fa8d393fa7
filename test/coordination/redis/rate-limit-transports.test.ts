import { describe, expect, it, onTestFinished } from 'vitest';
import { createManualClock } from '../../helpers/clock.ts';
import { startGateway } from '../../helpers/gateway.ts';
import { errorCodesOf, openSocket } from '../../helpers/sockets.ts';

/** Starts a gateway with a rate limit per minute, by default 60, and a clock that the test advances. */
async function openGateway(limit = 60) {
  const clock = createManualClock();
  // The test cannot advance the clock of a Redis.
  const env = { RATE_LIMIT_PER_MINUTE: String(limit), REDIS_URL: '' };
  const gateway = await startGateway({ env, overrides: { clock } });
  onTestFinished(() => gateway.close());
  return {
    ...gateway,
    gateway,
    advance: clock.advance,
    runQuery: (query = '{viewer{kind}}') => gateway.graphql(query),
  };
}

const rateLimitHeaders = ({ headers }: { headers: Headers }) => [
  headers.get('ratelimit-policy'),
  headers.get('ratelimit'),
];
const mutation = (fields: number) =>
  `mutation { ${Array.from({ length: fields }, (_, i) => `f${i}: deleteSource(input: { id: "${i}" }) { __typename }`).join(' ')} }`;

describe('the rate limit over HTTP', () => {
  it('allows exactly 60 of 180 concurrent requests', async () => {
    const { runQuery } = await openGateway();
    const answers = await Promise.all(Array.from({ length: 180 }, () => runQuery()));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(60);
    const refused = answers.filter(({ status }) => status === 429);
    expect(refused).toHaveLength(120);
    for (const answer of refused) expect(errorCodesOf(answer)).toEqual(['RATE_LIMITED']);
  });

  it('does not count rejected requests', async () => {
    const { runQuery, advance } = await openGateway(2);
    await runQuery();
    await runQuery();
    advance(59_999);
    for (let i = 0; i < 10; i++) expect((await runQuery()).status).toBe(429);
    advance(1);
    expect((await runQuery()).status).toBe(200);
    expect((await runQuery()).status).toBe(200);
    expect((await runQuery()).status).toBe(429);
  });

  it('reports the status of the key, and when to retry, in headers', async () => {
    const { runQuery, advance } = await openGateway(2);
    expect(rateLimitHeaders(await runQuery())).toEqual(['"burst";q=2;w=60', '"burst";r=1;t=60']);
    advance(1_500);
    expect(rateLimitHeaders(await runQuery())).toEqual(['"burst";q=2;w=60', '"burst";r=0;t=59']);
    advance(10_000);
    const refused = await runQuery();
    expect(rateLimitHeaders(refused)).toEqual(['"burst";q=2;w=60', '"burst";r=0;t=49']);
    expect(refused.headers.get('retry-after')).toBe('49');
    expect(refused.errors).toEqual([
      {
        message: 'API rate limit exceeded. Max 2 requests per minute.',
        extensions: { code: 'RATE_LIMITED', retryAfterMs: 48_500 },
      },
    ]);
  });

  it('reports the same status over GraphQL', async () => {
    const { runQuery, advance } = await openGateway();
    await runQuery();
    advance(10_000);
    const { data } = await runQuery('{viewer{rateLimit{limit remaining resetAt}}}');
    expect(data).toEqual({ viewer: { rateLimit: { limit: 60, remaining: 58, resetAt: '2026-03-15T10:31:00.000Z' } } });
  });

  it('counts a mutation once for each of its fields', async () => {
    const { runQuery } = await openGateway();
    const mutationResult = await runQuery(mutation(3));
    expect(mutationResult.errors).toBeUndefined();
    expect(rateLimitHeaders(mutationResult)[1]).toBe('"burst";r=57;t=60');
    expect(rateLimitHeaders(await runQuery())[1]).toBe('"burst";r=56;t=60');
  });

  it('rejects a mutation whose fields do not all fit in the limit, and runs none of them', async () => {
    const { runQuery, advance } = await openGateway(5);
    await runQuery();
    const refused = await runQuery(
      'mutation { a: createChatbot(input: { name: "A" }) { __typename } b: createChatbot(input: { name: "B" }) { __typename } c: createChatbot(input: { name: "C" }) { __typename } d: createChatbot(input: { name: "D" }) { __typename } e: createChatbot(input: { name: "E" }) { __typename } }',
    );
    expect(errorCodesOf(refused)).toEqual(['RATE_LIMITED']);
    expect(refused.status).toBe(429);
    expect(refused.headers.get('retry-after')).toBe('60');
    expect(rateLimitHeaders(refused)[1]).toBe('"burst";r=3;t=60');
    advance(60_000);
    expect((await runQuery('{chatbots{nodes{name}}}')).data).toEqual({ chatbots: { nodes: [] } });
  });

  it('rejects a mutation with more fields than the limit as too complex', async () => {
    const { runQuery } = await openGateway(3);
    expect(errorCodesOf(await runQuery(mutation(5)))).toEqual(['QUERY_TOO_COMPLEX']);
  });

  it('counts a query once regardless of its fields, and a REST request once', async () => {
    const { runQuery, fetch, key } = await openGateway();
    await runQuery('{a:viewer{kind} b:viewer{kind} c:viewer{kind} __schema{queryType{name}}}');
    const restResponse = await fetch('/v1/chatbots', { headers: { 'x-api-key': key } });
    expect(rateLimitHeaders(restResponse)).toEqual(['"burst";q=60;w=60', '"burst";r=58;t=60']);
  });

  it('counts each key separately', async () => {
    const { runQuery, graphql, createTenant } = await openGateway(1);
    await runQuery();
    expect((await runQuery()).status).toBe(429);
    expect((await graphql('{viewer{kind}}', {}, (await createTenant()).key)).status).toBe(200);
  });
});

describe('the rate limit over WebSocket', () => {
  it('rejects an operation above the limit with an error, and keeps the socket open', async () => {
    const { gateway, advance } = await openGateway(2);
    const socket = openSocket(gateway, { 'x-api-key': gateway.key });
    expect(errorCodesOf(await socket.execute('{viewer{kind}}'))).toEqual([]);
    expect(errorCodesOf(await socket.execute('subscription{messageStream(messageId:"1"){__typename}}'))).toEqual([
      'NOT_FOUND',
    ]);
    expect((await socket.execute('{viewer{kind}}')).errors).toEqual([
      {
        message: 'API rate limit exceeded. Max 2 requests per minute.',
        extensions: { code: 'RATE_LIMITED', retryAfterMs: 60_000 },
      },
    ]);
    advance(60_000);
    expect((await socket.execute('{viewer{kind}}')).data).toEqual({ viewer: { kind: 'API_KEY' } });
    socket.close();
  });

  it('is shared with HTTP', async () => {
    const { gateway, runQuery } = await openGateway(4);
    const socket = openSocket(gateway, { 'x-api-key': gateway.key });
    expect(errorCodesOf(await socket.execute(mutation(3)))).toEqual([]);
    expect((await runQuery()).status).toBe(200);
    expect((await runQuery()).status).toBe(429);
    expect(errorCodesOf(await socket.execute('{viewer{kind}}'))).toEqual(['RATE_LIMITED']);
    socket.close();
  });
});
