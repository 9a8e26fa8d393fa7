import { describe, expect, it, onTestFinished } from 'vitest';
import { createManualClock } from '../../helpers/clock.ts';
import { startGateway } from '../../helpers/gateway.ts';
import { codesOf, openSocket } from '../../helpers/sockets.ts';

/** A gateway that allows 60 requests a minute, with a clock that the test moves. */
async function openGateway(limit = 60) {
  const clock = createManualClock();
  // The test cannot move the clock of a Redis.
  const env = { RATE_LIMIT_PER_MINUTE: String(limit), REDIS_URL: '' };
  const gateway = await startGateway({ env, replaced: { clock } });
  onTestFinished(() => gateway.close());
  return { ...gateway, gateway, turn: clock.turn, ask: (query = '{viewer{kind}}') => gateway.graphql(query) };
}

const rateLimitHeaders = ({ headers }: { headers: Headers }) => [
  headers.get('ratelimit-policy'),
  headers.get('ratelimit'),
];
const mutation = (fields: number) =>
  `mutation { ${Array.from({ length: fields }, (_, i) => `f${i}: deleteSource(input: { id: "${i}" }) { __typename }`).join(' ')} }`;

describe('the rate limit over HTTP', () => {
  it('allows exactly 60 of 180 concurrent requests', async () => {
    const { ask } = await openGateway();
    const answers = await Promise.all(Array.from({ length: 180 }, () => ask()));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(60);
    const refused = answers.filter(({ status }) => status === 429);
    expect(refused).toHaveLength(120);
    for (const answer of refused) expect(codesOf(answer)).toEqual(['RATE_LIMITED']);
  });

  it('counts no refused requests', async () => {
    const { ask, turn } = await openGateway(2);
    await ask();
    await ask();
    turn(59_999);
    for (let i = 0; i < 10; i++) expect((await ask()).status).toBe(429);
    turn(1);
    expect((await ask()).status).toBe(200);
    expect((await ask()).status).toBe(200);
    expect((await ask()).status).toBe(429);
  });

  it('reports the status of the key, and when to retry, in headers', async () => {
    const { ask, turn } = await openGateway(2);
    expect(rateLimitHeaders(await ask())).toEqual(['"burst";q=2;w=60', '"burst";r=1;t=60']);
    turn(1_500);
    expect(rateLimitHeaders(await ask())).toEqual(['"burst";q=2;w=60', '"burst";r=0;t=59']);
    turn(10_000);
    const refused = await ask();
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
    const { ask, turn } = await openGateway();
    await ask();
    turn(10_000);
    const { data } = await ask('{viewer{rateLimit{limit remaining resetAt}}}');
    expect(data).toEqual({ viewer: { rateLimit: { limit: 60, remaining: 58, resetAt: '2026-03-15T10:31:00.000Z' } } });
  });

  it('counts a mutation once for each of its fields', async () => {
    const { ask } = await openGateway();
    const changed = await ask(mutation(3));
    expect(changed.errors).toBeUndefined();
    expect(rateLimitHeaders(changed)[1]).toBe('"burst";r=57;t=60');
    expect(rateLimitHeaders(await ask())[1]).toBe('"burst";r=56;t=60');
  });

  it('rejects a mutation whose fields do not all fit in the limit, and runs none of them', async () => {
    const { ask, turn } = await openGateway(5);
    await ask();
    const refused = await ask(
      'mutation { a: createChatbot(input: { name: "A" }) { __typename } b: createChatbot(input: { name: "B" }) { __typename } c: createChatbot(input: { name: "C" }) { __typename } d: createChatbot(input: { name: "D" }) { __typename } e: createChatbot(input: { name: "E" }) { __typename } }',
    );
    expect(codesOf(refused)).toEqual(['RATE_LIMITED']);
    expect(refused.status).toBe(429);
    expect(refused.headers.get('retry-after')).toBe('60');
    expect(rateLimitHeaders(refused)[1]).toBe('"burst";r=3;t=60');
    turn(60_000);
    expect((await ask('{chatbots{nodes{name}}}')).data).toEqual({ chatbots: { nodes: [] } });
  });

  it('rejects a mutation with more fields than the limit as too complex', async () => {
    const { ask } = await openGateway(3);
    expect(codesOf(await ask(mutation(5)))).toEqual(['QUERY_TOO_COMPLEX']);
  });

  it('counts a query once, whatever the number of its fields, and REST like GraphQL', async () => {
    const { ask, fetch, key } = await openGateway();
    await ask('{a:viewer{kind} b:viewer{kind} c:viewer{kind} __schema{queryType{name}}}');
    const restResponse = await fetch('/v1/chatbots', { headers: { 'x-api-key': key } });
    expect(rateLimitHeaders(restResponse)).toEqual(['"burst";q=60;w=60', '"burst";r=58;t=60']);
  });

  it('counts each key separately', async () => {
    const { ask, graphql, createTenant } = await openGateway(1);
    await ask();
    expect((await ask()).status).toBe(429);
    expect((await graphql('{viewer{kind}}', {}, (await createTenant()).key)).status).toBe(200);
  });
});

describe('the rate limit over WebSocket', () => {
  it('rejects an operation above the limit with an error, and keeps the socket open', async () => {
    const { gateway, turn } = await openGateway(2);
    const socket = openSocket(gateway, { 'x-api-key': gateway.key });
    expect(codesOf(await socket.ask('{viewer{kind}}'))).toEqual([]);
    expect(codesOf(await socket.ask('subscription{messageStream(messageId:"1"){__typename}}'))).toEqual(['NOT_FOUND']);
    expect((await socket.ask('{viewer{kind}}')).errors).toEqual([
      {
        message: 'API rate limit exceeded. Max 2 requests per minute.',
        extensions: { code: 'RATE_LIMITED', retryAfterMs: 60_000 },
      },
    ]);
    turn(60_000);
    expect((await socket.ask('{viewer{kind}}')).data).toEqual({ viewer: { kind: 'API_KEY' } });
    socket.close();
  });

  it('counts together with HTTP', async () => {
    const { gateway, ask } = await openGateway(4);
    const socket = openSocket(gateway, { 'x-api-key': gateway.key });
    expect(codesOf(await socket.ask(mutation(3)))).toEqual([]);
    expect((await ask()).status).toBe(200);
    expect((await ask()).status).toBe(429);
    expect(codesOf(await socket.ask('{viewer{kind}}'))).toEqual(['RATE_LIMITED']);
    socket.close();
  });
});
