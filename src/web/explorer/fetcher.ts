import { explainRefusal } from './refusals.ts';

/** An operation from GraphiQL. */
interface Operation {
  readonly query: string;
  readonly variables?: unknown;
  readonly operationName?: string | null;
}

/** The headers from the header pane, and the editor's syntax tree; absent for GraphiQL's own introspection query. */
interface OperationContext {
  readonly headers?: Readonly<Record<string, string>>;
  readonly documentAST?: { readonly definitions: readonly Definition[] };
}

interface Definition {
  readonly kind: string;
  readonly operation?: string;
  readonly name?: { readonly value: string };
}

/** Receives the results of a subscription. */
interface Observer {
  next(result: unknown): void;
  error(reason: unknown): void;
  complete(): void;
}

/** The results of a subscription. Each `subscribe` sends a request. */
interface Observable {
  subscribe(observer: Observer): { unsubscribe(): void };
}

/** Runs operations for GraphiQL. */
export type Fetcher = (operation: Operation, context?: OperationContext) => Promise<unknown> | Observable;

const ENDPOINT = '/graphql';

/** The header with the API key; also the name of the key in the storage. */
export const API_KEY_HEADER = 'x-api-key';

/** The storage of the API key. */
export type KeyStorage = Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>;

/**
 * Creates the fetcher, the only part of the page that handles the API key. It sends requests only to the gateway that
 * serves the page. GraphiQL has separate headers per tab: a tab without a key uses the key that another tab used last.
 * The browser keeps that key until the window is closed.
 * @param onResult receives every result.
 */
export function createFetcher(storage: KeyStorage, onResult: (result: unknown) => void): Fetcher {
  function headersWithKey(headerPane: Readonly<Record<string, string>> = {}): Headers {
    const headers = new Headers(headerPane);
    const key = headers.get(API_KEY_HEADER) || storage.getItem(API_KEY_HEADER);
    if (key) storage.setItem(API_KEY_HEADER, key);
    if (key && !headers.has('authorization')) headers.set(API_KEY_HEADER, key);
    return headers;
  }

  function send(operation: Operation, headers: Headers, accept: string, signal?: AbortSignal) {
    headers.set('accept', accept);
    headers.set('content-type', 'application/json');
    return fetch(new URL(ENDPOINT, location.origin), {
      method: 'POST',
      headers,
      body: JSON.stringify(operation),
      redirect: 'error',
      ...(signal && { signal }),
    });
  }

  return (operation, context = {}) => {
    const headers = headersWithKey(context.headers);
    const hasKey = Boolean(headers.get('authorization') || headers.get(API_KEY_HEADER));
    const finish = (result: unknown) => {
      onResult(result);
      return explainRefusal(result, hasKey);
    };
    if (!isSubscription(operation, context)) {
      return send(operation, headers, 'application/json').then(async (response) => finish(await response.json()));
    }
    return {
      subscribe(observer) {
        const controller = new AbortController();
        send(operation, headers, 'text/event-stream', controller.signal)
          .then((response) => readResults(response, (result) => observer.next(finish(result))))
          .then(
            () => observer.complete(),
            (reason: unknown) => (controller.signal.aborted ? observer.complete() : observer.error(reason)),
          );
        return { unsubscribe: () => controller.abort() };
      },
    };
  };
}

function isSubscription({ operationName }: Operation, { documentAST }: OperationContext): boolean {
  const operation = documentAST?.definitions.find(
    ({ kind, name }) => kind === 'OperationDefinition' && (!operationName || name?.value === operationName),
  );
  return operation?.operation === 'subscription';
}

/** Reads the results of a stream to its end. The response to a refused request is a single JSON result. */
async function readResults(response: Response, onResult: (result: unknown) => void): Promise<void> {
  if (!response.headers.get('content-type')?.startsWith('text/event-stream') || response.body === null) {
    onResult(await response.json());
    return;
  }
  let incomplete = '';
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  for (let chunk = await reader.read(); !chunk.done; chunk = await reader.read()) {
    const events = (incomplete + chunk.value).split('\n\n');
    incomplete = events.pop() ?? '';
    for (const event of events) {
      const data = /^data: ?(.+)$/m.exec(event)?.[1];
      if (data !== undefined && /^event: ?next$/m.test(event)) onResult(JSON.parse(data));
    }
  }
}
