import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { type ProxySettings, parseNoProxy, parseProxyUrl } from '../../src/domain/proxies.ts';
import { createAddressRules } from '../../src/outbound/addresses.ts';
import { AddressRefusedError } from '../../src/outbound/guard.ts';
import { createGuardedFetch } from '../../src/outbound/guarded-fetch.ts';
import { openPlainFetch } from '../../src/outbound/plain-fetch.ts';
import { ProxyError } from '../../src/outbound/proxy.ts';
import { findFreePort } from '../helpers/network.ts';
import { CERTIFICATE, trustCertificate } from '../helpers/outbound/certificate.ts';
import { startProxy, type TestProxy } from '../helpers/outbound/proxy.ts';

const ADDRESS = '93.184.216.34';
const rules = createAddressRules([]);
const CREDENTIALS = 'me@work:p%s/w€rd';
const BASIC = `Basic ${Buffer.from(CREDENTIALS).toString('base64')}`;

/** Settings with one proxy for both schemes. */
function settingsFor({ url }: Pick<TestProxy, 'url'>, others: Partial<ProxySettings> = {}): ProxySettings {
  const proxy = parseProxyUrl(
    url.replace('//', `//${encodeURIComponent('me@work')}:${encodeURIComponent('p%s/w€rd')}@`),
  );
  return { http: proxy, https: proxy, ...others };
}

/** Starts a server that `answer` describes, and a proxy that leads to it, whatever address a request names. */
async function startServers(scheme: 'http' | 'https', answer: RequestListener, options = {}) {
  const server = scheme === 'https' ? createTlsServer(CERTIFICATE, answer) : createServer(answer);
  server.on('tlsClientError', () => {});
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const proxy = await startProxy({ port, credentials: CREDENTIALS, ...options });
  return { port, proxy };
}

const echo: RequestListener = async (request, response) => {
  const pieces: Buffer[] = [];
  for await (const piece of request) pieces.push(piece);
  const { method, url, headers } = request;
  const credentials = headers['proxy-authorization'];
  response.end(
    JSON.stringify({ method, url, host: headers.host, credentials, body: Buffer.concat(pieces).toString() }),
  );
};

const post = { method: 'POST', body: '{"stream":true}' };

