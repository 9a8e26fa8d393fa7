import type { Conversation } from '../domain/entities.ts';
import { InvalidInputError } from '../domain/errors.ts';
import { parseId } from '../domain/ids.ts';
import { singleLine } from '../domain/input.ts';
import { nameOfMember } from '../domain/sign-in/member.ts';
import { findMember } from '../store/members/members.ts';
import type { Queryable } from '../store/tables.ts';

/** A person to whom a conversation is assigned: the name in the systems of the account, or the id of a member. */
export const assigneeText = singleLine(1, 255);

type Assignment = Pick<Conversation, 'assignee' | 'assignedMemberId'>;

/**
 * Resolves the person that a client names. The id of a member assigns the member, under the present name.
 * @throws InvalidInputError for the id of a member who is unknown or deactivated.
 */
export async function resolveAssignee(db: Queryable, accountId: string, assignee: string | null): Promise<Assignment> {
  const memberId = assignee === null ? undefined : parseId('member', assignee);
  if (memberId === undefined) return { assignee, assignedMemberId: null };
  const member = await findMember(db, accountId, memberId);
  if (!member?.isActive) {
    throw new InvalidInputError([{ path: ['assignee'], message: 'There is no active member with this id.' }]);
  }
  return { assignee: nameOfMember(member), assignedMemberId: memberId };
}

/** Whether a conversation is assigned to a person, by name or by a member's id; null: to nobody. */
export function isAssigned(conversation: Assignment, assignee: string | null): boolean {
  const memberId = assignee === null ? undefined : parseId('member', assignee);
  return memberId === undefined ? conversation.assignee === assignee : conversation.assignedMemberId === memberId;
}
