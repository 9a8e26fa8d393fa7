import { createServer } from 'node:net';
import { Webhook } from 'standardwebhooks';
import { describe, expect, it, vi } from 'vitest';
import { readConfig } from '../../src/config.ts';
import { createId } from '../../src/domain/ids.ts';
import { parseProxyUrl } from '../../src/domain/proxies.ts';
import { systemClock, toTimestamp } from '../../src/domain/time.ts';
import { createLogger } from '../../src/logger.ts';
import { createAddressRules } from '../../src/outbound/addresses.ts';
import { NOT_PUBLIC } from '../../src/outbound/guard.ts';
import { createGuardedFetch } from '../../src/outbound/guarded-fetch.ts';
import { createResolve } from '../../src/outbound/resolve.ts';
import { createSealer } from '../../src/secrets.ts';
import { sendDelivery } from '../../src/webhooks/deliver.ts';
import { createSecret } from '../../src/webhooks/secret.ts';
import { findFreePort } from '../helpers/network.ts';
import { startProxy } from '../helpers/outbound/proxy.ts';
import { createEndpoint, type EndpointOptions, WEBHOOK_ENV } from '../helpers/webhooks/gateway.ts';
import { drip, dripHead, flood, hang, reset, respond, startReceiver } from '../helpers/webhooks/receivers.ts';

const sealer = createSealer(readConfig(WEBHOOK_ENV), createLogger('silent'));
const rules = createAddressRules(['127.0.0.1']);
const deps = { clock: systemClock, sealer, fetch: createGuardedFetch(rules) };
const body = '{"event":"lead.captured","data":{"name":"Åse 😀"}}';

/** Starts one attempt to send a delivery to an endpoint. */
function startAttempt(url: string, options: Partial<EndpointOptions> = {}, fetch = deps.fetch) {
  const endpoint = createEndpoint(deps, { accountId: createId('account'), url, ...options });
  const { id: subscriptionId, accountId } = endpoint.subscription;
  const at = toTimestamp(systemClock.now());
  const delivery = {
    id: createId('webhookDelivery'),
    eventId: createId('webhookEvent'),
    ...{ accountId, subscriptionId, body, bodyProblem: null, attemptCount: 0, nextAttemptAt: at, createdAt: at },
    name: 'LEAD_CAPTURED' as const,
    status: 'PENDING' as const,
  };
  const claimed = { delivery, body, endpoint, nodeId: 'node', crashes: 0 };
  return { delivery, outcome: sendDelivery({ ...deps, fetch }, claimed) };
}

const NO_RESPONSE = { statusCode: null, response: '', retryAfterMs: null, isPermanent: false };

