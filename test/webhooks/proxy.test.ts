import { expect, it, vi } from 'vitest';
import { findFreePort } from '../helpers/network.ts';
import { startProxy } from '../helpers/outbound/proxy.ts';
import { captureLeads, readDeliveries, startWebhookGateway } from '../helpers/webhooks/gateway.ts';
import { respond, startReceiver } from '../helpers/webhooks/receivers.ts';
import { subscribe } from '../helpers/webhooks/webhooks.ts';

it('deliveries go through the proxy, which the record names if it fails, or directly to the servers of NO_PROXY', async () => {
  const receiver = await startReceiver(respond(200, 'thanks'));
  const { port } = new URL(receiver.url);
  const proxy = await startProxy({
    credentials: 'me:p@ss',
    refuse: ({ target }) => (target.endsWith('/refused') ? 407 : undefined),
  });
  const away = `http://127.0.0.1:${await findFreePort()}`;
  const gateway = await startWebhookGateway({
    env: { http_proxy: proxy.url.replace('//', '//me:p%40ss@'), HTTPS_PROXY: away, NO_PROXY: 'localhost' },
  });
  const urls = [
    receiver.url,
    `http://127.0.0.1:${port}/refused`,
    'https://127.0.0.1/away',
    // A name of this machine, which only SSRF_ALLOW_CIDRS makes usable.
    `http://localhost:${port}/direct`,
  ];
  const subscriptions = await Promise.all(urls.map((url) => subscribe(gateway, { url })));
  await captureLeads(gateway);
  const attempts = await vi.waitFor(async () => {
    const deliveries = await Promise.all(subscriptions.map(({ id }) => readDeliveries(gateway, id)));
    const found = deliveries.map(([delivery]) => delivery?.attempts[0]);
    expect(found).not.toContain(undefined);
    return found;
  });
  expect(attempts).toMatchObject([
    { statusCode: 200, error: null, response: 'thanks' },
    {
      statusCode: null,
      error: 'could not be reached: The proxy requires a valid user name and password (407).',
      response: '',
    },
    { statusCode: null, error: 'could not be reached: The proxy failed: refused the connection.' },
    { statusCode: 200, error: null },
  ]);
  expect(receiver.received.map(({ path }) => path).toSorted()).toEqual(['/direct', '/hook']);
  expect(proxy.received.map(({ target }) => target).toSorted()).toEqual([receiver.url, urls[1]].toSorted());
});
