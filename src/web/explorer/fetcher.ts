/** An operation from GraphiQL. */
interface Operation {
  readonly query: string;
  readonly variables?: unknown;
  readonly operationName?: string | null;
}

/** The context of an operation: the headers of the header pane, and the syntax tree if the user has started it. */
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

/** The results of a subscription; the request starts with the first subscriber. */
interface Observable {
  subscribe(observer: Observer): { unsubscribe(): void };
}

/** Runs operations for GraphiQL. */
export type Fetcher = (operation: Operation, context?: OperationContext) => Promise<unknown> | Observable;

const ENDPOINT = '/graphql';
const KEY = 'x-api-key';

/**
 * Creates the fetcher, the only part of the page that handles the API key. It sends requests only to the gateway that
 * serves the page. GraphiQL stores headers per tab; tabs without a key use the key last used in another tab, until the
 * window is closed.
 */
export function createFetcher(storage: Pick<Storage, 'getItem' | 'setItem'>): Fetcher {
  function withKey(given: Readonly<Record<string, string>> = {}): Headers {
    const headers = new Headers(given);
    const key = headers.get(KEY) || storage.getItem(KEY);
    if (key) storage.setItem(KEY, key);
    if (key && !headers.has('authorization')) headers.set(KEY, key);
    return headers;
  }

  function send(operation: Operation, context: OperationContext, accept: string, signal?: AbortSignal) {
    const headers = withKey(context.headers);
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
    if (!isSubscription(operation, context)) {
      return send(operation, context, 'application/json').then((response) => response.json());
    }
    return {
      subscribe(observer) {
        const abort = new AbortController();
        send(operation, context, 'text/event-stream', abort.signal)
          .then((response) => readResults(response, (result) => observer.next(result)))
          .then(
            () => observer.complete(),
            (reason: unknown) => (abort.signal.aborted ? observer.complete() : observer.error(reason)),
          );
        return { unsubscribe: () => abort.abort() };
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

/** Reads the results of a stream to its end; a refused request has one result. */
async function readResults(response: Response, onResult: (result: unknown) => void): Promise<void> {
  if (!response.headers.get('content-type')?.startsWith('text/event-stream') || response.body === null) {
    onResult(await response.json());
    return;
  }
  let rest = '';
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
    const events = (rest + piece.value).split('\n\n');
    rest = events.pop() ?? '';
    for (const event of events) {
      const data = /^data: ?(.+)$/m.exec(event)?.[1];
      if (data !== undefined && /^event: ?next$/m.test(event)) onResult(JSON.parse(data));
    }
  }
}
