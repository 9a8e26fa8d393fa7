import type { Viewer } from '../access/viewer.ts';
import type { Deps } from '../deps.ts';
import { parseId } from '../domain/ids.ts';
import type { Visitor } from '../domain/visitors.ts';
import { updateVisitor } from '../store/visitors/visitors.ts';
import { getLockedVisitor } from './visitor-of-send.ts';

/** The visitor to block, or to unblock. */
export interface BlockVisitorInput {
  readonly id: string;
  /** Absent: true. */
  readonly isBlocked?: boolean | null | undefined;
}

/**
 * Blocks a visitor: no message of the visitor is accepted any more, from a server neither. Replies under way continue.
 * Blocking a blocked visitor changes nothing.
 * @throws NotFoundError
 */
export async function blockVisitor(
  deps: Pick<Deps, 'db'>,
  { accountId }: Pick<Viewer, 'accountId'>,
  { id, isBlocked }: BlockVisitorInput,
): Promise<Visitor> {
  return deps.db.transaction(async (trx) => {
    const visitor = await getLockedVisitor(trx, accountId, parseId('visitor', id));
    const changed = { ...visitor, isBlocked: isBlocked ?? true };
    await updateVisitor(trx, changed);
    return changed;
  });
}
