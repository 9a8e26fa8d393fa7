import type { JsonText } from '../json.ts';
import type { ListOrder, ListOrders } from '../ordered-list.ts';
import type { Timestamp } from '../time.ts';

/** A person who talks to a chatbot. A visitor of one chatbot is not known to another. */
export interface Visitor {
  readonly id: string;
  readonly accountId: string;
  readonly chatbotId: string;
  /**
   * The id in the account's own systems, unique within the chatbot; null for an anonymous visitor. Only a server of the
   * account sets it, by an API key or a signed identity.
   */
  readonly externalId: string | null;
  readonly name: string | null;
  readonly email: string | null;
  readonly customData: JsonText;
  readonly isBlocked: boolean;
  readonly firstSeenAt: Timestamp;
  /** When the visitor last wrote, or last started or renewed a session; accurate to a minute. */
  readonly lastSeenAt: Timestamp;
}

/** The details of a visitor; absent fields are not known. */
export interface VisitorDetails {
  readonly name?: string | undefined;
  readonly email?: string | undefined;
  readonly customData?: JsonText | undefined;
}

/** Selects visitors of a chatbot. */
export interface VisitorFilter {
  /** The external id, the name or the email address contains this text. The case of the letters A to Z is ignored. */
  readonly query?: string | undefined;
}

/** The order of lists of visitors: the newest come first. */
export const VISITOR_ORDER: ListOrder<'CREATED_AT'> = { field: 'CREATED_AT', direction: 'DESC' };

/** The orders of lists of visitors. */
export const VISITOR_ORDERS: ListOrders<Visitor, 'CREATED_AT'> = { kind: 'visitor', values: { CREATED_AT: null } };

/** The settings by which the visitors of a chatbot are identified. */
export interface IdentityRules {
  /** Whether a session without a key needs a signed identity. */
  readonly isRequired: boolean;
  /** The address of the public keys that sign identities; null: only the identity secret signs. */
  readonly jwksUrl: string | null;
}
