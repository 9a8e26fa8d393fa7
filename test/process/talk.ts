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

/** How many answers of a conversation may be open at once: one that is written, and those that wait. */
const MAX_OPEN = 3;
const PAUSE_MS = 250;
const RETRY_MS = 10;
/** Where the door is open and nobody can be served, it may take a while. */
const REFUSED_RETRY_MS = 250;

const SEND = `mutation ($input: SendMessageInput!) { sendMessage(input: $input) {
  ... on SendMessagePayload { conversation { id } userMessage { id } reply { id } }
  ... on Error { code }
} }`;

/** Where one talks: a gateway that may go away and come back, or several. */
export interface Host {
  /** One that can be asked now, or as soon as there is one. */
  readonly current: Promise<GatewayAddress>;
  /** Runs a GraphQL operation there; rejects when it goes away meanwhile. */
  graphql<T>(query: string, variables: object): Promise<GraphQLAnswer<T>>;
  /** How often something was taken away. */
  readonly breaks: number;
}

/** What is said, and where: with a chatbot, or in a conversation that there is. */
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
  /** By the clock, in ms. */
  readonly at: number;
}

type Payload = Record<'conversation' | 'userMessage' | 'reply', { id: string }>;

/** Sends a message until it is acknowledged, as a client that does not know whether it has arrived. */
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

/** Follows something through everything, and goes on after its last cursor, until it ends or `over` aborts. */
export function followThrough(host: Host, transport: Transport, options: SubscribeOptions, over: AbortSignal) {
  const seen: StreamEvent[] = [];
  const errors: string[] = [];
  const isOver = new Promise<void>((resolve) => over.addEventListener('abort', () => resolve()));
  let reader: Reader | undefined;

  async function read(): Promise<void> {
    while (!over.aborted) {
      const gateway = await host.current;
      reader = transport.subscribe(gateway, { ...options, after: seen.at(-1)?.cursor });
      const error = await Promise.race([reader.ended, isOver]);
      reader.leave();
      const isRefused = reader.errors.length > 0;
      const isServed = reader.events.length > 0;
      seen.push(...reader.events);
      errors.push(...reader.errors);
      reader = undefined;
      // Over REST an end is a reason to come back, as it is to browsers.
      if (error === undefined && !isRefused && transport !== restEvents) return;
      await setTimeout(isServed ? RETRY_MS : REFUSED_RETRY_MS);
    }
  }

  return {
    /** All that was told so far. */
    get events(): readonly StreamEvent[] {
      return [...seen, ...(reader?.events ?? [])];
    },
    errors,
    done: read(),
  };
}

/** One who follows something through everything. */
export type Follower = ReturnType<typeof followThrough>;

/**
 * Begins a conversation with the last of some questions, whose answer takes a while, and two readers; waits until those
 * have a place to come back to.
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
    followers.set(messageId, followThrough(host, transport, { messageId }, over));
  }

  await say(questions.at(-1));
  const conversationId = sent[0]?.conversationId ?? '';
  const readers = [webSocket, restEvents].map((transport) => followThrough(host, transport, { conversationId }, over));
  await vi.waitFor(() => {
    for (const { events } of readers) expect(events).not.toEqual([]);
  }, 10_000);
  return { conversationId, random, sent, readers, followers, say };
}

/** A conversation, with all that was said in it and everybody who follows it. */
export type Conversation = Awaited<ReturnType<typeof begin>>;

/** Whether one was told the end of a message. */
export const hasEnded = ({ events }: Follower, id: string) => events.some((event) => endsMessage(event, id));

const countOpen = ({ sent, followers }: Conversation) =>
  sent.filter(({ replyId: id }) => !hasEnded(followers.get(id) as Follower, id)).length;

/** Keeps a conversation going until `signal` aborts; after every crash says once more what was said last. */
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