describe('an attempt', () => {
  it("posts the body with its signatures and the endpoint's custom headers", async () => {
    const receiver = await startReceiver(respond(204));
    const secret = createSecret();
    const { delivery, outcome } = startAttempt(receiver.url, {
      secret,
      headers: { Authorization: 'Bearer theirs', 'Webhook-Id': 'no' },
    });
    expect(await outcome).toMatchObject({ statusCode: 204, error: null, response: '', retryAfterMs: null });
    const [received] = receiver.received;
    expect(received?.body).toBe(body);
    expect(received?.headers).toMatchObject({
      authorization: 'Bearer theirs',
      'content-type': 'application/json',
      'webhook-id': delivery.eventId,
      'x-insitechat-signature': expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    new Webhook(secret).verify(body, received?.headers as Record<string, string>);
    await vi.waitFor(() => expect(receiver.openConnections).toBe(0));
  });

  it('also signs with the previous secret until that secret expires', async () => {
    const receiver = await startReceiver();
    const [secret, oldSecret] = [createSecret(), createSecret()];
    await startAttempt(receiver.url, { secret, oldSecret }).outcome;
    await startAttempt(receiver.url, { secret, oldSecret, sealed: { oldSecretUntil: toTimestamp(Date.now() - 1) } })
      .outcome;
    const [during, after] = receiver.received.map(({ headers }) => headers as Record<string, string>);
    for (const signingSecret of [secret, oldSecret]) new Webhook(signingSecret).verify(body, during ?? {});
    expect(() => new Webhook(oldSecret).verify(body, after ?? {})).toThrow();
  });

  it('reaches a name of this machine in an allowed range', async () => {
    const receiver = await startReceiver();
    const { outcome } = startAttempt(receiver.url.replace('127.0.0.1', 'localhost'));
    expect(await outcome).toMatchObject({ statusCode: 200, error: null });
    expect(receiver.received[0]?.headers.host).toMatch(/^localhost:/);
  });

  it.each([200, 201, 299])('succeeds with status %i', async (status) => {
    const receiver = await startReceiver(respond(status, 'thanks'));
    expect(await startAttempt(receiver.url).outcome).toMatchObject({
      statusCode: status,
      error: null,
      response: 'thanks',
    });
  });

  it.each([400, 404, 410, 429, 500, 503])('fails with status %i', async (status) => {
    const receiver = await startReceiver(respond(status, 'no'));
    const error = `answered ${status}`;
    expect(await startAttempt(receiver.url).outcome).toMatchObject({ statusCode: status, error, response: 'no' });
  });

  it.each([301, 307, 308])('does not follow a redirect with status %i', async (status) => {
    const other = await startReceiver();
    const receiver = await startReceiver(respond(status, '', { location: other.url }));
    const outcome = await startAttempt(receiver.url).outcome;
    expect(outcome).toMatchObject({ statusCode: status, error: 'redirects to another address' });
    expect(other.received).toEqual([]);
    await vi.waitFor(() => expect(receiver.openConnections).toBe(0));
  });

  it('reads Retry-After in seconds or as a date', async () => {
    const seconds = await startReceiver(respond(429, '', { 'retry-after': '90' }));
    expect(await startAttempt(seconds.url).outcome).toMatchObject({ retryAfterMs: 90_000 });
    const date = await startReceiver(respond(503, '', { 'retry-after': new Date(Date.now() + 60_000).toUTCString() }));
    const { retryAfterMs } = await startAttempt(date.url).outcome;
    expect(retryAfterMs).toBeGreaterThan(55_000);
    expect(retryAfterMs).toBeLessThanOrEqual(60_000);
    const nonsense = await startReceiver(respond(503, '', { 'retry-after': 'soon' }));
    expect(await startAttempt(nonsense.url).outcome).toMatchObject({ retryAfterMs: null });
  });

  it('stores the first kilobyte of the response, without terminal control characters', async () => {
    const text = `\u001b[31mred\0\r\n${'å'.repeat(5_000)}`;
    const receiver = await startReceiver(respond(500, text));
    const { response } = await startAttempt(receiver.url).outcome;
    expect(response).toMatch(/^\ufffd\[31mred\ufffd\n\u00e5+$/);
    expect(Buffer.byteLength(response)).toBeLessThanOrEqual(1_030);
    expect(response.length).toBeGreaterThan(500);
  });
});

describe('an attempt at a misbehaving receiver', () => {
  it('ends after 10 seconds if the receiver does not respond or does not complete its status line, after 5 if a proxy does not', async () => {
    const receivers = [await startReceiver(hang), await startReceiver(dripHead)];
    const proxy = await startProxy({ hangs: true });
    const proxied = createGuardedFetch(rules, createResolve(), { https: parseProxyUrl(proxy.url) });
    const [ofProxy, ...outcomes] = await Promise.all([
      startAttempt('https://127.0.0.1/', {}, proxied).outcome,
      ...receivers.map(({ url }) => startAttempt(url).outcome),
    ]);
    const error = 'could not be reached: The proxy took longer than 5 seconds to connect.';
    expect(ofProxy).toMatchObject({ ...NO_RESPONSE, error });
    expect(ofProxy?.durationMs).toBeLessThan(7_000);
    await vi.waitFor(() => expect(proxy.openConnections).toBe(0));
    for (const outcome of outcomes) {
      expect(outcome).toMatchObject({ ...NO_RESPONSE, error: 'took longer than 10 seconds' });
      expect(outcome.durationMs).toBeGreaterThan(9_500);
      expect(outcome.durationMs).toBeLessThan(11_500);
    }
    await vi.waitFor(() => expect(receivers.map(({ openConnections }) => openConnections)).toEqual([0, 0]));
  });

  it.each([
    [200, null],
    [500, 'answered 500'],
  ])(
    'uses the status %i of a receiver that sends its response slowly, and closes the connection',
    async (status, error) => {
      const receiver = await startReceiver(drip(status));
      const startedAt = performance.now();
      const outcome = await startAttempt(receiver.url).outcome;
      expect(outcome).toMatchObject({ statusCode: status, error, response: expect.stringMatching(/^\.+$/) });
      expect(outcome.durationMs).toBeLessThan(1_000);
      expect(performance.now() - startedAt).toBeLessThan(5_000);
      await vi.waitFor(() => expect(receiver.openConnections).toBe(0));
    },
  );

  it.each([200, 500])('reads only a few kilobytes of a gigabyte response with status %i', async (status) => {
    const receiver = await startReceiver(flood(status));
    const outcome = await startAttempt(receiver.url).outcome;
    expect(outcome).toMatchObject({ statusCode: status, response: 'x'.repeat(1_024) });
    await vi.waitFor(() => expect(receiver.openConnections).toBe(0));
  });

  it('fails if the receiver resets the connection', async () => {
    const receiver = await startReceiver(reset);
    expect(await startAttempt(receiver.url).outcome).toMatchObject({
      ...NO_RESPONSE,
      error: 'closed the connection before it answered',
    });
  });

  it('fails if nothing listens on the port', async () => {
    const url = `http://127.0.0.1:${await findFreePort()}/`;
    expect(await startAttempt(url).outcome).toMatchObject({ ...NO_RESPONSE, error: 'refused the connection' });
  });

  it('fails if the receiver does not speak HTTP', async () => {
    const server = createServer((socket) => void socket.once('data', () => socket.end('SSH-2.0\r\n')));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    const outcome = await startAttempt(`http://127.0.0.1:${port}/`).outcome;
    server.close();
    expect(outcome).toMatchObject({ ...NO_RESPONSE, error: 'answered with something other than HTTP' });
  });

  it('fails if the receiver does not speak TLS on an https URL', async () => {
    const receiver = await startReceiver();
    const outcome = await startAttempt(receiver.url.replace('http:', 'https:')).outcome;
    expect(outcome).toMatchObject({ ...NO_RESPONSE, error: 'does not speak TLS' });
  });
});

const rejectLookup = (code: string) =>
  Promise.reject(new AggregateError([Object.assign(new Error(`queryA ${code}`), { code })]));

describe('an attempt without a usable address or secret', () => {
  it.each<[string, () => Promise<string[]>]>([
    ['resolves to a private address', async () => ['10.0.0.1']],
    ['resolves to private and public addresses', async () => ['93.184.215.14', '::1']],
    ['does not exist', () => rejectLookup('ENOTFOUND')],
    ['has no addresses', () => rejectLookup('ENODATA')],
    ['causes a failure of the name servers', () => rejectLookup('ESERVFAIL')],
    ['is rejected by the name servers', () => rejectLookup('EREFUSED')],
    ['is not resolved in time', () => rejectLookup('ETIMEOUT')],
    ['resolves to an empty list', async () => []],
  ])('fails with the same error if the host name of the endpoint %s', async (_name, resolve) => {
    const { outcome } = startAttempt('http://hooks.example.com/', {}, createGuardedFetch(rules, resolve));
    const { durationMs, ...result } = await outcome;
    const error = `its address is refused: ${NOT_PUBLIC}`;
    expect(result).toEqual({ ...NO_RESPONSE, error, retryAfterMs: null, isPermanent: false });
  });

  it('fails permanently if the secret cannot be unsealed', async () => {
    const receiver = await startReceiver();
    const { outcome } = startAttempt(receiver.url, { sealed: { sealedSecret: 'v1.00000000.AAAA' } });
    expect(await outcome).toMatchObject({
      statusCode: null,
      isPermanent: true,
      error: expect.stringMatching(/secret/),
    });
    expect(receiver.received).toEqual([]);
  });
});
