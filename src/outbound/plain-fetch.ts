import { Agent, fetch, type RequestInit } from 'undici';

const CONNECT_MS = 5_000;

/** A `fetch` with its own pool of connections. */
export interface PlainFetch {
  readonly fetch: typeof globalThis.fetch;
  /** Closes the open connections. */
  close(): Promise<void>;
}

/**
 * Opens a `fetch` for addresses that the operator configures: it checks nothing and reuses connections. Connecting may
 * take 5 seconds; the caller's signal limits the remaining time.
 */
export function openPlainFetch(): PlainFetch {
  const dispatcher = new Agent({
    connect: { timeout: CONNECT_MS },
    allowH2: false,
    headersTimeout: 0,
    bodyTimeout: 0,
  });
  const plainFetch = (input: string | URL, init?: RequestInit) => fetch(input, { ...init, dispatcher });
  return { fetch: plainFetch as unknown as typeof globalThis.fetch, close: () => dispatcher.destroy() };
}
