import { hash } from 'node:crypto';
import type { Viewer } from '../access/viewer.ts';
import type { Deps } from '../deps.ts';
import { RateLimitedError } from '../domain/errors.ts';

/** The parts of a message that name its visitor. */
interface NamedVisitor {
  readonly chatbotId?: string | null | undefined;
  readonly conversationId?: string | null | undefined;
  readonly sessionId?: string | null | undefined;
  readonly visitor?: { readonly externalId?: string | null | undefined } | null | undefined;
}

/**
 * Counts a message that a server sends for a visitor, if the owner of its API key has limited the messages of each
 * visitor. Visitors are told apart as the request names them: by `externalId`, else by conversation. A message that
 * names neither starts the conversation of a new visitor.
 * @throws RateLimitedError
 */
export async function limitVisitorMessages(
  { limiter, metrics }: Pick<Deps, 'limiter' | 'metrics'>,
  { apiKeyId, limits }: Pick<Viewer, 'apiKeyId' | 'limits'>,
  { chatbotId, conversationId, sessionId, visitor }: NamedVisitor,
): Promise<void> {
  const max = limits?.perVisitorPerMinute;
  if (max === undefined || apiKeyId === null) return;
  const session = sessionId == null ? undefined : `${chatbotId} ${sessionId}`;
  const name = visitor?.externalId ?? conversationId?.toLowerCase() ?? session;
  if (name === undefined) return;
  // The texts of clients may be long.
  const { isAllowed, retryAfterMs } = await limiter.consume(`visitor:${apiKeyId}:${hash('sha1', name)}`, max);
  if (isAllowed) return;
  metrics.rateLimited.inc();
  throw new RateLimitedError(`Max ${max} messages of a visitor per minute.`, retryAfterMs);
}
