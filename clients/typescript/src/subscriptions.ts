import { type Client, createClient } from 'graphql-ws';
import { type Backoff, createBackoff } from './backoff.ts';
import { type ChatGraphError, createTokenError, type ResponseError, toChatGraphError } from './errors.ts';
import type { GraphResult, TransportOptions } from './requests.ts';
import type { Session } from './session.ts';
import type { GraphOperation, Wire } from './wire.ts';

/** The receiver of a subscription. */
export interface Sink {
  /** Receives each event once, in order, across all connections. */
  next(result: GraphResult): void;
  /** Receives the reason why the subscription ended early: the gateway refused it. */
  error(error: ChatGraphError): void;
  complete(): void;
  /** Learns whether the events arrive at the moment. */
  setConnected?(isConnected: boolean): void;
}

/**
 * Subscriptions that survive lost connections: each new connection continues after the last received event. For that an
 * operation needs the variable `after`, as the argument of its field, and must select the `cursor` of the events.
 *
 * `StreamReady` arrives once; a second one means that the gateway could not continue after the last event, so that what
 * the stream has shown must be read again.
 */
export interface Subscriptions {
  /** @returns the function that unsubscribes. */
  subscribe(operation: GraphOperation, sink: Sink): () => void;
  close(): void;
}

const PING_INTERVAL_MS = 10_000;
const PONG_TIMEOUT_MS = 5_000;
/** The codes with which a gateway closes the socket of a token that it does not accept any more. */
const CREDENTIAL_CLOSE_CODES = new Set([4401, 4403]);
const CREDENTIAL_ERROR_CODES = new Set(['SESSION_EXPIRED', 'UNAUTHENTICATED']);
/** The number of tokens in a row that the gateway may refuse before a subscription ends. */
const MAX_REFUSALS = 2;

/** Creates the subscriptions of one client. They share one WebSocket, which is open while there are any. */
export function createSubscriptions({ url, session, wire }: TransportOptions): Subscriptions {
  let pongTimeout: ReturnType<typeof setTimeout> | undefined;
  const connection: Connection = { session, wire, token: '' };
  const client = createClient({
    url: `${url.replace(/^http/, 'ws')}/graphql`,
    async connectionParams() {
      connection.token = await session.getToken();
      return { authorization: `Bearer ${connection.token}` };
    },
    // `followOperation` reconnects: only it knows the token and the cursor.
    retryAttempts: 0,
    keepAlive: PING_INTERVAL_MS,
    on: {
      // A broken network connection causes no error, so a missing pong closes the connection.
      ping: (isReceived) => {
        if (isReceived) return;
        pongTimeout = setTimeout(() => client.terminate(), PONG_TIMEOUT_MS);
        session.renewInTime();
      },
      pong: () => clearTimeout(pongTimeout),
      closed: () => clearTimeout(pongTimeout),
    },
  });
  // The socket speaks as one visitor.
  session.onVisitorChange(() => client.terminate());
  return {
    subscribe: (operation, sink) => followOperation(client, connection, operation, sink),
    // It rejects if the connection has failed, which the subscriptions notice.
    close: () => void Promise.resolve(client.dispose()).catch(() => {}),
  };
}

/** The state of the connection that all subscriptions share. */
interface Connection {
  readonly session: Session;
  readonly wire: Wire;
  /** The token of the socket. */
  token: string;
}

/** The reason why a connection of a subscription ended. */
interface ConnectionEnd {
  /** The errors with which the gateway refused the operation, or what closed the socket; absent after a regular end. */
  readonly reason?: unknown;
}

function followOperation(client: Client, connection: Connection, operation: GraphOperation, sink: Sink): () => void {
  const abortController = new AbortController();
  const { signal } = abortController;
  const stream = createResumableStream(operation, sink, connection.wire);
  const backoff = createBackoff();

  void (async () => {
    let refusals = 0;
    while (!signal.aborted) {
      try {
        // Without a token there would be no reason for the end of the connection.
        await connection.session.getToken();
        if (signal.aborted) return;
        const received = stream.receivedCount;
        const { reason } = await followOnce(client, stream, signal);
        if (signal.aborted) return;
        if (reason === undefined) return sink.complete();
        if (stream.receivedCount > received) {
          backoff.reset();
          refusals = 0;
        }
        if (isCredentialRefused(reason)) {
          connection.session.refuseToken(connection.token);
          if (++refusals > MAX_REFUSALS) throw createTokenError();
          // The socket of a refused operation is still open, with the old token.
          if (Array.isArray(reason)) client.terminate();
          continue;
        }
        sink.setConnected?.(false);
        await waitAfter(reason, stream, backoff, signal);
      } catch (error) {
        if (signal.aborted) return;
        const failure = error as ChatGraphError;
        if (!failure.isTemporary) return sink.error(failure);
        sink.setConnected?.(false);
        await backoff.wait(failure.retryAfterMs, signal);
      }
    }
  })();
  return () => abortController.abort();
}

