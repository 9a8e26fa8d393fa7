import { createClient as createSseClient } from 'graphql-sse';
import { createClient as createWsClient } from 'graphql-ws';
import { WebSocket } from 'ws';
import type { TestGateway } from './gateway.ts';

/** An event of a subscription, with the fields that its type has. */
export interface StreamEvent {
  readonly __typename: string;
  readonly cursor: string;
  readonly chatbotId?: string | null;
  readonly conversationId: string | null;
  readonly at: string;
  readonly messageId?: string;
  readonly offset?: number;
  readonly text?: string;
  readonly content?: string;
  readonly citation?: StreamCitation;
  readonly message?: StreamMessage;
  /** Only in `MessageCreated`. */
  readonly replaces?: { readonly id: string } | null;
  readonly conversation?: StreamConversation;
  readonly changes?: readonly string[];
  readonly actor?: string | null;
  readonly lead?: { id: string; email: string | null };
  readonly role?: string;
  readonly isTyping?: boolean;
  readonly authorName?: string | null;
  readonly reason?: string;
  readonly month?: string;
  readonly percent?: number;
  readonly id?: string;
  readonly status?: string;
  readonly attemptCount?: number;
}

export interface StreamCitation {
  readonly title: string;
  readonly quote: string;
  readonly start: number;
  readonly end: number;
}

export interface StreamConversation {
  readonly id: string;
  readonly status: string;
  readonly answeredBy: string;
  readonly assignee: string | null;
  readonly unreadCount: number;
}

export interface StreamMessage {
  readonly id: string;
  readonly status: string;
  readonly content: string;
  readonly citations: readonly StreamCitation[];
  readonly finishReason: string | null;
  readonly error: { code: string; message: string } | null;
  /** Only in `MessageUpdated`. */
  readonly rating?: string | null;
  /** Only in `FollowUpsSuggested`. */
  readonly followUps?: readonly string[];
}

/** A subscription as a client sees it. */
export interface Reader {
  /** The events received so far, without `StreamReady`. */
  readonly events: readonly StreamEvent[];
  /** Resolves with `StreamReady`, which must be the first event. */
  readonly ready: Promise<StreamEvent>;
  /** The codes of the errors received so far. */
  readonly errors: readonly string[];
  /** The deltas of one message, joined at their offsets. */
  readonly text: string;
  /** Resolves with the first matching event, past or future; rejects if the stream ends without one. */
  until(matches: (event: StreamEvent) => boolean): Promise<StreamEvent>;
  /** Resolves when the server completes the stream, or with the error that ended it. */
  readonly ended: Promise<unknown>;
  /** Unsubscribes with the protocol's own message. */
  unsubscribe(): void;
  /** Drops the connection without unsubscribing. */
  disconnect(): void;
}

/**
 * What to subscribe to: a message, a conversation, a chatbot, all or some chatbots of the account, or the deliveries of a webhook subscription (null: the
 * deliveries of all webhook subscriptions); without any of these fields, the account's quota warnings.
 */
export type SubscribeOptions = CursorAndKey &
  (
    | { readonly messageId: string }
    | { readonly conversationId: string }
    | { readonly chatbotId: string }
    | { readonly chatbotIds: readonly string[] | null }
    | { readonly subscriptionId: string | null }
    | object
  );

/** The cursor and the API key of a subscription. */
interface CursorAndKey {
  readonly after?: string | null | undefined;
  readonly key?: string;
}

/** A protocol for subscriptions, used through its official client. */
export interface Transport {
  readonly name: string;
  subscribe(gateway: Pick<TestGateway, 'url' | 'key'>, options: SubscribeOptions): Reader;
}

const MESSAGE_FIELDS = `message { id status content finishReason error { code message } citations { title quote start end } }`;

const EVENT_FIELDS = `
    __typename
    cursor
    chatbotId
    conversationId
    at
    ... on MessageCreated { replaces { id } ${MESSAGE_FIELDS} }
    ... on MessageStarted { ${MESSAGE_FIELDS} }
    ... on MessageDeleted { messageId }
    ... on MessageDelta { messageId offset text content }
    ... on CitationAdded { messageId citation { title quote start end } }
    ... on MessageCompleted { ${MESSAGE_FIELDS} }
    ... on MessageFailed { ${MESSAGE_FIELDS} }
    ... on MessageStopped { ${MESSAGE_FIELDS} }
    ... on MessageInterrupted { ${MESSAGE_FIELDS} }
    ... on BranchSelected { ${MESSAGE_FIELDS} }
    ... on FollowUpsSuggested { message { followUps } ${MESSAGE_FIELDS} }
    ... on MessageUpdated { message { rating } ${MESSAGE_FIELDS} }
    ... on ConversationChanged { conversation { id status answeredBy assignee unreadCount } changes actor }
    ... on LeadCaptured { lead { id email } }
    ... on TypingChanged { role isTyping authorName }
    ... on StreamGap { reason }
    ... on ConversationDeleted { reason }`;

/** The subscription to a message, with all its fields. */
export const MESSAGE_STREAM = `subscription Follow($messageId: ID!, $after: String) {
  messageStream(messageId: $messageId, after: $after) {${EVENT_FIELDS}
  }
}`;

const FOLLOW_CONVERSATION = `subscription Follow($conversationId: ID!, $after: String) {
  conversationEvents(conversationId: $conversationId, after: $after) {${EVENT_FIELDS}
  }
}`;

const FOLLOW_CHATBOT = `subscription Follow($chatbotId: ID!, $after: String) {
  chatbotEvents(chatbotId: $chatbotId, after: $after) {${EVENT_FIELDS}
  }
}`;

