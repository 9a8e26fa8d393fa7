import type { ApiKey, Channel } from '../domain/entities.ts';
import { createId } from '../domain/ids.ts';
import { type Clock, toTimestamp } from '../domain/time.ts';
import { generateKey, hashKey, PREFIX_LENGTH } from './key-form.ts';

/** The key of a page, in the form in which the keyring holds every key. */
export interface PageKey {
  readonly key: ApiKey;
  /** Never aborts: the key ends with the process. */
  readonly revoked: AbortSignal;
  readonly channel: Channel;
}

/**
 * The keys that the gateway's own chat pages use: one for each account, made when it is first asked for, known to this
 * process only and gone with it. They are not stored, and do not count among the keys that an account may have.
 */
export interface PageKeys {
  /** The text of the account's page key, to be given to nobody but a page of this gateway. */
  lend(accountId: string): string;
  /** Finds a page key by its hash. */
  find(hash: string): PageKey | undefined;
}

/** Makes the page keys of one process. */
export function createPageKeys(clock: Clock): PageKeys {
  const secrets = new Map<string, string>();
  const keys = new Map<string, PageKey>();
  return {
    lend(accountId) {
      const known = secrets.get(accountId);
      if (known !== undefined) return known;
      const secret = generateKey();
      secrets.set(accountId, secret);
      keys.set(hashKey(secret), {
        key: {
          id: createId('apiKey'),
          accountId,
          name: 'Chat page',
          prefix: secret.slice(0, PREFIX_LENGTH),
          scopes: ['READ', 'CHAT'],
          createdAt: toTimestamp(clock.now()),
          lastUsedAt: null,
          revokedAt: null,
        },
        revoked: new AbortController().signal,
        channel: 'CHAT_PAGE',
      });
      return secret;
    },
    find: (hash) => keys.get(hash),
  };
}
