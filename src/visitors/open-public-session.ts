import { z } from 'zod';
import type { RequestSource } from '../access/session-tokens/session-tokens.ts';
import type { Deps } from '../deps.ts';
import type { Channel } from '../domain/entities.ts';
import {
  ChatbotPausedError,
  OriginNotAllowedError,
  RateLimitedError,
  requireFound,
  VisitorBlockedError,
} from '../domain/errors.ts';
import { parseInput } from '../domain/input.ts';
import { networkOf } from '../domain/network.ts';
import { BUILT_IN_MANIFEST } from '../domain/operations.ts';
import { toTimestamp } from '../domain/time.ts';
import { SESSION_LIMITS } from '../domain/visitors/session-tokens.ts';
import { findPublicChatbot, type PublicChatbot } from '../store/visitors/public-chatbots.ts';
import { createIdentityError, type IdentityDeps, verifyIdentity } from './identity.ts';
import { LIFETIME_SECONDS, type OpenedSession, openSession, type SessionDeps } from './sessions.ts';
import { toDetails, type VisitorDetailsInput, visitorDetailsRules } from './visitor-details.ts';
import { createVisitor, saveIdentifiedVisitor } from './visitor-of-send.ts';

/** A session that a page requests without a key. */
export interface PublicSessionInput {
  /** A JWT of a server of the account, which identifies the visitor. */
  readonly identity?: string | null | undefined;
  /** The details that the visitor gives. They never find a known visitor. */
  readonly visitor?: VisitorDetailsInput | null | undefined;
}

/** A request of a page. */
export interface PageRequest extends RequestSource {
  /** Whether `origin` is the gateway's own. */
  readonly isOwnOrigin: boolean;
  readonly channel: Channel;
}

const rules = z.object({ visitor: visitorDetailsRules.optional() });

/**
 * Opens a session of a public chatbot for a page of an allowed origin, or of the gateway itself.
 * @throws NotFoundError for any chatbot that is not public; OriginNotAllowedError, VisitorBlockedError for a blocked
 * network, ChatbotPausedError, RateLimitedError, InvalidInputError
 */
export async function openPublicSession(
  deps: SessionDeps & IdentityDeps & Pick<Deps, 'limiter' | 'metrics'>,
  chatbotId: string,
  input: PublicSessionInput,
  request: PageRequest,
): Promise<OpenedSession> {
  const chatbot = requireFound('Chatbot', await findPublicChatbot(deps.db.read, chatbotId));
  const { origin } = request;
  if (origin === undefined || !(request.isOwnOrigin || chatbot.allowedOrigins.includes(origin))) {
    throw new OriginNotAllowedError();
  }
  if (deps.sessionTokens.isBlocked(chatbot.accountId, request.address)) throw new VisitorBlockedError();
  if (!chatbot.isActive) throw new ChatbotPausedError();
  const { visitor = {} } = parseInput(rules, { visitor: input.visitor });
  await countCreation(deps, chatbot, request.address);
  if (input.identity == null && chatbot.identity.isRequired) {
    throw createIdentityError('This chatbot requires a signed identity.');
  }
  const identity = input.identity == null ? undefined : await verifyIdentity(deps, chatbot, input.identity);
  const { channel } = request;
  const operations = chatbot.sessionOperations ?? BUILT_IN_MANIFEST;
  return openSession(deps, { origin, operations, channel, lifetimeSeconds: LIFETIME_SECONDS }, (trx, now) => {
    const owner = { accountId: chatbot.accountId, chatbotId: chatbot.id };
    if (identity !== undefined) return saveIdentifiedVisitor(trx, owner, identity, toTimestamp(now));
    return createVisitor(trx, owner, toDetails(visitor), toTimestamp(now));
  });
}

/** Counts a session that a network starts with a chatbot. @throws RateLimitedError */
async function countCreation(
  { limiter, metrics }: Pick<Deps, 'limiter' | 'metrics'>,
  { id }: PublicChatbot,
  address: string,
): Promise<void> {
  const max = SESSION_LIMITS.createdPerNetwork;
  const { isAllowed, retryAfterMs } = await limiter.consume(`sessions:${id}:${networkOf(address)}`, max);
  if (isAllowed) return;
  metrics.rateLimited.inc();
  throw new RateLimitedError(`Max ${max} new sessions per minute.`, retryAfterMs);
}
