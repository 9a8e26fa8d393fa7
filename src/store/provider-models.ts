import type { ModelName } from '../domain/answering.ts';
import type { FailureCode } from '../domain/failures.ts';
import type { Provider, ProviderModel } from '../domain/providers.ts';
import type { Timestamp } from '../domain/time.ts';
import { lockAccount } from './accounts.ts';
import type { Queryable } from './tables.ts';

/** The maximum number of models stored per account and provider: names are free text, so there could be any number. */
export const MAX_PROVIDER_MODELS = 50;

/**
 * Records the outcome of a call of a model. Before a new model would exceed the maximum, deletes the least recently
 * used models of the provider.
 */
export async function writeModelOutcome(
  trx: Queryable,
  accountId: string,
  { provider, model, failure, at }: ModelName & { model: string; failure: FailureCode | null; at: Timestamp },
): Promise<void> {
  const outcome = failure === null ? { worked_at: at, failure } : { failed_at: at, failure };
  const result = await trx
    .updateTable('provider_models')
    .set(outcome)
    .where('account_id', '=', accountId)
    .where('provider', '=', provider)
    .where('model', '=', model)
    .executeTakeFirst();
  if (result.numUpdatedRows > 0n) return;
  // Without the lock, concurrent calls could insert more models than the maximum.
  await lockAccount(trx, accountId);
  const models = await listProviderModels(trx, accountId);
  const excess = models.filter((each) => each.provider === provider).slice(MAX_PROVIDER_MODELS - 1);
  for (const each of excess) await deleteModel(trx, accountId, each);
  await trx
    .insertInto('provider_models')
    .values({ account_id: accountId, provider, model, worked_at: null, failed_at: null, ...outcome })
    .onConflict((conflict) => conflict.columns(['account_id', 'provider', 'model']).doUpdateSet(outcome))
    .execute();
}

/** All models that the account has used, the most recently used first. */
export async function listProviderModels(db: Queryable, accountId: string): Promise<ProviderModel[]> {
  const rows = await db.selectFrom('provider_models').selectAll().where('account_id', '=', accountId).execute();
  return rows
    .map((row) => ({
      provider: row.provider,
      model: row.model,
      workedAt: row.worked_at,
      failedAt: row.failed_at,
      failure: row.failure as FailureCode | null,
    }))
    .sort((a, b) => (lastUseOf(a) < lastUseOf(b) ? 1 : -1));
}

/** Deletes the recorded models of a provider, because outcomes with an old key say nothing about a new one. */
export async function deleteProviderModels(trx: Queryable, accountId: string, provider: Provider): Promise<void> {
  await trx
    .deleteFrom('provider_models')
    .where('account_id', '=', accountId)
    .where('provider', '=', provider)
    .execute();
}

async function deleteModel(trx: Queryable, accountId: string, { provider, model }: ProviderModel): Promise<void> {
  await trx
    .deleteFrom('provider_models')
    .where('account_id', '=', accountId)
    .where('provider', '=', provider)
    .where('model', '=', model)
    .execute();
}

function lastUseOf({ workedAt, failedAt }: ProviderModel): string {
  return (workedAt ?? '') > (failedAt ?? '') ? (workedAt ?? '') : (failedAt ?? '');
}
