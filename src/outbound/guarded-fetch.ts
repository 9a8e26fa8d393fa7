import { isIP, type LookupFunction } from 'node:net';
import { Client, fetch, type RequestInit, type Response } from 'undici';
import { hostOf } from '../domain/network.ts';
import type { AddressRules } from './addresses.ts';
import { AddressRefusedError, checkUrl, NOT_PUBLIC, RedirectRefusedError, selectAddresses } from './guard.ts';
import { createResolve, type Resolve } from './resolve.ts';

const CONNECT_MS = 5_000;
/** How long a connection to one of several addresses may take before the next is tried. */
const ATTEMPT_MS = 1_000;

/**
 * Creates a `fetch` for addresses that clients specify. A call checks the URL, resolves its host name, checks every
 * resolved address, and connects to these only; the path, `Host` and the certificate's name are those of the URL. Each
 * call opens its own connection, which closes at the end of the response, when the caller cancels the response, or when
 * the call's signal aborts. Resolving and connecting may take 5 seconds each; the caller limits the remaining time. The
 * caller also limits how much of a body it reads, because a compressed body may expand to any size. Redirects are
 * refused.
 *
 * The calls take a URL, not a `Request`, and a body that undici supports. They reject with an `AddressRefusedError`, or
 * with an error of `fetch`. A name that does not resolve gives the same error as a name that resolves to an internal
 * address.
 */
export function createGuardedFetch(rules: AddressRules, resolve: Resolve = createResolve()): typeof globalThis.fetch {
  async function guardedFetch(input: string | URL, init: RequestInit = {}): Promise<Response> {
    const url = checkUrl(String(input), rules);
    const addresses = selectAddresses(url, await findAddresses(url, init.signal ?? undefined), rules);
    const client = openClient(url, addresses);
    try {
      const response = await fetch(url, { ...init, redirect: 'manual', dispatcher: client });
      if (response.status >= 300 && response.status < 400) {
        throw new RedirectRefusedError(response.status);
      }
      // The connection closes at the end of the response, or when it is cancelled.
      client.close(() => {});
      return response;
    } catch (error) {
      client.destroy(() => {});
      throw error;
    }
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
