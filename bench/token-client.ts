import { once } from 'node:events';
import { get } from 'node:http';
import { WebSocket } from 'ws';
import type { BenchAccount } from './data.ts';

/** The part of an event that the load uses; events other than deltas have no text. */
export interface Delta {
  readonly text?: string;
}

/** Receives an event. The first event of a stream confirms the subscription. */
export type DeltaListener = (delta: Delta) => void;

/** A socket that speaks graphql-transport-ws. */
export interface Socket {
  /** Starts an operation whose root field returns deltas. */
  subscribe(query: string, variables: object, listener: DeltaListener): void;
  close(): Promise<void>;
}

/** Opens a socket. @throws when it is closed before it is acknowledged. */
export async function openSocket(url: string, key?: string): Promise<Socket> {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws', {
    perMessageDeflate: false,
  });
  const listeners: DeltaListener[] = [];
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  socket.on('open', () =>
    socket.send(JSON.stringify({ type: 'connection_init', payload: key && { authorization: `Bearer ${key}` } })),
  );
  socket.on('close', (code) => reject(new Error(`The socket was closed with ${code}.`)));
  socket.on('error', reject);
  socket.on('message', (bytes) => {
    const { type, id, payload } = JSON.parse(String(bytes));
    if (type === 'connection_ack') resolve();
    else if (type === 'next') for (const delta of Object.values<Delta>(payload.data)) listeners[id]?.(delta);
    else if (type === 'error') throw new Error(JSON.stringify(payload));
  });
  await promise;
  return {
    subscribe(query, variables, listener) {
      const id = String(listeners.push(listener) - 1);
      socket.send(JSON.stringify({ id, type: 'subscribe', payload: { query, variables } }));
    },
    async close() {
      socket.close();
      await once(socket, 'close');
    },
  };
}

/** Follows a stream of server-sent events. */
export function followSse(url: string, listener: DeltaListener): void {
  get(url, { agent: false }, (response) => {
    let incomplete = '';
    response.setEncoding('utf8').on('data', (chunk: string) => {
      const events = (incomplete + chunk).split('\n\n');
      incomplete = events.pop() ?? '';
      for (const event of events) listener(JSON.parse(event.slice('data: '.length)));
    });
  });
}

/** The ids of a question's conversation and of the reply. */
export interface SentQuestion {
  readonly conversationId: string;
  readonly messageId: string;
}

const SEND_QUESTION = `mutation Ask($input: SendMessageInput!) {
  sendMessage(input: $input) { ... on SendMessagePayload { conversation { id } reply { id } } }
}`;

/** Sends a question to the gateway in a new conversation. @throws if there will be no reply. */
export async function sendQuestion(
  url: string,
  { key, chatbotIds }: BenchAccount,
  content: string,
): Promise<SentQuestion> {
  const input = { chatbotId: chatbotIds[0], sessionId: crypto.randomUUID(), content };
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
    body: JSON.stringify({ query: SEND_QUESTION, variables: { input } }),
  });
  const text = await response.text();
  const { conversation, reply } = JSON.parse(text).data?.sendMessage ?? {};
  if (!reply) throw new Error(`The gateway will not reply: ${text}`);
  return { conversationId: conversation.id, messageId: reply.id };
}

/** The subscriptions of the gateway that stream a reply, with the fields that a chat page needs. */
export const SUBSCRIPTIONS = {
  messageStream: {
    query:
      'subscription Follow($id: ID!) { messageStream(messageId: $id) { __typename cursor ... on MessageDelta { offset text } } }',
    variables: ({ messageId }: SentQuestion) => ({ id: messageId }),
  },
  conversationEvents: {
    query:
      'subscription Follow($id: ID!) { conversationEvents(conversationId: $id) { __typename cursor ... on MessageDelta { offset text } } }',
    variables: ({ conversationId }: SentQuestion) => ({ id: conversationId }),
  },
};
