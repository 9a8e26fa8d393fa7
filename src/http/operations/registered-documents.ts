import { LRUCache } from 'lru-cache';
import { createBoundedCache } from '../../domain/bounded-cache.ts';

/**
 * The documents that clients have registered by Apollo's protocol, in the memory of this process: a cache, whose least
 * recently used documents are forgotten. No account can displace the documents of another, unless very many register
 * some at the same time.
 */
export interface RegisteredDocuments {
  find(accountId: string, hash: string): string | undefined;
  register(accountId: string, hash: string, document: string): void;
}

const MAX_ACCOUNTS = 64;
const MAX_ACCOUNT_CHARS = 500_000;

/** Creates the registered documents of one process. */
export function createRegisteredDocuments(): RegisteredDocuments {
  const accounts = createBoundedCache<LRUCache<string, string>>(MAX_ACCOUNTS);
  return {
    find: (accountId, hash) => accounts.get(accountId)?.get(hash),
    register(accountId, hash, document) {
      const documents =
        accounts.get(accountId) ??
        new LRUCache<string, string>({
          maxSize: MAX_ACCOUNT_CHARS,
          sizeCalculation: (text, key) => text.length + key.length,
        });
      documents.set(hash, document);
      accounts.set(accountId, documents);
    },
  };
}
