import type { TypedDocumentString } from './documents.ts';
import { RefusedError, UnreachableError } from './failures.ts';
import { EXPIRED_MESSAGE, type Session } from './session.ts';

/** Runs queries and mutations. */
export interface GraphqlClient {
  /**
   * Sends one request.
   * @throws UnreachableError, RefusedError
   */
  request<Result, Variables>(document: TypedDocumentString<Result, Variables>, variables: Variables): Promise<Result>;
}

interface GraphqlResponse<Result> {
  readonly data?: Result | null;
  readonly errors?: readonly { message: string; extensions?: { code?: string; retryAfterMs?: number } }[];
}

/** The error codes of temporary failures. */
const TRANSIENT_CODES = new Set(['RATE_LIMITED', 'SERVICE_UNAVAILABLE', 'INTERNAL_SERVER_ERROR']);

/** Creates a client that uses HTTP: on a socket, a lost response could not be matched to its request. */
export function createGraphqlClient(session: Session): GraphqlClient {
  async function post(body: string, token: string): Promise<Response> {
    try {
      return await fetch('/graphql', {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
        body,
      });
    } catch {
      throw new UnreachableError();
    }
  }

  return {
    async request<Result, Variables>(document: TypedDocumentString<Result, Variables>, variables: Variables) {
      const body = JSON.stringify({ query: document.toString(), variables });
      const { token } = session.grant;
      const response = await post(body, token);
      if (response.status === 401) {
        if (token === session.grant.token) session.expire();
        throw new RefusedError('UNAUTHENTICATED', EXPIRED_MESSAGE);
      }
      const result = (await response.json().catch(() => ({}))) as GraphqlResponse<Result>;
      const [error] = result.errors ?? [];
      if (result.data && error === undefined) return result.data;
      const { code = '', retryAfterMs } = error?.extensions ?? {};
      if (error === undefined || TRANSIENT_CODES.has(code)) throw new UnreachableError(retryAfterMs);
      throw new RefusedError(code, error.message);
    },
  };
}

/**
 * Returns the payload of a mutation.
 * @throws RefusedError if the result is an error of the union instead.
 */
export function payloadOf<Result extends { __typename: string }>(
  result: Result,
): Extract<Result, { __typename: `${string}Payload` }> {
  if (result.__typename.endsWith('Payload')) return result as Extract<Result, { __typename: `${string}Payload` }>;
  const { code = '', reason = 'Something went wrong.' } = result as { code?: string; reason?: string };
  throw new RefusedError(code, reason);
}
