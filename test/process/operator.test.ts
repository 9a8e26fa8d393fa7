import { once } from 'node:events';
import { get } from 'node:http';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createChatbot, send } from '../helpers/chatbots.ts';
import { type GatewayOptions, startGateway, type TestGateway } from '../helpers/gateway.ts';
import { webSocket } from '../helpers/streams.ts';

async function openGateway(options?: GatewayOptions): Promise<TestGateway> {
  const gateway = await startGateway(options);
  onTestFinished(() => gateway.close());
  return gateway;
}

const METRICS = [
  'chatgraph_http_request_seconds',
  'chatgraph_graphql_operation_seconds',
  'chatgraph_answers_total',
  'chatgraph_tokens_total',
  'chatgraph_price_usd_total',
  'chatgraph_first_delta_seconds',
  'chatgraph_rate_limited_total',
  'chatgraph_webhook_attempts_total',
  'chatgraph_webhook_seconds',
  'chatgraph_webhook_due',
  'chatgraph_pending_bytes',
  'chatgraph_cut_answers_total',
  'chatgraph_sockets',
  'chatgraph_subscriptions',
  'chatgraph_answers_under_way',
];

describe('the operator endpoints', () => {
  it('/health reports that the process runs', async () => {
    const response = await (await openGateway()).fetch('/health');
    expect([response.status, await response.json()]).toEqual([200, { status: 'ok' }]);
  });

  it('/ready reports that requests are accepted and the database responds', async () => {
    const gateway = await openGateway();
    const response = await gateway.fetch('/ready');
    expect([response.status, await response.json()]).toEqual([200, { status: 'ready' }]);
  });

  it('accept only GET and HEAD', async () => {
    const response = await (await openGateway()).fetch('/health', { method: 'POST' });
    expect([response.status, response.headers.get('allow'), await response.text()]).toEqual([
      405,
      'GET, HEAD',
      '{"detail":"Method not allowed"}',
    ]);
  });

  it('/ready responds with 503 when the database does not respond, and /health still with 200', async () => {
    const gateway = await openGateway();
    await gateway.deps.db.read.destroy();
    const response = await gateway.fetch('/ready');
    expect([response.status, await response.json()]).toEqual([503, { status: 'not ready' }]);
    expect((await gateway.fetch('/health')).status).toBe(200);
  });

  it('/metrics reports requests by route, operations by kind, and answers by engine', async () => {
    const gateway = await openGateway();
    const { replyId } = await send(gateway, { chatbotId: await createChatbot(gateway), content: 'Well?' });
    await webSocket.subscribe(gateway, { messageId: replyId }).ended;
    await gateway.fetch('/v1/chatbots/nonsense?private=yes', { headers: { 'x-api-key': gateway.key } });
    await gateway.fetch('/nowhere/at/all');
    await gateway.fetch('/health');

    const response = await gateway.fetch('/metrics');
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
    const text = await response.text();
    for (const name of METRICS) expect(text).toContain(`# HELP ${name} `);
    for (const route of ['graphql', 'rest', 'operator', 'other']) {
      expect(text).toMatch(new RegExp(`chatgraph_http_request_seconds_count\\{route="${route}",`));
    }
    expect(text).toMatch(/operation_seconds_count\{kind="mutation",transport="http",outcome="ok"\} [1-9]/);
    expect(text).toMatch(/operation_seconds_count\{kind="subscription",transport="websocket",outcome="ok"\} 1/);
    expect(text).toContain('chatgraph_answers_total{engine="builtin",status="COMPLETED"} 1');
    expect(text).toMatch(/chatgraph_tokens_total\{engine="builtin",kind="input"\} [1-9]/);
    expect(text).toMatch(/chatgraph_tokens_total\{engine="builtin",kind="output"\} [1-9]/);
    expect(text).toContain('chatgraph_price_usd_total{engine="builtin"} 0');
    expect(text).toContain('chatgraph_first_delta_seconds_count{engine="builtin"} 1');
    expect(text).toContain('chatgraph_answers_under_way 0');
    // Neither user input nor ids and keys become labels.
    for (const secret of ['nonsense', 'nowhere', 'private', gateway.accountId, gateway.key]) {
      expect(text).not.toContain(secret);
    }
  });

  it.each([
    { 'x-forwarded-for': '203.0.113.7' },
    { forwarded: 'for=203.0.113.7' },
    { 'x-forwarded-for': '127.0.0.1' },
    { via: '1.1 proxy' },
    { 'x-real-ip': '127.0.0.1' },
    { 'x-forwarded-server': 'proxy' },
    { 'x-original-forwarded-for': '127.0.0.1' },
    { 'x-client-ip': '127.0.0.1' },
    { 'true-client-ip': '127.0.0.1' },
    { 'cf-connecting-ip': '127.0.0.1' },
  ])('/metrics is forbidden to a request through a proxy: %j', async (headers) => {
    const response = await (await openGateway()).fetch('/metrics', { headers });
    expect([response.status, await response.json()]).toEqual([
      403,
      { detail: 'Metrics are open to this machine only.' },
    ]);
  });

  it('/metrics is forbidden to every client behind a trusted proxy, too', async () => {
    const gateway = await openGateway({ env: { TRUSTED_PROXIES: '127.0.0.1' } });
    const response = await gateway.fetch('/metrics', { headers: { 'x-forwarded-for': '127.0.0.1' } });
    expect(response.status).toBe(403);
  });

  it.each([
    ['127.0.0.1:4000', 200],
    ['localhost', 200],
    ['[::1]:4000', 200],
    ['evil.example', 403],
    ['localhost.evil.example', 403],
    ['127.0.0.1.evil.example', 403],
  ])('/metrics responds to the host %s with %d', async (host, status) => {
    const { port } = new URL((await openGateway()).url);
    const request = get({ port, path: '/metrics', headers: { host } });
    const [response] = await once(request, 'response');
    response.resume();
    expect(response.statusCode).toBe(status);
  });

  it.each([
    { authorization: undefined, status: 403 },
    { authorization: 'Bearer other', status: 403 },
    { authorization: 'Bearer metrics-secre', status: 403 },
    { authorization: 'Bearer metrics-secret', status: 200 },
  ])('with METRICS_TOKEN, /metrics responds to $authorization with $status', async ({ authorization, status }) => {
    const gateway = await openGateway({ env: { METRICS_TOKEN: 'metrics-secret' } });
    const headers = { 'x-forwarded-for': '203.0.113.7', ...(authorization && { authorization }) };
    expect((await gateway.fetch('/metrics', { headers })).status).toBe(status);
  });
});
