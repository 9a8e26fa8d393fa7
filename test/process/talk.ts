import { randomUUID } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { expect, vi } from 'vitest';
import { endsMessage } from '../helpers/conversations.ts';
import type { GraphQLAnswer } from '../helpers/gateway.ts';
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
const MAX_OPEN = 3;
const PAUSE_MS = 250;
const RETRY_MS = 10;
/** The pause after a gateway refused a request because it is unavailable, which may last. */
const REFUSED_RETRY_MS = 250;

const SEND = `mutation ($input: SendMessageInput!) { sendMessage(input: $input) {
  ... on SendMessagePayload { conversation { id } userMessage { id } reply { id } }
  ... on Error { code }
} }`;

/** Access to one or more gateways that may become unavailable and return. */
export interface Host {
  /** A running gateway, as soon as there is one. */
  readonly current: Promise<GatewayAddress>;
  /** Runs a GraphQL operation on a running gateway; rejects if the gateway dies meanwhile. */
  graphql<T>(query: string, variables: object): Promise<GraphQLAnswer<T>>;
  /** The number of kills and outages. */
  readonly breaks: number;
}

/** The input of `sendMessage`: to a chatbot, or in an existing conversation. */
export interface Input {
  readonly chatbotId?: string;
  readonly sessionId?: string;
  readonly conversationId?: string;
  readonly content: string;
  readonly whenBusy: 'ENQUEUE' | 'INTERRUPT';
  readonly clientMessageId: string;
}

interface Acknowledged {
  readonly conversationId: string;
  readonly messageId: string;
  readonly replyId: string;
}

interface Sent extends Acknowledged {
  readonly input: Input;
  /** Unix time in milliseconds. */
  readonly at: number;
}

type Payload = Record<'conversation' | 'userMessage' | 'reply', { id: string }>;

/** Sends a message again until it is acknowledged, like a client that does not know whether it was stored. */
export async function send(host: Host, input: Input): Promise<Acknowledged> {
  while (true) {
    const answer = await host.graphql<{ sendMessage: Payload }>(SEND, { input }).catch(() => undefined);
    const payload = answer?.data?.sendMessage;
    if (payload?.reply) {
      const { conversation, userMessage, reply } = payload;
      return { conversationId: conversation.id, messageId: userMessage.id, replyId: reply.id };
    }
    if (answer !== undefined && answer.status !== 503) throw new Error(`It was refused: ${JSON.stringify(answer)}`);
    await setTimeout(answer ? REFUSED_RETRY_MS : RETRY_MS);
  }
}

/** Follows a stream despite outages, resuming after its last cursor, until the stream ends or `over` aborts. */
export function followDespiteOutages(host: Host, transport: Transport, options: SubscribeOptions, over: AbortSignal) {
  const earlierEvents: StreamEvent[] = [];
  const errors: string[] = [];
  const isOver = new Promise<void>((resolve) => over.addEventListener('abort', () => resolve()));
  let reader: Reader | undefined;

  async function read(): Promise<void> {
    while (!over.aborted) {
      const gateway = await host.current;
      reader = transport.subscribe(gateway, { ...options, after: earlierEvents.at(-1)?.cursor });
      const error = await Promise.race([reader.ended, isOver]);
      reader.leave();
      const isRefused = reader.errors.length > 0;
      const isServed = reader.events.length > 0;
      earlierEvents.push(...reader.events);
      errors.push(...reader.errors);
      reader = undefined;
      // Over REST the end of a response is a reason to reconnect, as it is for browsers.
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
 * Begins a conversation with the last question, whose answer is long, and subscribes two readers to it; waits until
 * each has a cursor to resume from.
 */
export async function begin(
  host: Host,
  { chatbotId, questions, random }: { chatbotId: string; questions: readonly string[]; random: Random },
  over: AbortSignal,
) {
  const sessionId = randomUUID();
  const sent: Sent[] = [];
  const followers = new Map<string, Follower>();

  async function say(content = questions[random.below(questions.length)] ?? ''): Promise<void> {
    const whenBusy = random.below(3) === 0 ? 'INTERRUPT' : 'ENQUEUE';
    const input = { chatbotId, sessionId, content, whenBusy, clientMessageId: randomUUID() } as const;
    const acknowledged = await send(host, input);
    sent.push({ ...acknowledged, input, at: Date.now() });
    const { replyId: messageId } = acknowledged;
    const transport = random.below(2) === 0 ? webSocket : serverSentEvents;
    followers.set(messageId, followDespiteOutages(host, transport, { messageId }, over));
  }

  await say(questions.at(-1));
  const conversationId = sent[0]?.conversationId ?? '';
  const readers = [webSocket, restEvents].map((transport) =>
    followDespiteOutages(host, transport, { conversationId }, over),
  );
  await vi.waitFor(() => {
    for (const { events } of readers) expect(events).not.toEqual([]);
  }, 10_000);
  return { conversationId, random, sent, readers, followers, say };
}

/** A conversation, with its sent messages and its readers. */
export type Conversation = Awaited<ReturnType<typeof begin>>;

/** Whether a follower has received the end of a message. */
export const hasEnded = ({ events }: Follower, id: string) => events.some((event) => endsMessage(event, id));

const countOpen = ({ sent, followers }: Conversation) =>
  sent.filter(({ replyId: id }) => !hasEnded(followers.get(id) as Follower, id)).length;

/** Keeps sending messages until `signal` aborts; after every break, sends the last message again. */
export async function goOn(host: Host, conversation: Conversation, signal: AbortSignal): Promise<void> {
  const { random, sent, say } = conversation;
  let crashes = host.breaks;
  while (!signal.aborted) {
    await setTimeout(random.below(PAUSE_MS));
    const last = sent.at(-1);
    if (last !== undefined && host.breaks > crashes) {
      crashes = host.breaks;
      const { conversationId, messageId, replyId } = last;
      expect(await send(host, last.input)).toEqual({ conversationId, messageId, replyId });
    }
    if (countOpen(conversation) < MAX_OPEN) await say();
  }
}
