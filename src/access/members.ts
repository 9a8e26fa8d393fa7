import type { Announcements } from '../coordination/announcements.ts';
import { requireFound } from '../domain/errors.ts';
import { parseId } from '../domain/ids.ts';
import type { Member } from '../domain/sign-in/member.ts';
import type { Database } from '../store/database.ts';
import { findMember, setMemberActive } from '../store/members/members.ts';
import type { SignIn } from './oidc/sign-in.ts';
import type { Viewer } from './viewer.ts';

interface MemberDeps {
  readonly db: Database;
  readonly signIn: Pick<SignIn, 'refresh'>;
  readonly announcements: Pick<Announcements, 'announce'>;
}

/**
 * Deactivates a member of the viewer's account: requests with tokens of the member are refused, and sockets and streams
 * end, on all gateways. Conversations and messages keep the member. Deactivating a deactivated member changes nothing.
 * @throws NotFoundError
 */
export async function deactivateMember(deps: MemberDeps, viewer: Viewer, input: { id: string }): Promise<Member> {
  return setActive(deps, viewer, input.id, false);
}

/**
 * Lets a deactivated member sign in again. Reactivating an active member changes nothing.
 * @throws NotFoundError
 */
export async function reactivateMember(deps: MemberDeps, viewer: Viewer, input: { id: string }): Promise<Member> {
  return setActive(deps, viewer, input.id, true);
}

async function setActive(
  { db, signIn, announcements }: MemberDeps,
  { accountId }: Viewer,
  givenId: string,
  isActive: boolean,
): Promise<Member> {
  const id = requireFound('Member', parseId('member', givenId));
  const member = await db.transaction(async (trx) => {
    await setMemberActive(trx, accountId, id, isActive);
    return requireFound('Member', await findMember(trx, accountId, id));
  });
  announcements.announce('member', id);
  await signIn.refresh();
  return member;
}
