import { Agent, type Dispatcher, fetch, type RequestInit } from 'undici';
import { findProxy, type ProxyServer, type ProxySettings } from '../domain/proxies.ts';
import { CONNECT_MS } from './connection-failure.ts';
import { findProxyError, openProxyAgent } from './proxy.ts';

/** A `fetch` with its own pool of connections. */
export interface PlainFetch {
  readonly fetch: typeof globalThis.fetch;
  /** Closes the open connections. */
  close(): Promise<void>;
}

/**
 * Opens a `fetch` for addresses that the operator configures: it checks nothing and reuses connections. Connecting may
 * take 5 seconds; the caller's signal limits the remaining time. A proxy receives the host name, because there is no
 * address to check; the calls reject with a `ProxyError` if it fails.
 */
export function openPlainFetch(proxies: ProxySettings = {}): PlainFetch {
  const direct = new Agent({ connect: { timeout: CONNECT_MS }, allowH2: false, headersTimeout: 0, bodyTimeout: 0 });
  const agents = new Map<ProxyServer, Dispatcher>();
  for (const proxy of [proxies.http, proxies.https]) {
    if (proxy !== undefined) agents.set(proxy, openProxyAgent(proxy, undefined, {}));
  }

  async function plainFetch(input: string | URL, init?: RequestInit) {
    const proxy = findProxy(proxies, new URL(input));
    const dispatcher = proxy && agents.get(proxy);
    if (dispatcher === undefined) return await fetch(input, { ...init, dispatcher: direct });
    try {
      return await fetch(input, { ...init, dispatcher });
    } catch (error) {
      throw findProxyError(error) ?? error;
    }
  }

  return {
    fetch: plainFetch as unknown as typeof globalThis.fetch,
    async close() {
      await Promise.all([direct, ...agents.values()].map((dispatcher) => dispatcher.destroy()));
    },
  };
}
