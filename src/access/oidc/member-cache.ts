import { coalesce } from '../../coordination/coalesce.ts';
import { createBoundedCache } from '../../domain/bounded-cache.ts';
import { createId } from '../../domain/ids.ts';
import type { Member } from '../../domain/sign-in/member.ts';
import { type Clock, toTimestamp } from '../../domain/time.ts';
import type { Database } from '../../store/database.ts';
import {
  type DescribedMember,
  describeMember,
  findMember,
  findMemberBySubject,
  findMembers,
  insertMember,
} from '../../store/members/members.ts';

/** A person as a token describes it. */
export type Description = Pick<DescribedMember, 'accountId' | 'issuer' | 'subject' | 'name' | 'email' | 'describedAt'>;

/**
 * The members who have used this process. A cached member is read again after 10 seconds, and when another process may
 * have changed it.
 */
export interface MemberCache {
  /** Finds or creates the member whom a token describes, and stores a new name or email of a later token. */
  enter(description: Description): Promise<Member>;
  /** Finds a member of an account. */
  find(accountId: string, id: string): Promise<Member | undefined>;
  /** Returns whether a member is known to be deactivated, without a read. */
  isKnownInactive(id: string): boolean;
  /** Reads every cached member again. */
  refresh(): Promise<void>;
}

interface CachedMember {
  readonly member: Member;
  readonly readAt: number;
}

const MAX_MEMBERS = 10_000;
const MAX_AGE_MS = 10_000;
/** The number of members that one query reads. */
const MAX_BATCH = 256;

/**
 * Creates the cache of one process.
 * @param onInactive called when a member is found to be deactivated.
 */
export function createMemberCache(
  { db, clock }: { readonly db: Database; readonly clock: Clock },
  onInactive: (memberId: string) => void,
): MemberCache {
  const members = createBoundedCache<CachedMember>(MAX_MEMBERS);
  let refreshCount = 0;

  /** Reads a member. Repeats a read that a refresh has overtaken, because it may be out of date. */
  async function cache<M extends Member | undefined>(read: () => Promise<M>): Promise<M> {
    let member: M;
    let countBefore: number;
    const readAt = clock.monotonicMs();
    do {
      countBefore = refreshCount;
      member = await read();
    } while (countBefore !== refreshCount);
    if (member === undefined) return member;
    save(member, readAt);
    return member;
  }

  function save(member: Member, readAt: number): void {
    const wasInactive = members.peek(member.id)?.member.isActive === false;
    members.set(member.id, { member, readAt });
    if (!member.isActive && !wasInactive) onInactive(member.id);
  }

  async function readAll(): Promise<void> {
    const readAt = clock.monotonicMs();
    const accounts = Map.groupBy(members.values(), ({ member }) => member.accountId);
    for (const [accountId, cached] of accounts) {
      const ids = cached.map(({ member }) => member.id);
      while (ids.length > 0) {
        for (const member of await findMembers(db.read, accountId, ids.splice(0, MAX_BATCH))) save(member, readAt);
      }
    }
  }

  // One at a time, so that none stores what it has read before the changes that the next one is for.
  const refreshAll = coalesce(readAll);

  return {
    async enter(description) {
      const { accountId, describedAt } = description;
      const known = await findMemberBySubject(db.read, accountId, description);
      const { name, email } = { name: description.name ?? known?.name, email: description.email ?? known?.email };
      const isCurrent = known !== undefined && known.name === name && known.email === email;
      if (!isCurrent && !(known && known.describedAt > describedAt)) {
        await db.transaction(async (trx) => {
          const fields = { ...description, name: name ?? null, email: email ?? null };
          if (known) return describeMember(trx, { ...known, ...fields });
          const createdAt = toTimestamp(clock.now());
          return insertMember(trx, { ...fields, id: createId('member'), isActive: true, createdAt });
        });
      }
      const member = await cache(() => findMemberBySubject(db.read, accountId, description));
      if (member === undefined) throw new Error('The member was not stored.');
      return member;
    },

    async find(accountId, id) {
      const cached = members.get(id);
      if (cached !== undefined && clock.monotonicMs() - cached.readAt < MAX_AGE_MS) return cached.member;
      return cache(() => findMember(db.read, accountId, id));
    },

    isKnownInactive: (id) => members.get(id)?.member.isActive === false,

    refresh() {
      refreshCount++;
      return refreshAll();
    },
  };
}
