import type { Timestamp } from '../../domain/time.ts';

/** A row of members: a person who has signed in with a token of an issuer. */
export interface MemberRow {
  id: string;
  account_id: string;
  issuer: string;
  /** Identifies the person at the issuer. */
  subject: string;
  name: string | null;
  email: string | null;
  /** When the token was issued from which the name and the email are. */
  described_at: Timestamp;
  is_active: 0 | 1;
  /** The number of times that the member was deactivated or reactivated. */
  state_changes: number;
  created_at: Timestamp;
}