/**
 * Waits for the time of the next attempt.
 * @throws ChatGraphError if the gateway refused the operation for good.
 */
async function waitAfter(
  reason: unknown,
  stream: ResumableStream,
  backoff: Backoff,
  signal: AbortSignal,
): Promise<void> {
  if (!Array.isArray(reason)) return backoff.wait(0, signal);
  const failure = toChatGraphError(reason as ResponseError[]);
  if (failure.isTemporary) throw failure;
  if (stream.sendText(reason)) return;
  // The gateway may no longer accept the cursor of the last event, for instance after a change of its secret key.
  if (failure.code !== 'BAD_USER_INPUT' || !stream.restart()) throw failure;
}

/** Runs the operation on one connection until either ends. */
function followOnce(client: Client, stream: ResumableStream, signal: AbortSignal): Promise<ConnectionEnd> {
  return new Promise((resolve) => {
    const end = (connectionEnd: ConnectionEnd) => {
      signal.removeEventListener('abort', abort);
      resolve(connectionEnd);
    };
    const abort = () => {
      unsubscribe();
      end({});
    };
    const unsubscribe = client.subscribe(stream.payload, {
      next(result) {
        if (signal.aborted) return;
        if (!endsConnection(result as GraphResult)) return stream.receive(result as GraphResult);
        unsubscribe();
        end({ reason: result.errors });
      },
      error: (reason) => end({ reason: reason ?? 'closed' }),
      complete: () => end({}),
    });
    signal.addEventListener('abort', abort);
  });
}

/** Whether a result says that the gateway cannot go on now, or not with this token: the event after the last one is still to come. */
function endsConnection({ data, errors }: GraphResult): boolean {
  if (data || !errors?.length) return false;
  const failure = toChatGraphError(errors);
  return failure.isTemporary || CREDENTIAL_ERROR_CODES.has(failure.code);
}

function isCredentialRefused(reason: unknown): boolean {
  if (Array.isArray(reason)) return CREDENTIAL_ERROR_CODES.has(toChatGraphError(reason).code);
  return CREDENTIAL_CLOSE_CODES.has((reason as { code?: number }).code ?? 0);
}

/** An operation with the position that its next connection starts from. */
interface ResumableStream {
  /** The message for the gateway; its variables change with every event. */
  readonly payload: { query: string; variables: Record<string, unknown> };
  /** The number of results received so far. */
  readonly receivedCount: number;
  receive(result: GraphResult): void;
  /** Whether the gateway wants the text of the document, which the next payload then has. */
  sendText(errors: readonly ResponseError[]): boolean;
  /** Forgets the position; false if there is none. */
  restart(): boolean;
}

function createResumableStream(operation: GraphOperation, sink: Sink, wire: Wire): ResumableStream {
  const current: Record<string, unknown> = { ...operation.variables };
  let isResumed = false;
  let receivedCount = 0;
  return {
    get payload() {
      // graphql-ws accepts no payload without a text. It serializes the payload, with its current variables, whenever it
      // connects.
      return { query: '', ...wire.encode(operation), variables: current } as ResumableStream['payload'];
    },
    get receivedCount() {
      return receivedCount;
    },
    receive(result) {
      receivedCount++;
      sink.setConnected?.(true);
      const [event] = Object.values(result.data ?? {}) as ({ __typename?: string; cursor?: string } | null)[];
      const wasResumed = isResumed;
      if (typeof event?.cursor === 'string') {
        current.after = event.cursor;
        isResumed = true;
      }
      if (wasResumed && event?.__typename === 'StreamReady') return;
      sink.next(result);
    },
    sendText: (errors) => wire.mustSendText(operation, errors),
    restart() {
      const hadCursor = isResumed;
      isResumed = false;
      if (hadCursor) current.after = null;
      return hadCursor;
    },
  };
}
