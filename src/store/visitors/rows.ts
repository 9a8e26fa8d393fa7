import type { Generated } from 'kysely';
import type { Channel } from '../../domain/entities.ts';
import type { JsonText } from '../../domain/json.ts';
import type { Timestamp } from '../../domain/time.ts';

/** A row of visitors. */
export interface VisitorRow {
  id: string;
  account_id: string;
  chatbot_id: string;
  /** Unique within the chatbot. */
  external_id: string | null;
  name: string | null;
  email: string | null;
  custom_data: JsonText;
  is_blocked: Generated<0 | 1>;
  first_seen_at: Timestamp;
  last_seen_at: Timestamp;
}

/** A row of visitor_joins: an anonymous visitor, whose row is deleted, and the visitor as whom it was identified. */
export interface VisitorJoinRow {
  visitor_id: string;
  account_id: string;
  joined_id: string;
  at: Timestamp;
}

/** A row of address_blocks. */
export interface AddressBlockRow {
  account_id: string;
  network: string;
  until: Timestamp;
}

/** A row of session_tokens. Only the hashes of renewal tokens are stored. */
export interface SessionTokenRow {
  id: string;
  account_id: string;
  chatbot_id: string;
  visitor_id: string;
  origin: string | null;
  operations: string | null;
  channel: Channel;
  lifetime_seconds: number;
  /** The number of renewals. */
  renewal_number: number;
  renewal_hash: string;
  previous_renewal_hash: string | null;
  renewable_until: Timestamp;
  created_at: Timestamp;
  renewed_at: Timestamp;
  /** When the newest token of the session expires. */
  expires_at: Timestamp;
  revoked_at: Timestamp | null;
}

/** A row of identity_secrets: a sealed secret with which the account's servers sign identities. */
export interface IdentitySecretRow {
  id: string;
  account_id: string;
  chatbot_id: string;
  sealed: string;
  /** The last four characters of the secret. */
  ending: string;
  created_at: Timestamp;
}
