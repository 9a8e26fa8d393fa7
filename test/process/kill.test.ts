import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { openDatabase } from '../../src/store/database.ts';
import { readEventStream } from '../helpers/event-stream.ts';
import { createDataDir, type RunningGateway, startGatewayProcess } from '../helpers/process.ts';

const KILLS = 15;
const CONVERSATIONS = 4;
/** How many answers of a conversation may be open at once: one that is written, and those that wait. */
const MAX_OPEN = 3;
const LONG = { timeout: 180_000 };
const LIFE_MS = { min: 200, max: 2_200 };
const DEMO = '01900000-0000-7000-8000-000000000003';
const QUESTION = 'How do I follow an answer while it is written?';
/** Answers of about 60 words take a good second. */
const ENV = { BUILTIN_DELAY_MS: '20', RATE_LIMIT_PER_MINUTE: '1000000' };

const SEND = `mutation ($input: SendMessageInput!) { sendMessage(input: $input) {
  ... on SendMessagePayload { conversation { id } message { id } reply { id } }
} }`;

const FOLLOW = `subscription ($conversationId: ID!, $after: String) {
  conversationEvents(conversationId: $conversationId, after: $after) {
    __typename
    cursor
    ... on MessageDelta { messageId offset text }
    ... on MessageCompleted { message { id content } }
    ... on MessageInterrupted { message { id content } }
    ... on MessageFailed { message { id content } }
  }
}`;

interface Acknowledged {
  readonly conversationId: string;
  readonly messageId: string;
  readonly replyId: string;
}

interface Told {
  readonly __typename: string;
  readonly cursor: string;
  readonly messageId?: string;
  readonly offset?: number;
  readonly text?: string;
  readonly message?: { id: string; content: string };
}

