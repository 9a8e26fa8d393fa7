import { createId } from '../../../src/domain/ids.ts';
import type { Member } from '../../../src/domain/sign-in/member.ts';
import { toTimestamp } from '../../../src/domain/time.ts';
import { insertMember } from '../../../src/store/members/members.ts';
import type { TestGateway } from '../gateway.ts';

/** Stores a member of the gateway's account who has signed in before. */
export async function createMember(
  { accountId, deps }: Pick<TestGateway, 'accountId' | 'deps'>,
  { name = 'Ada', email = 'ada@example.com' }: Partial<Pick<Member, 'name' | 'email'>> = {},
): Promise<Member> {
  const at = toTimestamp(deps.clock.now());
  const id = createId('member');
  const member = { id, accountId, name, email, isActive: true, createdAt: at };
  await deps.db.transaction((trx) =>
    insertMember(trx, { ...member, issuer: 'https://login.example.com', subject: id, describedAt: at }),
  );
  return member;
}
