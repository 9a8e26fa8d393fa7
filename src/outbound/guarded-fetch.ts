import { isIP, type LookupFunction } from 'node:net';
import { Client, type Dispatcher, fetch, type RequestInit, type Response } from 'undici';
import { hostOf, portOf } from '../domain/network.ts';
import { findProxy, type ProxyServer, type ProxySettings } from '../domain/proxies.ts';
import { type AddressRules, USUAL_PORTS } from './addresses.ts';
import { CONNECT_MS } from './connection-failure.ts';
import {
  AddressRefusedError,
  checkUrl,
  NOT_PUBLIC,
  PORT_RULE,
  RedirectRefusedError,
  selectAddresses,
} from './guard.ts';
import { isInternalName } from './names.ts';
import { findProxyError, openProxyAgent } from './proxy.ts';
import { createResolve, type Resolve } from './resolve.ts';

/** The time for a connection to one of several addresses before the next one is tried. */
const ATTEMPT_MS = 1_000;
/** The number of a name's addresses to which a proxy is asked to connect. */
const MAX_PROXY_ATTEMPTS = 3;

/**
 * Creates a `fetch` for addresses that clients specify. A call checks the URL, resolves its host name, checks every
 * resolved address, and connects to these only; the path, `Host` and the certificate's name are those of the URL. Each
 * call opens its own connection, which closes at the end of the response, when the caller cancels the response, or when
 * the call's signal aborts. Resolving and connecting may take 5 seconds each; the caller limits the remaining time. The
 * caller also limits how much of a body it reads, because a compressed body may expand to any size. Redirects are
 * refused.
 *
 * A proxy receives a checked address in place of the name, by `CONNECT` or in absolute form. With `resolvesNames` it
 * receives a public name, and nothing checks the address to which the proxy connects; internal names are always
 * checked.
 *
 * The calls take a URL, not a `Request`, and a body that can be sent again, such as a text. They reject with an
 * `AddressRefusedError`, a `ProxyError`, or an error of `fetch`. A name that does not resolve gives the same error as a
 * name that resolves to an internal address.
 */
export function createGuardedFetch(
  rules: AddressRules,
  resolve: Resolve = createResolve(),
  proxies: ProxySettings = {},
): typeof globalThis.fetch {
  async function guardedFetch(input: string | URL, init: RequestInit = {}): Promise<Response> {
    const url = checkUrl(String(input), rules);
    const proxy = findProxy(proxies, url);
    if (proxy !== undefined && proxies.resolvesNames && isPublicName(hostOf(url))) {
      if (!USUAL_PORTS.includes(portOf(url))) throw new AddressRefusedError(PORT_RULE);
      return await fetchThroughProxy(proxy, url, [hostOf(url)], init);
    }
    const addresses = selectAddresses(url, await findAddresses(url, init.signal ?? undefined), rules);
    if (proxy !== undefined) return await fetchThroughProxy(proxy, url, addresses, init);
    return await fetchOnce(openClient(url, addresses), url, init);
  }

  async function findAddresses(url: URL, signal: AbortSignal | undefined): Promise<readonly string[]> {
    const host = hostOf(url);
    if (isIP(host) !== 0) return [host];
    const limit = AbortSignal.timeout(CONNECT_MS);
    try {
      return await resolve(host, signal === undefined ? limit : AbortSignal.any([signal, limit]));
    } catch (cause) {
      signal?.throwIfAborted();
      // The same error as for an internal address: clients must not learn whether such a name exists.
      throw new AddressRefusedError(NOT_PUBLIC, { cause });
    }
  }

  return guardedFetch as unknown as typeof globalThis.fetch;
}

function isPublicName(host: string): boolean {
  return isIP(host) === 0 && !isInternalName(host);
}

/** Sends one request, and closes the dispatcher at the end of the response. */
async function fetchOnce(dispatcher: Dispatcher, url: URL, init: RequestInit): Promise<Response> {
  try {
    const response = await fetch(url, { ...init, redirect: 'manual', dispatcher });
    if (response.status >= 300 && response.status < 400) {
      throw new RedirectRefusedError(response.status);
    }
    // The connection closes at the end of the response, or when it is cancelled.
    dispatcher.close(() => {});
    return response;
  } catch (error) {
    dispatcher.destroy(() => {});
    throw error;
  }
}

/**
 * Sends a request to one of `hosts`, in place of the host of the URL, which remains in `Host` and in TLS. The next one
 * is tried only if the proxy has reported that it cannot connect to the previous one.
 */
async function fetchThroughProxy(
  proxy: ProxyServer,
  url: URL,
  hosts: readonly string[],
  init: RequestInit,
): Promise<Response> {
  const [host = '', ...otherHosts] = hosts.slice(0, MAX_PROXY_ATTEMPTS);
  try {
    return await fetchOnce(openProxiedClient(proxy, url, host), url, init);
  } catch (error) {
    const proxyError = findProxyError(error);
    if (proxyError === undefined) throw error;
    if (otherHosts.length === 0 || (proxyError.statusCode ?? 0) < 500) throw proxyError;
    return await fetchThroughProxy(proxy, url, otherHosts, init);
  }
}

/** Opens a dispatcher for one request through a proxy, to `host` in place of the host of the URL. */
function openProxiedClient(proxy: ProxyServer, url: URL, host: string): Dispatcher {
  const { origin } = Object.assign(new URL(url), { hostname: isIP(host) === 6 ? `[${host}]` : host });
  const name = hostOf(url);
  const agent = openProxyAgent(proxy, isIP(name) === 0 ? name : undefined, { pipelining: 0 });
  return agent.compose((dispatch) => (options, handler) => {
    const headers = { ...(options.headers as Record<string, string>), host: url.host };
    return dispatch({ ...options, origin, headers }, handler);
  });
}

/** Opens a client that sends one request to one server, whose addresses were resolved and checked. */
function openClient(url: URL, addresses: readonly string[]): Client {
  const lookupResult = addresses.map((address) => ({ address, family: isIP(address) }));
  const lookup = ((_name, _options, callback) => callback(null, lookupResult)) satisfies LookupFunction;
  return new Client(url.origin, {
    // Keeps no connection and no TLS session.
    pipelining: 0,
    allowH2: false,
    headersTimeout: 0,
    bodyTimeout: 0,
    connect: {
      lookup,
      timeout: CONNECT_MS,
      maxCachedSessions: 0,
      autoSelectFamily: true,
      autoSelectFamilyAttemptTimeout: ATTEMPT_MS,
    },
  });
}