describe.each(['http', 'https'] as const)('a request of a client to an %s URL by a proxy', (scheme) => {
  const usualPort = scheme === 'https' ? 443 : 80;
  const url = `${scheme}://models.example.com/v1/chat?a=1`;

  it('reaches the checked address, and the server receives the name', async () => {
    trustCertificate();
    const { proxy } = await startServers(scheme, echo);
    const response = await createGuardedFetch(rules, async () => [ADDRESS], settingsFor(proxy))(url, post);
    const { body } = post;
    expect(await response.json()).toEqual({ method: 'POST', url: '/v1/chat?a=1', host: 'models.example.com', body });
    expect(proxy.received).toEqual([
      scheme === 'https'
        ? { method: 'CONNECT', target: `${ADDRESS}:443`, host: ADDRESS, authorization: BASIC }
        : {
            ...{ method: 'POST', target: `http://${ADDRESS}/v1/chat?a=1` },
            ...{ host: 'models.example.com', authorization: BASIC },
          },
    ]);
    await vi.waitFor(() => expect(proxy.openConnections).toBe(0));
  });

  it('names an IPv6 address and an unusual port that the operator allows', async () => {
    trustCertificate();
    const { proxy } = await startServers(scheme, echo);
    const guardedFetch = createGuardedFetch(
      createAddressRules(['fd12::/16']),
      async () => ['fd12::1'],
      settingsFor(proxy),
    );
    const response = await guardedFetch(`${scheme}://models.example.com:9000/`);
    expect(await response.json()).toMatchObject({ host: 'models.example.com:9000' });
    expect(proxy.received[0]?.target).toBe(scheme === 'https' ? '[fd12::1]:9000' : 'http://[fd12::1]:9000/');
  });

  it.each(['10.0.0.1', '127.0.0.1', '169.254.169.254'])('does not reach the proxy for %s', async (address) => {
    const { proxy } = await startServers(scheme, echo);
    for (const resolvesNames of [false, true]) {
      const settings = settingsFor(proxy, { resolvesNames });
      const guardedFetch = createGuardedFetch(rules, async () => [address], settings);
      await expect(guardedFetch(`${scheme}://${address}/`)).rejects.toThrow(AddressRefusedError);
      await expect(guardedFetch(`${scheme}://localhost/`)).rejects.toThrow(AddressRefusedError);
    }
    const guardedFetch = createGuardedFetch(rules, async () => [ADDRESS, address], settingsFor(proxy));
    await expect(guardedFetch(url)).rejects.toThrow(AddressRefusedError);
    expect(proxy.received).toEqual([]);
  });

  it('resolves and checks the name for every request', async () => {
    trustCertificate();
    const { proxy } = await startServers(scheme, echo);
    const answers = [[ADDRESS], ['127.0.0.1'], ['8.8.8.8']];
    const guardedFetch = createGuardedFetch(rules, async () => answers.shift() ?? [], settingsFor(proxy));
    await (await guardedFetch(url)).text();
    await expect(guardedFetch(url)).rejects.toThrow(AddressRefusedError);
    await (await guardedFetch(url)).text();
    expect(proxy.received.map(({ target }) => target)).toEqual([
      expect.stringContaining(ADDRESS),
      expect.stringContaining('8.8.8.8'),
    ]);
  });

  it('hands the name to a proxy that resolves names, unless the name is an inner one', async () => {
    trustCertificate();
    const { proxy } = await startServers(scheme, echo);
    const resolve = vi.fn(async () => ['10.1.2.3']);
    const settings = settingsFor(proxy, { resolvesNames: true });
    const guardedFetch = createGuardedFetch(createAddressRules(['10.0.0.0/8']), resolve, settings);
    expect(await (await guardedFetch(url)).json()).toMatchObject({ host: 'models.example.com' });
    expect(resolve).not.toHaveBeenCalled();
    await expect(guardedFetch(`${scheme}://models.example.com:9000/`)).rejects.toThrow('The port must be one of');
    await guardedFetch(`${scheme}://models.internal:9000/`).catch(() => {});
    expect(proxy.received.map(({ target }) => target.replace(/\/v1.*$/, ''))).toEqual(
      scheme === 'https'
        ? [`models.example.com:${usualPort}`, '10.1.2.3:9000']
        : ['http://models.example.com', 'http://10.1.2.3:9000/'],
    );
  });

  it('goes directly to a server that NO_PROXY lists', async () => {
    trustCertificate();
    const { port, proxy } = await startServers(scheme, echo);
    const settings = settingsFor(proxy, { isDirect: parseNoProxy('.example.com') });
    const guardedFetch = createGuardedFetch(createAddressRules(['127.0.0.1']), async () => ['127.0.0.1'], settings);
    const response = await guardedFetch(`${scheme}://models.example.com:${port}/`);
    expect(await response.json()).toMatchObject({ host: `models.example.com:${port}` });
    expect(proxy.received).toEqual([]);
  });

  it('streams the response, and closes the connection when the caller cancels it', async () => {
    trustCertificate();
    const { promise: isRead, resolve: resolveRead } = Promise.withResolvers<void>();
    const { proxy } = await startServers(scheme, async (_request, response) => {
      response.write('one');
      await isRead;
      response.write('two');
    });
    const response = await createGuardedFetch(rules, async () => [ADDRESS], settingsFor(proxy))(url);
    const pieces: string[] = [];
    for await (const piece of response.body ?? []) {
      pieces.push(new TextDecoder().decode(piece));
      resolveRead();
      if (pieces.length === 2) break;
    }
    expect(pieces).toEqual(['one', 'two']);
    await vi.waitFor(() => expect(proxy.openConnections).toBe(0));
  });

  it('refuses redirects, and ends when its signal aborts', async () => {
    trustCertificate();
    const caller = new AbortController();
    const { proxy } = await startServers(scheme, (request, response) => {
      if (request.url === '/redirect') response.writeHead(302, { location: 'http://127.0.0.1/' }).end();
      else caller.abort(new Error('Enough.'));
    });
    const guardedFetch = createGuardedFetch(rules, async () => [ADDRESS], settingsFor(proxy));
    await expect(guardedFetch(`${scheme}://models.example.com/redirect`)).rejects.toThrow(AddressRefusedError);
    await expect(guardedFetch(url, { signal: caller.signal })).rejects.toThrow('Enough.');
    await vi.waitFor(() => expect(proxy.openConnections).toBe(0));
  });

  it('uses a proxy that speaks TLS', async () => {
    const { proxy } = await startServers(scheme, echo, { isSecure: true });
    const guardedFetch = createGuardedFetch(rules, async () => [ADDRESS], settingsFor(proxy));
    const failure = guardedFetch(url, post);
    await expect(failure).rejects.toThrow(ProxyError);
    await expect(failure).rejects.toThrow('The proxy failed: its certificate is not valid.');
    trustCertificate();
    expect(await (await guardedFetch(url, post)).json()).toMatchObject({ host: 'models.example.com', body: post.body });
  });
});

