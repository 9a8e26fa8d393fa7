import { issueApiKey } from './access/api-keys.ts';
import { seedDemo } from './demo.ts';
import type { Deps } from './deps.ts';
import { SCOPES } from './domain/entities.ts';
import { createId } from './domain/ids.ts';
import { toTimestamp } from './domain/time.ts';
import { hasAccounts, insertAccount } from './store/accounts.ts';

/**
 * On an empty database, creates the first account with its first API key, and the demo chatbot unless the settings
 * disable it.
 * @returns the text of the key, which cannot be read again; undefined if an account already existed.
 */
export async function prepareFirstStart(
  deps: Pick<Deps, 'db' | 'clock' | 'engines' | 'config' | 'sourceReader' | 'providerAccess'>,
): Promise<string | undefined> {
  const now = deps.clock.now();
  const account = { id: createId('account'), name: 'Default', createdAt: toTimestamp(now) };
  const { bootstrapApiKey, seedsDemo } = deps.config;
  const created = await deps.db.transaction(async (trx) => {
    if (await hasAccounts(trx)) return undefined;
    await insertAccount(trx, account);
    return issueApiKey(trx, now, account.id, {
      name: 'First key',
      scopes: SCOPES,
      ...(bootstrapApiKey === undefined ? {} : { secret: bootstrapApiKey }),
    });
  });
  if (created === undefined) return undefined;
  if (seedsDemo) await seedDemo(deps, account.id);
  return created.secret;
}
