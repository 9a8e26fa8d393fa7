import type { TestGateway } from './gateway.ts';
import { type OperationResult, openSocket, type TestSocket } from './sockets.ts';

/** An operation of a test. */
export interface Operation {
  readonly query: string;
  readonly variables?: object;
  /** An API key or session token; undefined: the request has no credential. */
  readonly key: string | undefined;
}

/** The first result of an operation, with the status of its response; a WebSocket has none. */
export interface Answer extends OperationResult {
  readonly status?: number;
}

/** A way to run an operation. */
export type Ask = (operation: Operation) => Promise<Answer>;

/** The names of the ways to run an operation; plain HTTP cannot run subscriptions. */
export const TRANSPORTS = ['http', 'sse', 'webSocket'] as const;

/** Creates the ways to run an operation: HTTP, server-sent events, and WebSocket with one connection per key. */
export function createTransports(gateway: TestGateway): Record<(typeof TRANSPORTS)[number], Ask> & { close(): void } {
  const sockets = new Map<string | undefined, TestSocket>();
  const openFor = (key: string | undefined): TestSocket => {
    const socket = sockets.get(key) ?? openSocket(gateway, key === undefined ? {} : { 'x-api-key': key });
    sockets.set(key, socket);
    return socket;
  };
  return {
    async http(operation) {
      const response = await request(gateway, operation, 'application/json');
      return { status: response.status, ...((await response.json()) as OperationResult) };
    },
    async sse(operation) {
      const response = await request(gateway, operation, 'text/event-stream');
      return { status: response.status, ...(await readFirstResult(response)) };
    },
    webSocket: ({ query, variables, key }) => openFor(key).execute(query, variables),
    close() {
      for (const socket of sockets.values()) socket.close();
    },
  };
}

function request(gateway: TestGateway, { query, variables, key }: Operation, accept: string): Promise<Response> {
  return gateway.fetch('/graphql', {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept, ...(key && { 'x-api-key': key }) },
    body: JSON.stringify({ query, variables }),
  });
}

/** Reads a stream until its first result, and then cancels it. */
async function readFirstResult({ body }: Response): Promise<OperationResult> {
  let text = '';
  for await (const chunk of body?.pipeThrough(new TextDecoderStream()) ?? []) {
    text += chunk;
    const result = /^event: next\r?\ndata: (.+)\r?\n/m.exec(text)?.[1];
    if (result !== undefined) return JSON.parse(result) as OperationResult;
  }
  return JSON.parse(text) as OperationResult;
}
