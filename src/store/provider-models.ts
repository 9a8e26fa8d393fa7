import type { ModelName } from '../domain/answering.ts';
import type { ProviderModel } from '../domain/entities.ts';
import type { FailureCode } from '../domain/failures.ts';
import type { Provider } from '../domain/providers.ts';
import type { Timestamp } from '../domain/time.ts';
import { lockAccount } from './accounts.ts';
import type { Queryable } from './tables.ts';

/** The maximum number of models stored per account and provider: model names are free text. */
export const MAX_PROVIDER_MODELS = 50;

/** Records how a call of a model ended. Above the maximum, it deletes the least recently used models. */
export async function writeModelOutcome(
  trx: Queryable,
  accountId: string,
  { provider, model, failure, at }: ModelName & { model: string; failure: FailureCode | null; at: Timestamp },
): Promise<void> {
  const outcome = failure === null ? { worked_at: at, failure } : { failed_at: at, failure };
  const updated = await trx
    .updateTable('provider_models')
    .set(outcome)
    .where('account_id', '=', accountId)
    .where('provider', '=', provider)
    .where('model', '=', model)
    .executeTakeFirst();
  if (updated.numUpdatedRows > 0n) return;
  // Without the account there is nothing to record. The lock serializes the deletions of concurrent calls.
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

/** All models that the account has used, last used first. */
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
    .sort((one, other) => (lastUseOf(one) < lastUseOf(other) ? 1 : -1));
}

/** Deletes all models of a provider: their outcomes say nothing about a new key. */
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
