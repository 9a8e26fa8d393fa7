import { createClient } from 'graphql-ws';
import { describe, expect, it, onTestFinished } from 'vitest';
import { WebSocket } from 'ws';
import { createId } from '../../src/domain/ids.ts';
import { createChatbot, send } from '../helpers/chatbots.ts';
import {
  describeEvents,
  startGatewayWithCompletedReply,
  startGatewayWithOpenReply,
  waitForReaders,
} from '../helpers/conversations.ts';
import { startGateway, type TestGateway } from '../helpers/gateway.ts';
import { delta, finish } from '../helpers/models/engines.ts';
import { createRandom, yieldToEventLoop } from '../helpers/random.ts';
import { restEvents } from '../helpers/rest-stream.ts';
import { createReader, type Reader, type StreamEvent, TRANSPORTS, webSocket } from '../helpers/streams.ts';
import { mutate } from '../schema/support.ts';

/** The number of random interleavings: set it to 1000 for a long run. */
const INTERLEAVINGS = Number(process.env.INTERLEAVINGS ?? 40);

interface Page {
  readonly nodes: readonly { readonly id: string }[];
}

interface ConversationCursor {
  readonly eventCursor: string;
  readonly messages: Page;
}

/** Reads `eventCursor` with the messages of a conversation, before and after it in the document. */
async function readConversation(gateway: TestGateway, id: string, key?: string): Promise<ConversationCursor> {
  const query = 'query ($id: ID!) { conversation(id: $id) { messages(last: 20) { nodes { id } } eventCursor } }';
  const { data } = await gateway.graphql<{ conversation: ConversationCursor }>(query, { id }, key);
  return data.conversation;
}

describe('StreamReady', () => {
  it.each(TRANSPORTS)('is the first event over $name, with or without a cursor', async ({ subscribe }) => {
    const { gateway, engine, chatbotId, conversationId } = await startGatewayWithCompletedReply();
    for (const target of [{ conversationId }, { chatbotId }, { chatbotIds: null }]) {
      const reader = subscribe(gateway, target);
      const ready = await reader.ready;
      expect(ready).toMatchObject({
        chatbotId: 'chatbotIds' in target ? null : chatbotId,
        conversationId: 'conversationId' in target ? conversationId : null,
        at: expect.any(String),
      });
      engine.push(delta('Yes.'), finish);
      const { replyId } = await send(gateway, { conversationId, content: 'More?' });
      const isEnd = ({ __typename, message }: StreamEvent) =>
        __typename === 'MessageCompleted' && message?.id === replyId;
      const { cursor } = await reader.until(isEnd);
      const resumed = [ready.cursor, cursor].map((after) => subscribe(gateway, { ...target, after }));
      expect(await Promise.all(resumed.map(async (each) => (await each.ready).cursor))).toEqual([ready.cursor, cursor]);
      await resumed[0]?.until(isEnd);
      // What was sent as it was written arrives as a whole now.
      expect(describeEvents(resumed[0]?.events ?? []).at(-1)).toBe(describeEvents(reader.events).at(-1));
      expect(resumed[1]?.events).toEqual([]);
      for (const each of [reader, ...resumed]) each.unsubscribe();
    }
  });

  it('is not sent by messageStream, nor over REST', async () => {
    const { gateway, engine, conversationId, replyId } = await startGatewayWithCompletedReply();
    const message = webSocket.subscribe(gateway, { messageId: replyId });
    await message.ended;
    expect(message.events[0]?.__typename).toBe('MessageCreated');
    const rest = restEvents.subscribe(gateway, { conversationId });
    await waitForReaders(gateway, 1);
    engine.push(finish);
    await send(gateway, { conversationId, content: 'More?' });
    await rest.until(({ __typename }) => __typename === 'MessageCompleted');
    expect(rest.events[0]?.__typename).toBe('MessageCreated');
    rest.unsubscribe();
    const ready = await Promise.race([rest.ready, Promise.resolve('none')]);
    expect(ready).toBe('none');
  });
});

