import type { JWTHeaderParameters } from 'jose';
import type { Logger } from 'pino';
import { createIssuerKeys, type IssuerKeys } from '../access/oidc/issuer-keys.ts';
import { fetchKeySet } from '../access/oidc/read-key-set.ts';
import { createBoundedCache } from '../domain/bounded-cache.ts';
import type { Chatbot } from '../domain/entities.ts';
import type { Clock } from '../domain/time.ts';

/** The public keys with which servers sign the identities of visitors, by chatbot. */
export interface IdentityKeys {
  /**
   * Finds the key of a chatbot that has signed an identity. See `IssuerKeys` for when the keys are read again.
   * @throws UnauthenticatedError for an unknown key; IssuerUnavailableError if the keys cannot be read.
   */
  find(chatbot: Chatbot, jwksUrl: string, header: JWTHeaderParameters): Promise<CryptoKey>;
}

/** The number of chatbots whose keys a process remembers. */
const MAX_CACHED = 1_000;

/** Creates the keys of one process. @param deps.fetch a `fetch` for addresses that clients specify. */
export function createIdentityKeys({
  fetch,
  clock,
  logger,
}: {
  readonly fetch: typeof globalThis.fetch;
  readonly clock: Pick<Clock, 'monotonicMs'>;
  readonly logger: Pick<Logger, 'warn' | 'info'>;
}): IdentityKeys {
  // Chatbots share no keys, so that the reads which one of them causes never delay another one's.
  const cache = createBoundedCache<IssuerKeys>(MAX_CACHED);
  return {
    find({ id }, jwksUrl, header) {
      const cacheKey = `${id} ${jwksUrl}`;
      let keys = cache.get(cacheKey);
      if (keys === undefined) {
        keys = createIssuerKeys(jwksUrl, { read: () => fetchKeySet(fetch, jwksUrl), clock, logger });
        cache.set(cacheKey, keys);
      }
      return keys.find(header);
    },
  };
}
