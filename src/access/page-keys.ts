import type { Logger } from 'pino';
import { createBoundedCache } from '../domain/bounded-cache.ts';
import type { Clock } from '../domain/time.ts';
import type { Viewer } from './viewer.ts';

/** Notices API keys in web pages, where every visitor can read them. */
export interface PageKeys {
  /**
   * Logs that a page of another origin has sent an API key, once a day for each key.
   * @returns the warning for the client; undefined for a page of the gateway, another client and another credential.
   */
  check(
    viewer: Viewer,
    headers: { readonly origin?: string | undefined; readonly host?: string | undefined },
  ): string | undefined;
}

/** The value of a `Warning` header. Source: RFC 7234, section 5.5. */
const WARNING = '299 - "A web page has sent an API key, which all its visitors can read. Use a session token."';
const DAY_MS = 86_400_000;
const MAX_REMEMBERED_KEYS = 10_000;
const MAX_LOGGED_ORIGIN = 200;

/** Creates the check of one process. */
export function createPageKeys({ clock, logger }: { clock: Clock; logger: Logger }): PageKeys {
  const loggedAt = createBoundedCache<{ readonly ms: number }>(MAX_REMEMBERED_KEYS);
  return {
    check({ kind, apiKeyId }, { origin, host }) {
      if (kind !== 'API_KEY' || apiKeyId === null || origin === undefined) return undefined;
      if (URL.canParse(origin) && new URL(origin).host === host) return undefined;
      const now = clock.monotonicMs();
      const last = loggedAt.get(apiKeyId);
      if (last === undefined || now - last.ms >= DAY_MS) {
        loggedAt.set(apiKeyId, { ms: now });
        logger.warn({ apiKeyId, origin: origin.slice(0, MAX_LOGGED_ORIGIN) }, 'a web page has sent an API key');
      }
      return WARNING;
    },
  };
}