describe('eventCursor', () => {
  it('comes before the effect of a mutation that returns it', async () => {
    const { gateway, chatbotId, conversationId } = await startGatewayWithCompletedReply();
    const { conversation } = await mutate<{ conversation: { eventCursor: string; chatbot: { eventCursor: string } } }>(
      gateway,
      'assignConversation',
      { id: conversationId, assignee: 'ada' },
      { selection: 'conversation { eventCursor chatbot { eventCursor } }' },
    );
    const readers = [
      webSocket.subscribe(gateway, { conversationId, after: conversation.eventCursor }),
      webSocket.subscribe(gateway, { chatbotId, after: conversation.chatbot.eventCursor }),
    ];
    for (const reader of readers) {
      await reader.until(({ conversation: changed }) => changed?.assignee === 'ada');
      expect(reader.events).toHaveLength(1);
      reader.unsubscribe();
    }
  });

  it('in an event is the position of that event', async () => {
    const { gateway, engine, conversationId } = await startGatewayWithCompletedReply();
    const client = createSharedClient(gateway);
    const query = `subscription { accountEvents { __typename ... on MessageCreated {
      message { id conversation { eventCursor } } conversation { id eventCursor chatbot { eventCursor } } } } }`;
    type Event = StreamEvent & { conversation: ConversationCursor; message: { conversation: ConversationCursor } };
    const reader = client.subscribe(query, {});
    await reader.ready;
    engine.push(finish);
    await send(gateway, { conversationId, content: 'More?' });
    await reader.until(() => reader.events.length === 3);
    const [question, reply] = reader.events as unknown as [Event, Event];
    expect(question.message.conversation.eventCursor).toBe(question.conversation.eventCursor);
    for (const [event, expected] of [
      [question, ['MessageCreated', 'MessageCompleted']],
      [reply, ['MessageCompleted']],
    ] as const) {
      const resumed = webSocket.subscribe(gateway, { conversationId, after: event.conversation.eventCursor });
      await resumed.until(({ __typename }) => __typename === 'MessageCompleted');
      expect(resumed.events.map(({ __typename }) => __typename)).toEqual(expected);
      resumed.unsubscribe();
    }
    reader.unsubscribe();
  });

  it('leads to the whole reply that is being written, and to the text of a reply that begins later', async () => {
    const { gateway, engine, conversationId, replyId } = await startGatewayWithOpenReply();
    engine.push(delta('The first '));
    const live = webSocket.subscribe(gateway, { messageId: replyId });
    await live.until(({ text }) => text !== undefined);
    const before = await readConversation(gateway, conversationId);
    const during = webSocket.subscribe(gateway, { conversationId, after: before.eventCursor });
    await during.until(({ text }) => text === 'The first ');
    engine.push(delta('answer.'), finish);
    await live.ended;
    const between = await readConversation(gateway, conversationId);
    const second = await send(gateway, { conversationId, content: 'And?' });
    engine.push(delta('The second'));
    const secondLive = webSocket.subscribe(gateway, { messageId: second.replyId });
    await secondLive.until(({ text }) => text !== undefined);
    const late = [before, between].map(({ eventCursor: after }) =>
      webSocket.subscribe(gateway, { conversationId, after }),
    );
    for (const reader of [during, ...late]) await reader.until(({ text }) => text === 'The second');
    engine.push(finish);
    for (const reader of [during, ...late]) {
      await reader.until((event) => event.__typename === 'MessageCompleted' && event.message?.id === second.replyId);
      const names = { [replyId]: 'A1', [second.messageId]: 'Q2', [second.replyId]: 'A2' };
      const described = describeEvents(reader.events, names);
      expect(described.slice(-4)).toEqual([
        'MessageCreated Q2',
        'MessageCreated A2',
        'MessageDelta A2 "The second"',
        'MessageCompleted A2',
      ]);
      if (reader === during) expect(described[0]).toBe('MessageCreated A1');
      else expect(described.slice(0, -4)).toEqual(reader === late[0] ? ['MessageCompleted A1'] : []);
      reader.unsubscribe();
    }
  });

  it('leads to an empty conversation of a chatbot that had no events', async () => {
    const gateway = await startGateway();
    onTestFinished(() => gateway.close());
    const chatbotId = await createChatbot(gateway);
    const { data } = await gateway.graphql<{
      chatbot: { eventCursor: string };
      viewer: { account: { eventCursor: string } };
    }>('query ($id: ID!) { chatbot(id: $id) { eventCursor } viewer { account { eventCursor } } }', { id: chatbotId });
    const { chatbot, viewer } = data;
    const readers = [
      webSocket.subscribe(gateway, { chatbotId, after: chatbot.eventCursor }),
      webSocket.subscribe(gateway, { chatbotIds: null, after: viewer.account.eventCursor }),
    ];
    const { messageId } = await send(gateway, { chatbotId, content: 'First?' });
    for (const reader of readers) {
      const first = await reader.until(() => true);
      expect(first.message?.id).toBe(messageId);
      reader.unsubscribe();
    }
  });

  it('is valid only for the stream of its own object', async () => {
    const { gateway, engine, chatbotId, conversationId } = await startGatewayWithCompletedReply();
    engine.push(finish);
    const { conversationId: otherId } = await send(gateway, { chatbotId, content: 'Elsewhere?' });
    await mutate(gateway, 'closeConversation', { id: otherId });
    const { data } = await gateway.graphql<{
      conversation: { eventCursor: string; chatbot: { eventCursor: string } };
      viewer: { account: { eventCursor: string } };
    }>(
      'query ($id: ID!) { conversation(id: $id) { eventCursor chatbot { eventCursor } } viewer { account { eventCursor } } }',
      { id: conversationId },
    );
    const cursors = [data.conversation, data.conversation.chatbot, data.viewer.account];
    const targets = [{ conversationId }, { chatbotId }, { chatbotIds: null }];
    for (const [index, { eventCursor: after }] of cursors.entries()) {
      expect(after.length).toBeLessThan(256);
      for (const [other, target] of [...targets, { conversationId: otherId }].entries()) {
        const reader = webSocket.subscribe(gateway, { ...target, after });
        await Promise.race([reader.ready, reader.ended]);
        expect([index, other, reader.errors]).toEqual([index, other, index === other ? [] : ['BAD_USER_INPUT']]);
        reader.unsubscribe();
      }
    }
  });

  it('requires READ, or CHAT for a conversation', async () => {
    const { gateway, engine, chatbotId, conversationId } = await startGatewayWithCompletedReply();
    engine.push(finish);
    const key = await gateway.createKey(gateway.accountId, ['READ']);
    expect((await readConversation(gateway, conversationId, key)).eventCursor).toMatch(/^2c_at_/);
    const weakKey = await gateway.createKey(gateway.accountId, ['CHAT', 'MANAGE']);
    const { errors } = await gateway.graphql('{ viewer { account { eventCursor } } }', {}, weakKey);
    expect(errors?.map(({ extensions }) => extensions.code)).toEqual(['FORBIDDEN']);
    const input = { chatbotId, content: 'Well?', sessionId: createId('conversation') };
    const selection = 'conversation { eventCursor }';
    const sent = await mutate<{ conversation: ConversationCursor }>(gateway, 'sendMessage', input, {
      selection,
      key: await gateway.createKey(gateway.accountId, ['CHAT']),
    });
    expect(sent.conversation.eventCursor).toMatch(/^2c_at_/);
  });
});

