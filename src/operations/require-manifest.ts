import { InvalidInputError } from '../domain/errors.ts';
import { BUILT_IN_MANIFEST } from '../domain/operations.ts';
import { findNewestManifest } from '../store/operations/manifests.ts';
import type { Queryable } from '../store/tables.ts';

/**
 * Checks that an account has a manifest with a name; the built-in one belongs to all.
 * @param field the name, and the field of the input that contains it.
 * @throws InvalidInputError
 */
export async function requireManifest(
  db: Queryable,
  accountId: string,
  { path, name }: { readonly path: string; readonly name: string },
): Promise<void> {
  if (name === BUILT_IN_MANIFEST || (await findNewestManifest(db, accountId, name)) !== undefined) return;
  const message = 'The account has no manifest with this name. Push one first.';
  throw new InvalidInputError([{ path: [path], message }]);
}
