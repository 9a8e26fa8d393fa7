import type { RateLimiter } from '../coordination/rate-limiter.ts';
import { RateLimitedError } from '../domain/errors.ts';
import type { Limits } from '../domain/limits.ts';
import { SESSION_LIMITS } from '../domain/visitors/session-tokens.ts';
import type { SessionScope } from './sessions.ts';

/** The mutations that count as sends of a visitor. */
const SENDS: ReadonlySet<string> = new Set(['sendMessage', 'editMessage', 'regenerateMessage']);

/**
 * Counts the sends among the mutations of a session against the limit of its visitor: that of the chatbot, or the default.
 * @throws RateLimitedError when the limit is reached; nothing is counted then.
 */
export async function countVisitorSends(
  deps: { readonly limiter: Pick<RateLimiter, 'consume'>; readonly metrics: { readonly rateLimited: { inc(): void } } },
  { visitorId, tokenId }: SessionScope,
  limits: Limits | undefined,
  mutationNames: readonly string[],
): Promise<void> {
  const count = mutationNames.filter((name) => SENDS.has(name)).length;
  if (count === 0) return;
  const max = limits?.perVisitorPerMinute ?? SESSION_LIMITS.sendsPerVisitor;
  const { isAllowed, retryAfterMs } = await deps.limiter.consume(`sends:${visitorId || tokenId}`, max, count);
  if (isAllowed) return;
  deps.metrics.rateLimited.inc();
  throw new RateLimitedError(`Max ${max} messages of a visitor per minute.`, retryAfterMs);
}