describe.each(['http', 'https'] as const)('a proxy that fails for an %s URL', (scheme) => {
  const url = `${scheme}://models.example.com/v1`;
  const fetchers = (settings: ProxySettings) => {
    const plain = openPlainFetch(settings);
    onTestFinished(() => plain.close());
    return [createGuardedFetch(rules, async () => [ADDRESS], settings), plain.fetch];
  };

  async function expectFailure(settings: ProxySettings, message: string, statusCode: number | null) {
    for (const fetch of fetchers(settings)) {
      const error = await fetch(url, post).catch((thrown) => thrown);
      expect(error).toBeInstanceOf(ProxyError);
      expect([error.message, error.statusCode]).toEqual([message, statusCode]);
    }
  }

  it('is named in the error if it cannot be reached', async () => {
    const settings = settingsFor({ url: `http://127.0.0.1:${await findFreePort()}` });
    await expectFailure(settings, 'The proxy failed: refused the connection.', null);
    const unknown = settingsFor({ url: 'http://proxy.invalid:3128' });
    await expectFailure(unknown, 'The proxy failed: could not be reached.', null);
  });

  it('is named in the error if it requires other credentials', async () => {
    const proxy = await startProxy({ credentials: 'someone:else' });
    await expectFailure(settingsFor(proxy), 'The proxy requires a valid user name and password (407).', 407);
    await vi.waitFor(() => expect(proxy.received).toHaveLength(2));
  });
});

describe('a proxy that refuses CONNECT', () => {
  const url = 'https://models.example.com/v1';

  it.each([403, 405, 500, 502])('is named in the error with its status: %i', async (status) => {
    const proxy = await startProxy({ refuse: () => status });
    const settings = { https: parseProxyUrl(proxy.url) };
    const error = await createGuardedFetch(rules, async () => [ADDRESS], settings)(url).catch((thrown) => thrown);
    expect(error).toBeInstanceOf(ProxyError);
    expect([error.message, error.statusCode]).toEqual([`The proxy refused to connect: it answered ${status}.`, status]);
  });

  it('is asked for the next address only if it cannot reach the previous one, three times at most', async () => {
    trustCertificate();
    const addresses = ['8.8.4.4', ADDRESS, '8.8.8.8', '9.9.9.9'];
    const { proxy } = await startServers('https', echo, {
      credentials: undefined,
      refuse: ({ target }: { target: string }) => (target.startsWith(ADDRESS) ? undefined : 503),
    });
    const settings = { https: parseProxyUrl(proxy.url) };
    const response = await createGuardedFetch(rules, async () => addresses, settings)(url, post);
    expect(await response.json()).toMatchObject({ body: post.body });
    expect(proxy.received.map(({ target }) => target)).toEqual(['8.8.4.4:443', `${ADDRESS}:443`]);
    for (const [status, count] of [
      [403, 1],
      [503, 3],
    ]) {
      const refusing = await startProxy({ refuse: () => status });
      const refusingSettings = { https: parseProxyUrl(refusing.url) };
      await expect(createGuardedFetch(rules, async () => addresses, refusingSettings)(url)).rejects.toThrow(ProxyError);
      expect(refusing.received).toHaveLength(count ?? 0);
    }
  });
});

describe('a server behind a proxy', () => {
  it('must have a certificate for the name of the URL', async () => {
    trustCertificate();
    const { proxy } = await startServers('https', echo);
    const guardedFetch = createGuardedFetch(rules, async () => [ADDRESS], settingsFor(proxy));
    // The certificate is valid for the address, but not for this name.
    const error = await guardedFetch('https://other.example.com/').catch((thrown) => thrown);
    expect(error.cause).toMatchObject({ code: 'ERR_TLS_CERT_ALTNAME_INVALID' });
    expect(await (await guardedFetch(`https://${ADDRESS}/`)).json()).toMatchObject({ host: ADDRESS });
  });

  it.each(['http', 'https'] as const)(
    "gets the operator's %s requests by name, on connections that are reused",
    async (scheme) => {
      trustCertificate();
      const { proxy } = await startServers(scheme, echo);
      const plain = openPlainFetch(settingsFor(proxy));
      for (let i = 0; i < 10; i++) {
        const response = await plain.fetch(`${scheme}://models.example.com/v1`, post);
        expect(await response.json()).toMatchObject({ host: 'models.example.com', body: post.body });
      }
      const target = scheme === 'https' ? 'models.example.com:443' : 'http://models.example.com/v1';
      expect(new Set(proxy.received.map((request) => request.target))).toEqual(new Set([target]));
      expect(proxy.openConnections).toBeLessThan(10);
      await plain.close();
      await vi.waitFor(() => expect(proxy.openConnections).toBe(0));
    },
  );
});
