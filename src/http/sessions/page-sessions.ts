import type { IncomingMessage, ServerResponse } from 'node:http';
import { consumeAnonymousRateLimit } from '../../access/request-limits.ts';
import type { Deps } from '../../deps.ts';
import type { OpenedSession as SessionResponse, Sessions } from '../../dialects/rest/context.ts';
import { RateLimitedError } from '../../domain/errors.ts';
import { kindOfId } from '../../domain/ids.ts';
import { openPublicSession } from '../../visitors/open-public-session.ts';
import { renewSession } from '../../visitors/renew-session.ts';
import type { OpenedSession } from '../../visitors/sessions.ts';
import { addressOf } from '../auth.ts';
import { isOwnOrigin } from '../origins.ts';

/** Creates the sessions for a REST request of a page, which has no key. */
export function createPageSessions(
  deps: Deps,
  { request, response }: { readonly request: IncomingMessage; readonly response: ServerResponse },
): Sessions {
  const source = { address: addressOf(deps, request), origin: request.headers.origin };
  const isOwn = isOwnOrigin(request);
  /** Tells the client when it may try again. */
  const withRetryAfter = async <T>(work: Promise<T>): Promise<T> => {
    try {
      return await work;
    } catch (error) {
      if (error instanceof RateLimitedError) response.setHeader('Retry-After', Math.ceil(error.retryAfterMs / 1_000));
      throw error;
    }
  };
  return {
    countRequest: () => withRetryAfter(consumeAnonymousRateLimit(deps, source.address)),
    async open(givenId, input) {
      const chatbotId = givenId.toLowerCase();
      const request = { ...source, isOwnOrigin: isOwn, channel: 'GRAPHQL' } as const;
      const id = kindOfId(chatbotId) === 'chatbot' ? chatbotId : '';
      return toResponse(await withRetryAfter(openPublicSession(deps, id, input, request)));
    },
    renew: async (input) => toResponse(await renewSession(deps, input, source)),
  };
}

const toResponse = ({ sessionToken, token, renewalToken }: OpenedSession): SessionResponse => ({
  ...{ token, renewalToken },
  expiresAt: sessionToken.expiresAt,
  visitorId: sessionToken.visitorId,
});
