import type { ModelName } from '../domain/answering.ts';
import type { ProviderModel } from '../domain/entities.ts';
import type { FailureCode } from '../domain/failures.ts';
import type { Provider } from '../domain/providers.ts';
import type { Timestamp } from '../domain/time.ts';
import { lockAccount } from './accounts.ts';
import type { Queryable } from './tables.ts';

/** How many models of a provider are kept for an account: names are free, so there is no end to them. */
export const MAX_PROVIDER_MODELS = 50;

/** Writes how a call of a model ended; of too many models, those that were not used for longest are forgotten. */
export async function writeModelOutcome(
  trx: Queryable,
  accountId: string,
  { provider, model, failure, at }: ModelName & { model: string; failure: FailureCode | null; at: Timestamp },
): Promise<void> {
  const outcome = failure === null ? { worked_at: at, failure } : { failed_at: at, failure };
  const isKnown = await trx
    .updateTable('provider_models')
    .set(outcome)
    .where('account_id', '=', accountId)
    .where('provider', '=', provider)
    .where('model', '=', model)
    .executeTakeFirst();
  if (isKnown.numUpdatedRows > 0n) return;
  // Gone is where the account is, and one at a time forgets.
  await lockAccount(trx, accountId);
  const known = await listProviderModels(trx, accountId);
  const excess = known.filter((each) => each.provider === provider).slice(MAX_PROVIDER_MODELS - 1);
  for (const each of excess) await deleteModel(trx, accountId, each);
  await trx
    .insertInto('provider_models')
    .values({ account_id: accountId, provider, model, worked_at: null, failed_at: null, ...outcome })
    .onConflict((conflict) => conflict.columns(['account_id', 'provider', 'model']).doUpdateSet(outcome))
    .execute();
}

/** All models that the account has used, those used last first. */
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

/** Forgets all models of a provider: what they did says nothing of another access. */
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
