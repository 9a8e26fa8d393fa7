import { z } from 'zod';
import type { Viewer } from '../access/viewer.ts';
import type { Deps } from '../deps.ts';
import { parseId } from '../domain/ids.ts';
import { emailText, metadataObject, omitUndefined, parseChanges, resettable, singleLine } from '../domain/input.ts';
import { toJson } from '../domain/json.ts';
import type { Visitor } from '../domain/visitors/visitors.ts';
import { updateVisitor as updateStoredVisitor } from '../store/visitors/visitors.ts';
import type { VisitorDetailsInput } from './visitor-details.ts';
import { getLockedVisitor } from './visitor-of-send.ts';

const rules = z.object({
  name: resettable(singleLine(1, 255), null),
  email: resettable(emailText, null),
  customData: resettable(metadataObject, toJson({})),
});

/**
 * Changes the details of a visitor. An absent field is kept, null clears it.
 * @throws NotFoundError, InvalidInputError
 */
export async function updateVisitor(
  deps: Pick<Deps, 'db'>,
  { accountId }: Pick<Viewer, 'accountId'>,
  { id, ...details }: VisitorDetailsInput & { readonly id: string },
): Promise<Visitor> {
  const changes = omitUndefined(parseChanges(rules, details));
  return deps.db.transaction(async (trx) => {
    const visitor = await getLockedVisitor(trx, accountId, parseId('visitor', id));
    const changed = { ...visitor, ...changes };
    await updateStoredVisitor(trx, changed);
    return changed;
  });
}