/** A client whose subscriptions share one socket, which makes many of them cheap. */
function createSharedClient({ url, key }: TestGateway) {
  const client = createClient({
    url: `${url.replace('http', 'ws')}/graphql`,
    webSocketImpl: WebSocket,
    connectionParams: { authorization: `Bearer ${key}` },
    lazy: false,
  });
  onTestFinished(() => void client.dispose());
  return {
    subscribe: (query: string, variables: Record<string, unknown>): Reader =>
      createReader(
        (sink) => client.subscribe<Record<string, StreamEvent>>({ query, variables }, sink),
        () => {},
      ),
  };
}

/** The streams, each with a query of its cursor between the data that it must not be newer than. */
const STREAMS = {
  conversationEvents: {
    query: `query ($conversationId: ID!) {
      conversation(id: $conversationId) { messages(last: 20) { nodes { id } } eventCursor chatbot { id } } }`,
    subscription: `subscription ($conversationId: ID!, $after: String) {
      conversationEvents(conversationId: $conversationId, after: $after) { EVENT } }`,
  },
  chatbotEvents: {
    query: `query ($chatbotId: ID!) { chatbot(id: $chatbotId) {
      conversations(first: 1) { nodes { messages(last: 20) { nodes { id } } chatbot { eventCursor } } } } }`,
    subscription:
      'subscription ($chatbotId: ID!, $after: String) { chatbotEvents(chatbotId: $chatbotId, after: $after) { EVENT } }',
  },
  accountEvents: {
    query: `query ($conversationId: ID!) {
      conversation(id: $conversationId) { messages(last: 20) { nodes { id } } } viewer { account { eventCursor } } }`,
    subscription: 'subscription ($after: String) { accountEvents(after: $after) { EVENT } }',
  },
} as const;
const EVENT = '__typename cursor ... on MessageCreated { message { id } }';

