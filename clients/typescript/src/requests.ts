import { type RetryOptions, retry } from './backoff.ts';
import { ChatGraphError, createUnreachableError, type ResponseError, toChatGraphError } from './errors.ts';
import type { Session } from './session.ts';

/** A GraphQL operation, as a text or by the id of a persisted document. */
export interface GraphOperation {
  readonly query?: string | undefined;
  readonly documentId?: string | undefined;
  readonly operationName?: string | undefined;
  readonly variables?: object | undefined;
  readonly extensions?: Readonly<Record<string, unknown>> | undefined;
}

/** The result of an operation, or one event of a subscription. */
export interface GraphResult {
  readonly data?: Record<string, unknown> | null | undefined;
  readonly errors?: readonly ResponseError[] | undefined;
  readonly extensions?: Record<string, unknown> | undefined;
}

/** A document of the client, with the types of its result and variables. */
export interface ClientDocument<Result, Variables> {
  /** `sha256:` and the SHA-256 of the text. */
  readonly id: string;
  readonly query: string;
  readonly types?: (variables: Variables) => Result;
}

/** Runs queries and mutations over HTTP: on a socket, a lost response could not be matched to its request. */
export interface Requests {
  /**
   * Runs an operation once. The errors of GraphQL are part of the result.
   * @throws ChatGraphError if there is no result, and the reason of an aborted signal.
   */
  execute(operation: GraphOperation, signal?: AbortSignal): Promise<GraphResult>;
  /**
   * Runs a document of the client, up to `attempts` times if the failures are temporary; by default 3 times.
   * @throws ChatGraphError
   */
  request<Result, Variables extends object>(
    document: ClientDocument<Result, Variables>,
    variables: Variables,
    options?: RetryOptions,
  ): Promise<Result>;
}

const ATTEMPTS = 3;
const ACCEPT = 'application/graphql-response+json, application/json;q=0.9';
/** The codes of a gateway that does not know a document by its id. */
const UNKNOWN_DOCUMENT_CODES = new Set(['PERSISTED_QUERY_NOT_FOUND', 'PERSISTED_QUERY_NOT_SUPPORTED']);

/** Whether a gateway asks for the text of a document that was sent by its id. */
export const isDocumentUnknown = (errors: readonly ResponseError[] | undefined): boolean =>
  errors?.some(({ extensions }) => UNKNOWN_DOCUMENT_CODES.has(String(extensions?.code))) ?? false;

/** Creates the requests of one client. */
export function createRequests({ url, session }: { url: string; session: Session }): Requests {
  /** Sends an operation with a token; undefined if the gateway does not accept the token. */
  async function send(operation: GraphOperation, signal: AbortSignal | undefined): Promise<GraphResult | undefined> {
    const token = await session.getToken();
    signal?.throwIfAborted();
    const response = await fetch(`${url}/graphql`, {
      method: 'POST',
      headers: { accept: ACCEPT, 'content-type': 'application/json', authorization: `Bearer ${token}` },
      body: JSON.stringify(operation),
      signal: signal ?? null,
    }).catch(() => {
      signal?.throwIfAborted();
      throw createUnreachableError();
    });
    if (response.status === 401) {
      session.refuseToken(token);
      return undefined;
    }
    return response.json().catch(() => {
      throw createUnreachableError();
    });
  }

  async function execute(operation: GraphOperation, signal?: AbortSignal): Promise<GraphResult> {
    // A token may expire on the way, so a refused one is replaced once.
    const result = (await send(operation, signal)) ?? (await send(operation, signal));
    if (result === undefined) throw new ChatGraphError('UNAUTHENTICATED', 'The server does not accept the token.');
    return result;
  }

  return {
    execute,
    async request({ query }, variables, { attempts = ATTEMPTS, ...options } = {}) {
      const run = async () => {
        const { data, errors } = await execute({ query, variables }, options.signal);
        if (!data || errors?.length) throw toChatGraphError(errors ?? []);
        return data as never;
      };
      return retry(run, { attempts, ...options });
    },
  };
}

/** The member of a mutation's union that is no error. */
type Payload<Result> = Extract<Result, { __typename: `${string}Payload` }>;

/**
 * Returns the payload of a mutation.
 * @throws ChatGraphError if the result is an error of the union instead.
 */
export function payloadOf<Result extends { __typename: string }>(result: Result): Payload<Result> {
  if (result.__typename.endsWith('Payload')) return result as Payload<Result>;
  const { code, reason } = result as { code?: string; reason?: string };
  throw new ChatGraphError(code ?? result.__typename, reason ?? 'Something went wrong.');
}
