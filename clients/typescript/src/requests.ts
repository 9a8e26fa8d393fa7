import { type RetryOptions, retry } from './backoff.ts';
import { ChatGraphError, createTokenError, type ResponseError, toChatGraphError } from './errors.ts';
import { post, readJson } from './post.ts';
import type { Session } from './session.ts';
import type { GraphOperation, Wire } from './wire.ts';

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

/** The services that requests and subscriptions share. */
export interface TransportOptions {
  /** The address of the gateway, without a slash at the end. */
  readonly url: string;
  readonly session: Session;
  readonly wire: Wire;
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
  /**
   * Runs a mutation like `request`, and returns its payload.
   * @throws ChatGraphError, also if the result is an error of the union
   */
  mutate<Result extends object, Variables extends object>(
    document: ClientDocument<Result, Variables>,
    variables: Variables,
    options?: RetryOptions,
  ): Promise<Payload<Result[keyof Result]>>;
}

/** The member of a mutation's union that is no error. */
type Payload<Result> = Extract<Result, { __typename: `${string}Payload` }>;

const ATTEMPTS = 3;
const ACCEPT = 'application/graphql-response+json';
/** Creates the requests of one client. */
export function createRequests({ url, session, wire }: TransportOptions): Requests {
  /** Sends an operation with a token; undefined if the gateway does not accept the token. */
  async function send(operation: GraphOperation, signal: AbortSignal | undefined): Promise<GraphResult | undefined> {
    const token = await session.getToken();
    signal?.throwIfAborted();
    const headers = { accept: ACCEPT, authorization: `Bearer ${token}` };
    const response = await post(`${url}/graphql`, wire.encode(operation), { headers, signal });
    if (response.status === 401) {
      session.refuseToken(token);
      return undefined;
    }
    return readJson(response);
  }

  async function execute(operation: GraphOperation, signal?: AbortSignal): Promise<GraphResult> {
    // A token may expire on the way, so a refused one is replaced once.
    const result = (await send(operation, signal)) ?? (await send(operation, signal));
    if (result === undefined) throw createTokenError();
    return wire.mustSendText(operation, result.errors) ? execute(operation, signal) : result;
  }

  const requests: Requests = {
    execute,
    async request({ id, query }, variables, { attempts = ATTEMPTS, ...options } = {}) {
      const run = async () => {
        const { data, errors } = await execute({ query, documentId: id, variables }, options.signal);
        if (!data || errors?.length) throw toChatGraphError(errors ?? []);
        return data as never;
      };
      return retry(run, { attempts, ...options });
    },
    async mutate(document, variables, options) {
      const [result] = Object.values(await requests.request(document, variables, options));
      if (result.__typename.endsWith('Payload')) return result;
      throw new ChatGraphError(result.code, result.reason);
    },
  };
  return requests;
}
