import { randomUUID } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { expect, vi } from 'vitest';
import { endsMessage } from '../helpers/conversations.ts';
import type { GraphQLResponse } from '../helpers/gateway.ts';
import type { GatewayAddress } from '../helpers/killable-gateway.ts';
import type { Random } from '../helpers/random.ts';
import { restEvents } from '../helpers/rest-stream.ts';
import {
  type Reader,
  type StreamEvent,
  type SubscribeOptions,
  serverSentEvents,
  type Transport,
  webSocket,
} from '../helpers/streams.ts';

/** The maximum number of open replies in a conversation: one being generated, the others queued. */
const MAX_OPEN_REPLIES = 3;
const MAX_PAUSE_MS = 250;
const RETRY_MS = 10;
/** The pause after a response with 503 or a stream without events: the gateway may be unavailable for a while. */
const REFUSED_RETRY_MS = 250;

const SEND = `mutation ($input: SendMessageInput!) { sendMessage(input: $input) {
  ... on SendMessagePayload { conversation { id } userMessage { id } reply { id } }
  ... on Error { code }
} }`;

/** Access to one or more gateways that may become unavailable and return. */
export interface GatewayClient {
  /** Resolves with a running gateway as soon as there is one. */
  readonly liveGateway: Promise<GatewayAddress>;
  /** Runs a GraphQL operation on a running gateway; rejects if the gateway dies meanwhile. */
  graphql<T>(query: string, variables: object): Promise<GraphQLResponse<T>>;
  /** The number of kills and outages. */
  readonly faultCount: number;
}

/** The input of `sendMessage`: to a chatbot, or in an existing conversation. */
export interface SendInput {
  readonly chatbotId?: string;
  readonly sessionId?: string;
  readonly conversationId?: string;
  readonly content: string;
  readonly whenBusy: 'ENQUEUE' | 'INTERRUPT';
  readonly clientMessageId: string;
}

interface SentIds {
  readonly conversationId: string;
  readonly messageId: string;
  readonly replyId: string;
}

interface SentMessage extends SentIds {
  readonly input: SendInput;
  /** Unix time in milliseconds. */
  readonly at: number;
}

type Payload = Record<'conversation' | 'userMessage' | 'reply', { id: string }>;

/** Sends a message until a gateway acknowledges it, like a client that does not know whether the message was stored. */
export async function sendUntilAcknowledged(client: GatewayClient, input: SendInput): Promise<SentIds> {
  while (true) {
    const response = await client.graphql<{ sendMessage: Payload }>(SEND, { input }).catch(() => undefined);
    const payload = response?.data?.sendMessage;
    if (payload?.reply) {
      const { conversation, userMessage, reply } = payload;
      return { conversationId: conversation.id, messageId: userMessage.id, replyId: reply.id };
    }
    if (response !== undefined && response.status !== 503)
      throw new Error(`The message was refused: ${JSON.stringify(response)}`);
    await setTimeout(response ? REFUSED_RETRY_MS : RETRY_MS);
  }
}

/** Follows a stream despite outages, resuming after its last cursor, until the stream ends or `signal` aborts. */
export function followDespiteOutages(
  client: GatewayClient,
  transport: Transport,
  options: SubscribeOptions,
  signal: AbortSignal,
) {
  const earlierEvents: StreamEvent[] = [];
  const errors: string[] = [];
  const aborted = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
  let reader: Reader | undefined;

  async function read(): Promise<void> {
    while (!signal.aborted) {
      const gateway = await client.liveGateway;
      reader = transport.subscribe(gateway, { ...options, after: earlierEvents.at(-1)?.cursor });
      const error = await Promise.race([reader.ended, aborted]);
      reader.unsubscribe();
      const isRefused = reader.errors.length > 0;
      const isServed = reader.events.length > 0;
      earlierEvents.push(...reader.events);
      errors.push(...reader.errors);
      reader = undefined;
      // Over REST a client reconnects after the end of a response, as browsers do.
      if (error === undefined && !isRefused && transport !== restEvents) return;
      await setTimeout(isServed ? RETRY_MS : REFUSED_RETRY_MS);
    }
  }

  return {
    /** All events received so far. */
    get events(): readonly StreamEvent[] {
      return [...earlierEvents, ...(reader?.events ?? [])];
    },
    errors,
    done: read(),
  };
}

/** A client that follows a stream despite outages. */
export type Follower = ReturnType<typeof followDespiteOutages>;

/**
 * Starts a conversation with the last question, whose answer is long, and subscribes two readers to it. Waits until
 * each reader has a cursor to resume from.
 */
export async function startConversation(
  client: GatewayClient,
  { chatbotId, questions, random }: { chatbotId: string; questions: readonly string[]; random: Random },
  signal: AbortSignal,
) {
  const sessionId = randomUUID();
  const sent: SentMessage[] = [];
  const replyReaders = new Map<string, Follower>();

  async function sendNext(content = questions[random.below(questions.length)] ?? ''): Promise<void> {
    const whenBusy = random.below(3) === 0 ? 'INTERRUPT' : 'ENQUEUE';
    const input = { chatbotId, sessionId, content, whenBusy, clientMessageId: randomUUID() } as const;
    const acknowledged = await sendUntilAcknowledged(client, input);
    sent.push({ ...acknowledged, input, at: Date.now() });
    const { replyId: messageId } = acknowledged;
    const transport = random.below(2) === 0 ? webSocket : serverSentEvents;
    replyReaders.set(messageId, followDespiteOutages(client, transport, { messageId }, signal));
  }

  await sendNext(questions.at(-1));
  const conversationId = sent[0]?.conversationId ?? '';
  const readers = [webSocket, restEvents].map((transport) =>
    followDespiteOutages(client, transport, { conversationId }, signal),
  );
  await vi.waitFor(() => {
    for (const { events } of readers) expect(events).not.toEqual([]);
  }, 10_000);
  return { conversationId, random, sent, readers, replyReaders, sendNext };
}

/** A conversation with its sent messages. `readers` follow the whole conversation, `replyReaders` one reply each. */
export type Conversation = Awaited<ReturnType<typeof startConversation>>;

/** Whether a follower has received the end of a message. */
export const hasReceivedEnd = ({ events }: Follower, id: string) => events.some((event) => endsMessage(event, id));

const countOpenReplies = ({ sent, replyReaders }: Conversation) =>
  sent.filter(({ replyId: id }) => !hasReceivedEnd(replyReaders.get(id) as Follower, id)).length;

/** Keeps sending messages until `signal` aborts; after every fault, sends the last message again. */
export async function keepSending(
  client: GatewayClient,
  conversation: Conversation,
  signal: AbortSignal,
): Promise<void> {
  const { random, sent, sendNext } = conversation;
  let seenFaultCount = client.faultCount;
  while (!signal.aborted) {
    await setTimeout(random.below(MAX_PAUSE_MS));
    const last = sent.at(-1);
    if (last !== undefined && client.faultCount > seenFaultCount) {
      seenFaultCount = client.faultCount;
      const { conversationId, messageId, replyId } = last;
      expect(await sendUntilAcknowledged(client, last.input)).toEqual({ conversationId, messageId, replyId });
    }
    if (countOpenReplies(conversation) < MAX_OPEN_REPLIES) await sendNext();
  }
}
