import type { Viewer } from '../access/viewer.ts';
import type { Deps } from '../deps.ts';
import { requireFound } from '../domain/errors.ts';
import { parseId } from '../domain/ids.ts';
import type { OperationManifest } from '../domain/operations.ts';
import { type Timestamp, toTimestamp } from '../domain/time.ts';
import { updateRetirement } from '../store/operations/manifests.ts';

/**
 * Sets when a version of a manifest retires, in place of an earlier date; a time in the past counts as now. From then on, its documents run only if
 * another version has them too. A version that retired 30 days ago is deleted at the next push, unless it is the newest.
 * @throws NotFoundError
 */
export async function retireOperations(
  deps: Pick<Deps, 'db' | 'clock' | 'operations'>,
  { accountId }: Pick<Viewer, 'accountId'>,
  input: { id: string; retiresAt: Timestamp },
): Promise<OperationManifest> {
  const id = requireFound('Manifest', parseId('operationManifest', input.id));
  const now = toTimestamp(deps.clock.now());
  const retiresAt = input.retiresAt < now ? now : input.retiresAt;
  const manifest = await deps.db.transaction((trx) => updateRetirement(trx, accountId, id, retiresAt));
  deps.operations.invalidate();
  return requireFound('Manifest', manifest);
}
