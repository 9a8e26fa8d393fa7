import type { ApiKey } from '../domain/entities.ts';
import { findApiKeyByHash, findApiKeysByHash } from '../store/api-keys.ts';
import type { Queryable } from '../store/tables.ts';

/**
 * Reads a key by the SHA-256 of its text, revoked keys included; sees everything committed before the call.
 * `keyring.ts` caches the result.
 */
export type LookUpKey = (hash: string) => Promise<ApiKey | undefined>;

const MAX_BATCH = 256;

/**
 * Creates a lookup that runs one query at a time. Each query reads up to 256 hashes that were requested during the
 * earlier queries, so clients that try many keys cause few queries. The lookup of a valid key waits only for the
 * batches before its own.
 */
export function createKeyLookups(db: Queryable): LookUpKey {
  const waiting = new Map<string, PromiseWithResolvers<ApiKey | undefined>>();
  let isRunning = false;

  async function readBatch(batch: readonly (readonly [string, PromiseWithResolvers<ApiKey | undefined>])[]) {
    try {
      const [[hash, lookup] = ['', undefined], ...others] = batch;
      if (others.length === 0) return lookup?.resolve(await findApiKeyByHash(db, hash));
      const hashes = batch.map(([each]) => each);
      const keys = await findApiKeysByHash(db, hashes);
      for (const [each, { resolve }] of batch) resolve(keys.get(each));
    } catch (error) {
      for (const [, { reject }] of batch) reject(error);
    }
  }

  async function run(): Promise<void> {
    isRunning = true;
    while (waiting.size > 0) {
      const batch = [...waiting.entries().take(MAX_BATCH)];
      for (const [hash] of batch) waiting.delete(hash);
      await readBatch(batch);
    }
    isRunning = false;
  }

  return (hash) => {
    const pending = waiting.get(hash);
    if (pending !== undefined) return pending.promise;
    const lookup = Promise.withResolvers<ApiKey | undefined>();
    waiting.set(hash, lookup);
    if (!isRunning) void run();
    return lookup.promise;
  };
}
