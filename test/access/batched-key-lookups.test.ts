import { expect, it, onTestFinished } from 'vitest';
import { issueApiKey } from '../../src/access/api-keys.ts';
import { createKeyLookups } from '../../src/access/batched-key-lookups.ts';
import { createKeyring } from '../../src/access/keyring.ts';
import { SCOPES } from '../../src/domain/entities.ts';
import { generateKey, hashKey } from '../../src/domain/key-form.ts';
import type { Queryable } from '../../src/store/tables.ts';
import { createManualClock } from '../helpers/clock.ts';
import { startGateway } from '../helpers/gateway.ts';

/** Opens a database that counts its queries, and how many of them run concurrently. */
async function openCountingDatabase() {
  const gateway = await startGateway();
  onTestFinished(() => gateway.close());
  const counts = { queries: 0, running: 0, mostRunning: 0 };
  const count = async <T>(run: () => Promise<T>) => {
    counts.queries++;
    counts.mostRunning = Math.max(counts.mostRunning, ++counts.running);
    // Other lookups arrive meanwhile, as with a separate database server.
    await new Promise(setImmediate);
    return run().finally(() => counts.running--);
  };
  const { read } = gateway.deps.db;
  const countingDb = read.withPlugin({
    transformQuery: ({ node }) => node,
    transformResult: ({ result }) => count(async () => result),
  }) as Queryable;
  return { gateway, counts, countingDb };
}

it('reads many keys with few queries, one at a time, and finds every key that exists', async () => {
  const { gateway, counts, countingDb } = await openCountingDatabase();
  const lookUp = createKeyLookups(countingDb);
  const hashes = Array.from({ length: 2_000 }, () => hashKey(generateKey()));
  const keys = await Promise.all([...hashes, hashKey(gateway.key), ...hashes].map(lookUp));
  expect(keys.filter((key) => key !== undefined).map(({ accountId }) => accountId)).toEqual([gateway.accountId]);
  expect(counts.mostRunning).toBe(1);
  expect(counts.queries).toBeLessThan(12);
});

it('looks up an unknown key again only after 10 seconds, or after a refresh', async () => {
  const { gateway, counts, countingDb } = await openCountingDatabase();
  const clock = createManualClock();
  const { accountId, deps } = gateway;
  const keyring = createKeyring({ ...deps.db, read: countingDb }, clock, deps.failures);
  onTestFinished(() => keyring.close());
  const secret = generateKey();
  const hash = hashKey(secret);
  for (let i = 0; i < 5; i++) expect(await keyring.find(hash)).toBeUndefined();
  expect(counts.queries).toBe(1);
  clock.advance(10_000);
  expect(await keyring.find(hash)).toBeUndefined();
  expect(counts.queries).toBe(2);
  await deps.db.transaction((trx) => issueApiKey(trx, clock.now(), accountId, { name: 'A', scopes: SCOPES, secret }));
  await keyring.refresh();
  expect((await keyring.find(hash))?.key.accountId).toBe(accountId);
});
