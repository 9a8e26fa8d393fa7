import type { Timestamp } from '../time.ts';

/** A person who signs in with tokens of an issuer. */
export interface Member {
  readonly id: string;
  readonly accountId: string;
  /** Null if the issuer tells none. */
  readonly name: string | null;
  readonly email: string | null;
  /** Whether the person may use the account. */
  readonly isActive: boolean;
  /** When the person first signed in. */
  readonly createdAt: Timestamp;
}

/** Returns the name under which a member acts and is assigned. */
export function nameOfMember({ name, email }: Pick<Member, 'name' | 'email'>): string {
  return name ?? email ?? 'Member';
}
