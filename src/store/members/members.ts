import { sql } from 'kysely';
import type { Member } from '../../domain/sign-in/member.ts';
import type { Timestamp } from '../../domain/time.ts';
import { type Page, padIds, prepareList } from '../pages.ts';
import type { Queryable } from '../tables.ts';
import type { MemberRow } from './rows.ts';

/** A person as the claims of a token describe it. */
export interface DescribedMember extends Member {
  readonly issuer: string;
  readonly subject: string;
  /** When the token was issued. */
  readonly describedAt: Timestamp;
}

/** Inserts a new member, unless the account has one with the same issuer and subject. */
export async function insertMember(trx: Queryable, member: DescribedMember): Promise<void> {
  await trx
    .insertInto('members')
    .values({
      id: member.id,
      account_id: member.accountId,
      issuer: member.issuer,
      subject: member.subject,
      name: member.name,
      email: member.email,
      described_at: member.describedAt,
      is_active: member.isActive ? 1 : 0,
      state_changes: 0,
      created_at: member.createdAt,
    })
    .onConflict((conflict) => conflict.columns(['account_id', 'issuer', 'subject']).doNothing())
    .execute();
}

/** Finds a member of the account by the issuer and the subject of a token. Uses `members_by_subject`. */
export async function findMemberBySubject(
  db: Queryable,
  accountId: string,
  { issuer, subject }: { issuer: string; subject: string },
): Promise<(Member & { describedAt: Timestamp }) | undefined> {
  const row = await db
    .selectFrom('members')
    .selectAll()
    .where('account_id', '=', accountId)
    .where('issuer', '=', issuer)
    .where('subject', '=', subject)
    .executeTakeFirst();
  return row && { ...toMember(row), describedAt: row.described_at };
}

/** Finds a member of the account. */
export async function findMember(db: Queryable, accountId: string, id: string): Promise<Member | undefined> {
  const [member] = await findMembers(db, accountId, [id]);
  return member;
}

/** Finds several members of the account, in no particular order. */
export async function findMembers(db: Queryable, accountId: string, ids: readonly string[]): Promise<Member[]> {
  const rows = await db
    .selectFrom('members')
    .selectAll()
    .where('id', 'in', padIds(ids))
    .where('account_id', '=', accountId)
    .execute();
  return rows.map(toMember);
}

/** The members of the account, the first to sign in first. Uses `members_by_account`. */
export async function listMembers(db: Queryable, accountId: string, page: Page): Promise<Member[]> {
  return (await LIST(db, [accountId], page)).map(toMember);
}

const LIST = prepareList('asc', (db) => db.selectFrom('members').selectAll().where('account_id', '=', ''));

/** The number of members of the account. */
export async function countMembers(db: Queryable, accountId: string): Promise<number> {
  const { count } = await db
    .selectFrom('members')
    .select((member) => member.fn.countAll<number>().as('count'))
    .where('account_id', '=', accountId)
    .executeTakeFirstOrThrow();
  return count;
}

/** Changes the name and the email of a member to those of a token, unless a later token has changed them. */
export async function describeMember(
  trx: Queryable,
  { id, accountId, name, email, describedAt }: Omit<DescribedMember, 'issuer' | 'subject'>,
): Promise<void> {
  await trx
    .updateTable('members')
    .set({ name, email, described_at: describedAt })
    .where('id', '=', id)
    .where('account_id', '=', accountId)
    .where('described_at', '<=', describedAt)
    .execute();
}

/** Deactivates or reactivates a member; a member in this state already does not change. */
export async function setMemberActive(trx: Queryable, accountId: string, id: string, isActive: boolean): Promise<void> {
  await trx
    .updateTable('members')
    .set((member) => ({ is_active: isActive ? 1 : 0, state_changes: member('state_changes', '+', 1) }))
    .where('id', '=', id)
    .where('account_id', '=', accountId)
    .where('is_active', '=', isActive ? 0 : 1)
    .execute();
}

/** Counts how often members of all accounts were deactivated and reactivated. Uses `members_changed`. */
export async function countMemberStateChanges(db: Queryable): Promise<number> {
  const { count } = await db
    .selectFrom('members')
    .select(sql<number | string | null>`sum(state_changes)`.as('count'))
    .where('state_changes', '>', 0)
    .executeTakeFirstOrThrow();
  return Number(count ?? 0);
}

function toMember(row: MemberRow): Member {
  return {
    id: row.id,
    accountId: row.account_id,
    name: row.name,
    email: row.email,
    isActive: row.is_active === 1,
    createdAt: row.created_at,
  };
}
