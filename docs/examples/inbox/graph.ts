import { createClient } from 'graphql-ws';
import type { TypedDocumentString } from './documents.ts';

/** A gateway: requests go over HTTP, all subscriptions share one WebSocket. */
export type Graph = ReturnType<typeof connect>;

/** Something to show that begins with a query and goes on with a subscription. */
export interface Feed<Event> {
  readonly document: TypedDocumentString<{ event: Event }, never>;
  readonly variables?: Readonly<Record<string, unknown>>;
  /** Reads and shows the current state. Returns the `eventCursor` that was read with it. */
  read(): Promise<string>;
  /** Shows an event. Returns false if only another `read` can show it. */
  apply(event: Event): boolean;
  /** Receives the reason why nothing is up to date at the moment; null when it is again. */
  report(problem: string | null): void;
}

const RETRY_MS = 5_000;

/** Connects to a gateway with the token of a signed-in person, which `getToken` gets anew for each request. */
export function connect(url: string, getToken: () => Promise<string>) {
  const getHeaders = async () => ({ authorization: `Bearer ${await getToken()}` });
  const socket = createClient({
    url: `${url.replace(/^http/, 'ws')}/graphql`,
    connectionParams: getHeaders,
    retryAttempts: Infinity,
    // Reconnects after every failure: a network may fail without a close frame.
    shouldRetry: () => true,
  });

  /** Runs a query or a mutation. Throws an error with the gateway's message if it fails. */
  async function request<Result, Variables>(
    document: TypedDocumentString<Result, Variables>,
    variables: Variables,
    signal: AbortSignal | null = null,
  ): Promise<Result> {
    const response = await fetch(`${url}/graphql`, {
      method: 'POST',
      headers: { ...(await getHeaders()), 'content-type': 'application/json' },
      body: JSON.stringify({ query: document.toString(), variables }),
      signal,
    });
    const { data, errors } = await response.json();
    if (errors) throw new Error(errors[0].message);
    return data;
  }

  /** Runs a mutation. Throws an error with the gateway's message if the result is an error of its union. */
  async function mutate<Variables>(
    document: TypedDocumentString<{ result: { __typename: string; message?: string } }, Variables>,
    variables: Variables,
  ): Promise<void> {
    const { result } = await request(document, variables);
    if (result.message !== undefined) throw new Error(result.message);
  }

  /** Reads, then applies every event after the `eventCursor`, until the stream has a gap or the signal is aborted. */
  async function followOnce<Event extends StreamEvent>(feed: Feed<Event>, signal: AbortSignal): Promise<void> {
    const variables = { ...feed.variables, after: await feed.read() };
    if (signal.aborted) return;
    const events = socket.iterate<{ event: Event }>({ query: feed.document.toString(), variables });
    const unsubscribe = () => void events.return?.();
    signal.addEventListener('abort', unsubscribe);
    try {
      for await (const { data, errors } of events) {
        if (signal.aborted) return;
        if (!data) throw errors;
        // After a lost connection graphql-ws sends these variables again, so the stream resumes after this event.
        variables.after = data.event.cursor;
        if (data.event.__typename === 'StreamReady') feed.report(null);
        if (data.event.__typename === 'StreamGap' || !feed.apply(data.event)) return;
      }
    } finally {
      signal.removeEventListener('abort', unsubscribe);
    }
  }

  return {
    request,
    mutate,

    /** Keeps a feed up to date until the signal is aborted. */
    async follow<Event extends StreamEvent>(feed: Feed<Event>, signal: AbortSignal): Promise<void> {
      while (!signal.aborted) {
        try {
          await followOnce(feed, signal);
        } catch (error) {
          if (signal.aborted) return;
          feed.report(messageOf(error));
          await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
        }
      }
    },
  };
}

interface StreamEvent {
  readonly __typename: string;
  readonly cursor: string;
}

/** The message of an error. A refused subscription throws a list of errors. */
export function messageOf(error: unknown): string {
  const [first] = [error].flat() as { message?: string }[];
  return first?.message ?? String(error);
}
