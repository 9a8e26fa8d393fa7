import { isIP, type LookupFunction } from 'node:net';
import { Client, fetch, type RequestInit, type Response } from 'undici';
import type { AddressRules } from './addresses.ts';
import { AddressRefusedError, checkUrl, hostOf, NOT_PUBLIC, portOf, RedirectRefusedError } from './guard.ts';
import { createResolve, type Resolve } from './resolve.ts';

const CONNECT_MS = 5_000;
/** How long one address of several may take before the next is tried. */
const ATTEMPT_MS = 1_000;

/**
 * Makes a `fetch` for addresses that somebody else than the operator names. A call checks the address, resolves its name,
 * checks all that this leads to, and connects to nothing else; what it asks for, `Host` and the name in the certificate are
 * as written. Each call has a connection of its own, which ends with the answer, when the caller cancels that, or when the
 * call's signal aborts: beside 5 seconds to find the server and 5 to connect, the caller sets the time, and how much it reads
 * of a body, which may unpack to any size. An answer that leads elsewhere is refused.
 *
 * The calls take a URL, not a `Request`, and a body that undici knows. They reject with an `AddressRefusedError`, or as
 * `fetch` does; where a name cannot be resolved that is the same error as where it leads to an inner address.
 */
export function createGuardedFetch(rules: AddressRules, resolve: Resolve = createResolve()): typeof globalThis.fetch {
  async function guardedFetch(input: string | URL, init: RequestInit = {}): Promise<Response> {
    const url = checkUrl(String(input), rules);
    const addresses = await findAddresses(url, init.signal ?? undefined);
    const isReachable = (address: string) => rules.mayReach(address, portOf(url));
    if (addresses.length === 0 || !addresses.every(isReachable)) throw new AddressRefusedError(NOT_PUBLIC);
    const client = openClient(url, addresses);
    try {
      const response = await fetch(url, { ...init, redirect: 'manual', dispatcher: client });
      if (response.status >= 300 && response.status < 400) {
        throw new RedirectRefusedError(response.status);
      }
      // It is closed when the answer is at its end, one way or another.
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
      // As for a name that leads to an inner address: whether there is such a name is not for others to know.
      throw new AddressRefusedError(NOT_PUBLIC, { cause });
    }
  }

  return guardedFetch as unknown as typeof globalThis.fetch;
}

/** Opens a client that sends one request to one server, whose addresses are known and checked. */
function openClient(url: URL, addresses: readonly string[]): Client {
  const found = addresses.map((address) => ({ address, family: isIP(address) }));
  const lookup = ((_name, _options, callback) => callback(null, found)) satisfies LookupFunction;
  return new Client(url.origin, {
    // Nothing is kept: not the connection, and no session of TLS.
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