it(`misses no message between a query and a subscription after its eventCursor, ${INTERLEAVINGS} times in each stream`, async () => {
  const random = createRandom(15);
  const { gateway, chatbotId, conversationId } = await startGatewayWithCompletedReply();
  const client = createSharedClient(gateway);
  const write = async () => {
    const input = { conversationId, content: 'Hello' };
    const sent = await mutate<{ agentMessage: { id: string } }>(gateway, 'sendAgentMessage', input, {
      selection: 'agentMessage { id }',
    });
    return sent.agentMessage.id;
  };

  /** Queries, waits for a while, and subscribes. */
  async function follow({ query, subscription }: (typeof STREAMS)[keyof typeof STREAMS]) {
    await yieldToEventLoop(random.below(20));
    const { data } = await gateway.graphql<object>(query, { chatbotId, conversationId });
    const text = JSON.stringify(data);
    const after = /"eventCursor":"([^"]+)"/.exec(text)?.[1] ?? '';
    await yieldToEventLoop(random.below(30));
    const reader = client.subscribe(subscription.replace('EVENT', EVENT), { chatbotId, conversationId, after });
    return { reader, known: new Set(Array.from(text.matchAll(/"id":"([^"]+)"/g), ([, id = '']) => id)) };
  }

  let missedByQuery = 0;
  for (let round = 0; round < INTERLEAVINGS; round++) {
    const written: string[] = [];
    const writeSome = async () => {
      for (let count = 1 + random.below(4); count > 0; count--) {
        await yieldToEventLoop(random.below(15));
        written.push(await write());
      }
    };
    const [, ...followers] = await Promise.all([writeSome(), ...Object.values(STREAMS).map(follow)]);
    const last = await write();
    for (const { reader, known } of followers) {
      await reader.until(({ message }) => message?.id === last);
      const received = reader.events.flatMap(({ message }) => message?.id ?? []);
      const unknown = written.filter((id) => !known.has(id));
      missedByQuery += unknown.length;
      expect(received.filter((id) => unknown.includes(id))).toEqual(unknown);
      expect(new Set(received).size).toBe(received.length);
      expect(reader.errors).toEqual([]);
      reader.unsubscribe();
    }
  }
  // Otherwise the interleavings would have tested nothing.
  expect(missedByQuery).toBeGreaterThan(INTERLEAVINGS / 4);
}, 3_000_000);