const FOLLOW_ACCOUNT = `subscription Follow($chatbotIds: [ID!], $after: String) {
  accountEvents(chatbotIds: $chatbotIds, after: $after) {${EVENT_FIELDS}
  }
}`;

const FOLLOW_QUOTA = `subscription Follow($after: String) {
  quotaWarnings(after: $after) { __typename cursor at month percent used limit }
}`;

const FOLLOW_DELIVERIES = `subscription Follow($subscriptionId: ID) {
  webhookDeliveries(subscriptionId: $subscriptionId) { __typename id status attemptCount subscription { id } }
}`;

/** GraphQL over WebSocket; each reader has its own socket. */
export const webSocket: Transport = {
  name: 'graphql-ws',
  subscribe({ url, key }, options) {
    let socket: WebSocket | undefined;
    class OwnSocket extends WebSocket {
      constructor(address: string, protocols: string[]) {
        super(address, protocols);
        socket = this;
      }
    }
    const client = createWsClient({
      url: `${url.replace('http', 'ws')}/graphql`,
      webSocketImpl: OwnSocket,
      connectionParams: { authorization: `Bearer ${options.key ?? key}` },
      retryAttempts: 0,
    });
    return createReader(
      (sink) => client.subscribe<Data>(operationOf(options), sink),
      () => socket?.terminate(),
    );
  },
};

/** GraphQL over server-sent events, in distinct connections mode. */
export const serverSentEvents: Transport = {
  name: 'graphql-sse',
  subscribe({ url, key }, options) {
    const client = createSseClient({
      url: `${url}/graphql`,
      headers: { authorization: `Bearer ${options.key ?? key}` },
      retryAttempts: 0,
    });
    return createReader(
      (sink) => client.subscribe<Data>(operationOf(options), sink),
      () => client.dispose(),
    );
  },
};

/** Every transport of GraphQL subscriptions. */
export const TRANSPORTS: readonly Transport[] = [webSocket, serverSentEvents];

/** Reads a message from the gateway. */
export async function readMessage(gateway: TestGateway, id: string): Promise<StreamMessage> {
  const { data } = await gateway.graphql<{ node: StreamMessage }>(
    `query ($id: ID!) { node(id: $id) { ... on Message { id status content finishReason error { code message } citations { title quote start end } } } }`,
    { id },
  );
  return data.node;
}

/** Joins deltas at their offsets. */
export function joinDeltas(events: readonly StreamEvent[]): string {
  return events.reduce((text, { offset, text: piece = '' }) => {
    if (offset === undefined) return text;
    if (offset !== text.length)
      throw new Error(`A delta begins at ${offset}, but the text so far ends at ${text.length}.`);
    return text + piece;
  }, '');
}

/** The data of a result: one field, named after the subscription field, with the event. */
type Data = Record<string, StreamEvent>;

interface Result {
  readonly data?: Data | null | undefined;
  readonly errors?: readonly { readonly extensions?: Record<string, unknown> | undefined }[] | undefined;
}

/** Receives the results of a subscription. */
export interface Sink {
  next(result: Result): void;
  error(error: unknown): void;
  complete(): void;
}

function operationOf({ key: _, ...variables }: SubscribeOptions) {
  // JSON omits an undefined variable, so that the variable is absent, not null.
  if ('messageId' in variables) return { query: MESSAGE_STREAM, variables };
  if ('subscriptionId' in variables) return { query: FOLLOW_DELIVERIES, variables };
  if ('chatbotIds' in variables) return { query: FOLLOW_ACCOUNT, variables };
  if ('chatbotId' in variables) return { query: FOLLOW_CHATBOT, variables };
  return { query: 'conversationId' in variables ? FOLLOW_CONVERSATION : FOLLOW_QUOTA, variables };
}

const openReaders = new Set<Pick<Reader, 'unsubscribe'>>();

/** Unsubscribes every reader whose stream has not ended. */
export function unsubscribeAll(): void {
  for (const reader of openReaders) reader.unsubscribe();
  openReaders.clear();
}

/** Creates a reader that collects a subscription's results. */
export function createReader(subscribe: (sink: Sink) => () => void, disconnect: () => void): Reader {
  const events: StreamEvent[] = [];
  const errors: string[] = [];
  const waiting = new Set<() => void>();
  const ready = Promise.withResolvers<StreamEvent>();
  const end = Promise.withResolvers<unknown>();
  let isEnded = false;

  const finish = (error?: unknown) => {
    isEnded = true;
    openReaders.delete(reader);
    end.resolve(error);
    for (const wake of waiting) wake();
  };
  const recordErrors = (list: Result['errors'] = []) => {
    for (const { extensions } of list) errors.push(String(extensions?.code));
  };
  const unsubscribe = subscribe({
    next({ data, errors: received }) {
      recordErrors(received);
      for (const event of Object.values(data ?? {})) {
        if (event.__typename !== 'StreamReady') events.push(event);
        else if (events.length > 0) throw new Error('StreamReady is not the first event.');
        else ready.resolve(event);
      }
      for (const wake of waiting) wake();
    },
    error(error) {
      if (Array.isArray(error)) recordErrors(error);
      finish(error);
    },
    complete: () => finish(),
  });

  const reader: Reader = {
    events,
    errors,
    ready: ready.promise,
    get text() {
      return joinDeltas(events);
    },
    async until(matches) {
      while (true) {
        const match = events.find(matches);
        if (match) return match;
        if (isEnded) throw new Error(`The stream ended after ${events.map((event) => event.__typename).join(', ')}.`);
        await new Promise<void>((resolve) => {
          const wake = () => {
            waiting.delete(wake);
            resolve();
          };
          waiting.add(wake);
        });
      }
    },
    ended: end.promise,
    unsubscribe,
    disconnect,
  };
  if (!isEnded) openReaders.add(reader);
  return reader;
}
