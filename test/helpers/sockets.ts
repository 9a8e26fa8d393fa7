import { createClient } from 'graphql-ws';
import { WebSocket } from 'ws';
import type { TestGateway } from './gateway.ts';

/** The result of an operation, the same over every transport. */
export interface OperationResult {
  readonly data?: unknown;
  readonly errors?: readonly PublicError[] | undefined;
}

/** An error as clients see it. */
export interface PublicError {
  readonly message: string;
  readonly path?: readonly (string | number)[] | undefined;
  readonly extensions?: Record<string, unknown> | undefined;
}

/** How a socket was closed. */
export interface CloseInfo {
  readonly code: number;
  readonly reason: string;
}

/** A WebSocket connection of the `graphql-ws` client. */
export interface TestSocket {
  /** Runs one operation, and returns its first result or the errors that rejected it. */
  execute(query: string, variables?: object, extensions?: object): Promise<OperationResult>;
  /** Resolves when the server has acknowledged the connection. */
  readonly connected: Promise<void>;
  /** Resolves when either side has closed the socket. */
  readonly closed: Promise<CloseInfo>;
  close(): void;
}

/** Opens a socket immediately, with `connectionParams` if given. */
export function openSocket({ url }: Pick<TestGateway, 'url'>, connectionParams?: Record<string, unknown>): TestSocket {
  const connected = Promise.withResolvers<void>();
  const closed = Promise.withResolvers<CloseInfo>();
  const client = createClient({
    url: `${url.replace('http', 'ws')}/graphql`,
    webSocketImpl: WebSocket,
    lazy: false,
    retryAttempts: 0,
    onNonLazyError: () => {},
    ...(connectionParams && { connectionParams }),
    on: {
      connected: () => connected.resolve(),
      closed: (event) => {
        const { code, reason } = event as CloseInfo;
        closed.resolve({ code, reason });
      },
    },
  });
  return {
    execute: (query, variables = {}, extensions) =>
      new Promise((resolve, reject) => {
        client.subscribe(
          { query, variables: { ...variables }, ...(extensions && { extensions: { ...extensions } }) },
          {
            next: resolve,
            error: (error) => (Array.isArray(error) ? resolve({ errors: error }) : reject(error)),
            complete: () => {},
          },
        );
      }),
    connected: connected.promise,
    closed: closed.promise,
    close: () => void client.dispose(),
  };
}

/** The codes of a result's errors. */
export function errorCodesOf({ errors = [] }: OperationResult): unknown[] {
  return errors.map(({ extensions }) => extensions?.code);
}
