import { applyAccessChange } from '../access/session-tokens/apply-change.ts';
import type { Viewer } from '../access/viewer.ts';
import { InvalidInputError } from '../domain/errors.ts';
import { parseId } from '../domain/ids.ts';
import { isAddress, networkOf } from '../domain/network.ts';
import { toTimestamp } from '../domain/time.ts';
import type { Visitor } from '../domain/visitors/visitors.ts';
import {
  type AddressBlock,
  deleteAddressBlock,
  listAddressBlocks,
  saveAddressBlock,
} from '../store/visitors/access-state.ts';
import { revokeTokensOfVisitor } from '../store/visitors/session-tokens.ts';
import { updateVisitor } from '../store/visitors/visitors.ts';
import type { SessionDeps } from './sessions.ts';
import { getLockedVisitor } from './visitor-of-send.ts';

/** The visitor or the address to block, or to unblock: exactly one of `id` and `address`. */
export interface BlockVisitorInput {
  readonly id?: string | null | undefined;
  readonly address?: string | null | undefined;
  /** The end of the block of an address; at most 90 days ahead. */
  readonly until?: string | null | undefined;
  /** Absent: true. */
  readonly isBlocked?: boolean | null | undefined;
}

/** The result of blocking or unblocking: one of the two is null, and `addressBlock` also if a block was ended. */
export interface BlockedVisitor {
  readonly visitor: Visitor | null;
  readonly addressBlock: AddressBlock | null;
}

const MAX_BLOCK_MS = 90 * 24 * 60 * 60 * 1_000;
/** The maximum number of networks that an account blocks at the same time. */
export const MAX_ADDRESS_BLOCKS = 100;

/**
 * Blocks or unblocks a visitor, or the network of an address for a while. A blocked visitor can send no message, and its
 * sessions end; from a blocked network no session of the account works. In force on all gateways within 2 seconds.
 * Replies under way continue.
 * @throws NotFoundError, InvalidInputError
 */
export async function blockVisitor(
  deps: SessionDeps,
  viewer: Pick<Viewer, 'accountId'>,
  { id, address, until, isBlocked }: BlockVisitorInput,
): Promise<BlockedVisitor> {
  if (address != null && !isAddress(address)) throw createInputError(['address'], 'Must be an IP address.');
  if ((id == null) === (address == null)) throw createInputError([], 'Give exactly one of id and address.');
  const isWanted = isBlocked ?? true;
  const blocked =
    id != null
      ? { visitor: await setVisitorBlocked(deps, viewer.accountId, id, isWanted), addressBlock: null }
      : {
          visitor: null,
          addressBlock: await setAddressBlocked(deps, viewer.accountId, { address: address ?? '', until, isWanted }),
        };
  await applyAccessChange(deps);
  return blocked;
}

async function setVisitorBlocked(
  { db, clock }: SessionDeps,
  accountId: string,
  id: string,
  isBlocked: boolean,
): Promise<Visitor> {
  return db.transaction(async (trx) => {
    const visitor = await getLockedVisitor(trx, accountId, parseId('visitor', id));
    const changed = { ...visitor, isBlocked };
    await updateVisitor(trx, changed);
    if (isBlocked) await revokeTokensOfVisitor(trx, visitor, toTimestamp(clock.now()));
    return changed;
  });
}

async function setAddressBlocked(
  { db, clock }: SessionDeps,
  accountId: string,
  { address, until, isWanted }: { address: string; until: string | null | undefined; isWanted: boolean },
): Promise<AddressBlock | null> {
  const network = networkOf(address);
  const now = clock.now();
  return db.transaction(async (trx) => {
    if (!isWanted) {
      await deleteAddressBlock(trx, accountId, network);
      return null;
    }
    const endsAt = Date.parse(until ?? '');
    if (!(endsAt > now && endsAt <= now + MAX_BLOCK_MS)) {
      throw createInputError(['until'], 'Must be in the future, at most 90 days ahead.');
    }
    const blocks = await listAddressBlocks(trx, accountId, toTimestamp(now), MAX_ADDRESS_BLOCKS);
    if (blocks.length >= MAX_ADDRESS_BLOCKS && !blocks.some((block) => block.network === network)) {
      throw createInputError(['address'], `At most ${MAX_ADDRESS_BLOCKS} addresses can be blocked at the same time.`);
    }
    const block = { network, until: toTimestamp(endsAt) };
    await saveAddressBlock(trx, accountId, block.network, block.until);
    return block;
  });
}

const createInputError = (path: readonly string[], message: string) => new InvalidInputError([{ path, message }]);