/** A gateway that is killed and comes back, for those who want to talk to the one that runs. */
function createSurvivor() {
  let next = Promise.withResolvers<RunningGateway>();
  let key = '';
  return {
    /** Asks the gateway that runs, as soon as there is one. */
    async post(query: string, variables: object, accept = 'application/json', signal?: AbortSignal): Promise<Response> {
      const { url } = await next.promise;
      return fetch(`${url}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', accept, authorization: `Bearer ${key}` },
        body: JSON.stringify({ query, variables }),
        ...(signal && { signal }),
      });
    },
    async start(env: Record<string, string>): Promise<void> {
      const gateway = await startGatewayProcess({ env });
      key ||= gateway.key;
      next.resolve(gateway);
    },
    async kill(): Promise<void> {
      const gateway = await next.promise;
      next = Promise.withResolvers();
      gateway.kill('SIGKILL');
      expect(await gateway.exited).toBe('SIGKILL');
    },
  };
}

type Survivor = ReturnType<typeof createSurvivor>;

/** Sends a message until it is acknowledged, as a client that does not know whether it has arrived. */
async function send({ post }: Survivor, sessionId: string): Promise<Acknowledged> {
  const input = { chatbotId: DEMO, sessionId, content: QUESTION, clientMessageId: randomUUID() };
  while (true) {
    try {
      const response = await post(SEND, { input });
      const { data } = (await response.json()) as { data: { sendMessage: Payload } };
      const { conversation, message, reply } = data.sendMessage;
      return { conversationId: conversation.id, messageId: message.id, replyId: reply.id };
    } catch {
      await setTimeout(20);
    }
  }
}

type Payload = Record<'conversation' | 'message' | 'reply', { id: string }>;

/** Follows a conversation through everything, and goes on after its last cursor. */
function follow({ post }: Survivor, conversationId: string, signal: AbortSignal) {
  const texts = new Map<string, string>();
  const ends: { type: string; id: string; content: string }[] = [];
  const refused: unknown[] = [];
  let after: string | undefined;

  function note({ __typename, cursor, messageId, offset = 0, text = '', message }: Told): void {
    after = cursor;
    if (messageId !== undefined) texts.set(messageId, (texts.get(messageId) ?? '').slice(0, offset) + text);
    if (message !== undefined) ends.push({ type: __typename, ...message });
  }

  async function read(): Promise<void> {
    while (!signal.aborted) {
      try {
        const response = await post(FOLLOW, { conversationId, after }, 'text/event-stream', signal);
        for await (const { event, data = '' } of readEventStream(response)) {
          if (event !== 'next') continue;
          const told = JSON.parse(data) as { data?: { conversationEvents: Told }; errors?: unknown };
          if (told.data) note(told.data.conversationEvents);
          else refused.push(told.errors);
        }
      } catch {
        // The process was killed, or the test is over.
      }
      await setTimeout(20);
    }
  }

  return { conversationId, texts, ends, refused, done: read() };
}

/** Begins a conversation, and waits for the end of its first answer, so that its reader is known to be there. */
async function begin(survivor: Survivor, sessionId: string, over: AbortSignal) {
  const acknowledged = [await send(survivor, sessionId)];
  const reader = follow(survivor, acknowledged[0]?.conversationId ?? '', over);
  await vi.waitFor(() => expect(reader.ends).toHaveLength(1), { timeout: 20_000 });
  return { sessionId, acknowledged, reader };
}

type Conversation = Awaited<ReturnType<typeof begin>>;

/** Keeps a conversation going until `signal` aborts. */
async function goOn(survivor: Survivor, { sessionId, acknowledged, reader }: Conversation, signal: AbortSignal) {
  while (!signal.aborted) {
    await setTimeout(50 + Math.random() * 300);
    if (acknowledged.length - reader.ends.length < MAX_OPEN) acknowledged.push(await send(survivor, sessionId));
  }
}

/** All that is stored. */
async function readStore(dataDir: string) {
  const db = await openDatabase({ url: `sqlite:${join(dataDir, 'chatgraph.db')}`, role: 'tool' });
  try {
    return {
      messages: await db.read.selectFrom('messages').selectAll().orderBy('id').execute(),
      events: await db.read.selectFrom('conversation_events').selectAll().orderBy('number').execute(),
      conversations: await db.read.selectFrom('conversations').selectAll().execute(),
      used: (await db.read.selectFrom('usage').select('messages').executeTakeFirstOrThrow()).messages,
    };
  } finally {
    await db.close();
  }
}

type Store = Awaited<ReturnType<typeof readStore>>;

function expectWholeLog({ events, conversations }: Store): void {
  for (const { id, last_event } of conversations) {
    const own = events.filter(({ conversation_id }) => conversation_id === id);
    expect(own.map(({ number }) => number)).toEqual(own.map((_, index) => index + 1));
    expect(last_event).toBe(own.length);
  }
  const chatbotNumbers = events.map(({ chatbot_number }) => chatbot_number).sort((a, b) => a - b);
  expect(chatbotNumbers).toEqual(chatbotNumbers.map((_, index) => index + 1));
}

function expectConversation({ messages, events }: Store, whole: string, { acknowledged, reader }: Conversation): void {
  const own = messages.filter(({ conversation_id }) => conversation_id === reader.conversationId);
  // Nothing lost, nothing doubled, everything in its order.
  expect(own.map(({ id }) => id)).toEqual(acknowledged.flatMap(({ messageId, replyId }) => [messageId, replyId]));
  expect(reader.refused).toEqual([]);
  for (const { id, role, status, content } of own) {
    const types = events.filter(({ message_id }) => message_id === id).map(({ type }) => type);
    expect(types.filter((type) => type === 'MessageCreated')).toHaveLength(1);
    if (role === 'USER') {
      expect([status, content, types.length]).toEqual(['COMPLETED', QUESTION, 1]);
      continue;
    }
    expect(status).toMatch(/^(COMPLETED|INTERRUPTED)$/);
    expect(content).toBe(status === 'COMPLETED' ? whole : whole.slice(0, content.length));
    const type = status === 'COMPLETED' ? 'MessageCompleted' : 'MessageInterrupted';
    expect(types.filter((name) => !/Created|Started/.test(name))).toEqual([type]);
    expect(reader.ends.filter((end) => end.id === id)).toEqual([{ type, id, content }]);
    // A reader may have been told more than was saved, and nothing else.
    const text = reader.texts.get(id) ?? '';
    expect(whole.slice(0, text.length)).toBe(text);
    expect(text.slice(0, content.length)).toBe(content);
  }
}

describe('a process', () => {
  it(`killed ${KILLS} times under load loses nothing acknowledged, and ends every answer`, LONG, async () => {
    const env = { ...ENV, DATA_DIR: await createDataDir() };
    const survivor = createSurvivor();
    const sending = new AbortController();
    const over = new AbortController();
    onTestFinished(() => {
      sending.abort();
      over.abort();
    });
    await survivor.start(env);
    const conversations = await Promise.all(
      Array.from({ length: CONVERSATIONS }, (_, index) => begin(survivor, `session ${index}`, over.signal)),
    );
    const going = conversations.map((conversation) => goOn(survivor, conversation, sending.signal));
    for (let kill = 0; kill < KILLS; kill++) {
      await setTimeout(LIFE_MS.min + Math.random() * (LIFE_MS.max - LIFE_MS.min));
      await survivor.kill();
      await survivor.start(env);
    }
    sending.abort();
    await Promise.all(going);
    await vi.waitFor(
      () => {
        for (const { acknowledged, reader } of conversations) expect(reader.ends).toHaveLength(acknowledged.length);
      },
      { timeout: 30_000, interval: 100 },
    );
    over.abort();
    await Promise.all(conversations.map(({ reader }) => reader.done));

    const store = await readStore(env.DATA_DIR);
    const answers = store.messages.filter(({ role }) => role === 'ASSISTANT');
    const wholes = new Set(answers.filter(({ status }) => status === 'COMPLETED').map(({ content }) => content));
    expect(wholes.size).toBe(1);
    const [whole = ''] = wholes;
    expectWholeLog(store);
    for (const conversation of conversations) expectConversation(store, whole, conversation);
    expect(store.used).toBe(answers.filter(({ content }) => content !== '').length);
    // The moments were such that it mattered.
    const cut = answers.filter(({ status }) => status === 'INTERRUPTED');
    expect(cut.length).toBeGreaterThan(KILLS / 3);
    expect(cut.some(({ content }) => content !== '')).toBe(true);
  });
});
