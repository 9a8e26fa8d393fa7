import type { Channel } from '../entities.ts';
import type { Timestamp } from '../time.ts';

/**
 * A browser's or an app's credential, which speaks as one visitor to one chatbot. The token that a client presents is
 * short-lived; each renewal issues another one for the same `SessionToken`.
 */
export interface SessionToken {
  readonly id: string;
  readonly accountId: string;
  readonly chatbotId: string;
  readonly visitorId: string;
  /** The only origin whose pages may use the token; null for an app, whose requests need not have one. */
  readonly origin: string | null;
  /** The name of the operation manifest; null: that of the chatbot. */
  readonly operations: string | null;
  /** The channel of the conversations that the session starts. */
  readonly channel: Channel;
  readonly lifetimeSeconds: number;
  readonly createdAt: Timestamp;
  /** When the newest token expires. */
  readonly expiresAt: Timestamp;
  readonly revokedAt: Timestamp | null;
}

/** The renewal credential of a session: only hashes are stored. */
export interface Renewal {
  /** The number of renewals. */
  readonly number: number;
  readonly hash: string;
  /** The hash of the renewal token before the last renewal; null before the first. */
  readonly previousHash: string | null;
  /** When the session was last renewed, or created. */
  readonly renewedAt: Timestamp;
  readonly renewableUntil: Timestamp;
}

/** The limits of sessions. Each counts in any 60 seconds. */
export const SESSION_LIMITS = {
  /** Sessions that a network may start with a chatbot without a key. */
  createdPerNetwork: 30,
  /** Messages that a visitor may send: new ones, edited ones and requests for another reply. */
  sendsPerVisitor: 10,
} as const;

/** The maximum number of sockets of a visitor at one gateway. */
export const MAX_SOCKETS_PER_VISITOR = 20;
