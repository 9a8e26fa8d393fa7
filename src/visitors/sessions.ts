import { z } from 'zod';
import { applyAccessChange } from '../access/session-tokens/apply-change.ts';
import { hashRenewalToken } from '../access/session-tokens/renewal-tokens.ts';
import { MAX_LIFETIME_SECONDS } from '../access/session-tokens/session-tokens.ts';
import type { Viewer } from '../access/viewer.ts';
import { allowedOriginsRule } from '../chatbots/allowed-origins.ts';
import type { Deps } from '../deps.ts';
import type { Channel } from '../domain/entities.ts';
import { InvalidInputError, requireFound, VisitorBlockedError } from '../domain/errors.ts';
import { createId, parseId } from '../domain/ids.ts';
import { parseInput } from '../domain/input.ts';
import { toTimestamp } from '../domain/time.ts';
import type { SessionToken } from '../domain/visitors/session-tokens.ts';
import type { Visitor } from '../domain/visitors/visitors.ts';
import { requireManifest } from '../operations/require-manifest.ts';
import { findChatbot } from '../store/chatbots.ts';
import type { Queryable } from '../store/tables.ts';
import { insertSessionToken, revokeStoredToken } from '../store/visitors/session-tokens.ts';
import { toDetails } from './visitor-details.ts';
import {
  createVisitor,
  recordSeen,
  saveIdentifiedVisitor,
  type VisitorInput,
  visitorRules,
} from './visitor-of-send.ts';

/** The dependencies of sessions. */
export type SessionDeps = Pick<Deps, 'db' | 'clock' | 'sessionTokens' | 'announcements'>;

/** A session with its token and the credential that renews it, which cannot be read again. */
export interface OpenedSession {
  readonly sessionToken: SessionToken;
  readonly token: string;
  readonly renewalToken: string;
}

/** A session that a server requests for one of its visitors. */
export interface CreateSessionTokenInput {
  readonly chatbotId: string;
  /** Absent: a new anonymous visitor. */
  readonly visitor?: VisitorInput | null | undefined;
  /** The only origin whose pages may use the token; absent: any. */
  readonly origin?: string | null | undefined;
  /** The name of the manifest; absent: any document, unless the chatbot is `persistedOnly`. */
  readonly operations?: string | null | undefined;
  /** The lifetime of each token of the session; absent: 10 minutes. */
  readonly expiresInSeconds?: number | null | undefined;
}

/** The lifetime of a token. */
export const LIFETIME_SECONDS = 600;
const MIN_LIFETIME_SECONDS = 60;
/** The time for which a session can be renewed after its last renewal. */
export const RENEWABLE_MS = 30 * 24 * 60 * 60 * 1_000;

const rules = z.object({
  visitor: visitorRules.optional(),
  origin: z.string().optional(),
  operations: z.string().optional(),
  expiresInSeconds: z
    .number()
    .int()
    .min(MIN_LIFETIME_SECONDS, `Must be at least ${MIN_LIFETIME_SECONDS}.`)
    .max(MAX_LIFETIME_SECONDS, `Must be at most ${MAX_LIFETIME_SECONDS}.`)
    .optional(),
});

/**
 * Opens a session for a visitor whom a server names.
 * @throws NotFoundError for the chatbot, InvalidInputError, VisitorBlockedError
 */
export async function createSessionToken(
  deps: SessionDeps,
  { accountId }: Pick<Viewer, 'accountId'>,
  input: CreateSessionTokenInput,
): Promise<OpenedSession> {
  const {
    visitor: named,
    origin = null,
    operations = null,
    expiresInSeconds = LIFETIME_SECONDS,
  } = parseInput(rules, { ...input });
  if (origin !== null && !allowedOriginsRule.safeParse([origin]).success) {
    throw new InvalidInputError([{ path: ['origin'], message: 'Must be an exact origin, without a path.' }]);
  }
  const chatbotId = requireFound('Chatbot', parseId('chatbot', input.chatbotId));
  requireFound('Chatbot', await findChatbot(deps.db.read, accountId, chatbotId));
  if (operations !== null) await requireManifest(deps.db.read, accountId, { path: 'operations', name: operations });
  const session = { origin, operations, channel: 'GRAPHQL', lifetimeSeconds: expiresInSeconds } as const;
  return openSession(deps, session, async (trx, now) => {
    const owner = { accountId, chatbotId };
    const { externalId, ...given } = named ?? {};
    const details = toDetails(given);
    if (externalId == null) return createVisitor(trx, owner, details, toTimestamp(now));
    return saveIdentifiedVisitor(trx, owner, { externalId, details }, toTimestamp(now));
  });
}

/** The properties of a new session. */
interface NewSession {
  readonly origin: string | null;
  /** The name of the manifest; null: see `findOperationsRule`. */
  readonly operations: string | null;
  readonly channel: Channel;
  readonly lifetimeSeconds: number;
}

/**
 * Opens a session for a visitor whom `resolve` finds or creates in the same transaction.
 * @throws VisitorBlockedError, and what `resolve` throws
 */
export async function openSession(
  deps: SessionDeps,
  { origin, operations, channel, lifetimeSeconds }: NewSession,
  resolve: (trx: Queryable, now: number) => Promise<Visitor>,
): Promise<OpenedSession> {
  const now = deps.clock.now();
  const id = createId('sessionToken');
  const [renewalToken = ''] = deps.sessionTokens.createRenewalTokens({ tokenId: id, number: 0 });
  const sessionToken = await deps.db.transaction(async (trx) => {
    const visitor = await resolve(trx, now);
    if (visitor.isBlocked) throw new VisitorBlockedError();
    await recordSeen(trx, visitor, now);
    const at = toTimestamp(now);
    const created: SessionToken = {
      id,
      ...{ accountId: visitor.accountId, chatbotId: visitor.chatbotId, visitorId: visitor.id },
      ...{ origin, operations, channel, lifetimeSeconds },
      createdAt: at,
      expiresAt: toTimestamp(now + lifetimeSeconds * 1_000),
      revokedAt: null,
    };
    const renewableUntil = toTimestamp(now + RENEWABLE_MS);
    const hash = hashRenewalToken(renewalToken);
    const renewal = { number: 0, hash, previousHash: null, renewedAt: at, renewableUntil };
    await insertSessionToken(trx, { sessionToken: created, renewal });
    return created;
  });
  return { sessionToken, token: await deps.sessionTokens.sign(sessionToken), renewalToken };
}

/**
 * Revokes a session: its tokens and its renewal. Revoking a revoked session changes nothing.
 * @throws NotFoundError
 */
export async function revokeSessionToken(
  deps: SessionDeps,
  { accountId }: Pick<Viewer, 'accountId'>,
  input: { readonly id: string },
): Promise<SessionToken> {
  const id = requireFound('Session token', parseId('sessionToken', input.id));
  const at = toTimestamp(deps.clock.now());
  const revoked = requireFound(
    'Session token',
    await deps.db.transaction((trx) => revokeStoredToken(trx, accountId, id, at)),
  );
  await applyAccessChange(deps);
  return revoked;
}
