import { getIntrospectionQuery } from 'graphql';
import { createClient } from 'graphql-sse';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createChatbot, send } from '../helpers/chatbots.ts';
import { askGraphQL, startGateway, type TestGateway } from '../helpers/gateway.ts';
import { insertLargeConversation } from '../helpers/large.ts';
import { type Answer, codesOf, openSocket } from '../helpers/sockets.ts';
import { writeEvent } from '../helpers/webhooks/webhooks.ts';

const LIMIT = 100_000;

type Ask = (query: string, variables?: object, key?: string) => Promise<Answer>;

/** Sends a query over server-sent events, which carry queries too. */
const askByEvents =
  (gateway: TestGateway): Ask =>
  (query, variables = {}, key = gateway.key) =>
    new Promise((resolve, reject) => {
      const client = createClient({
        url: `${gateway.url}/graphql`,
        headers: { authorization: `Bearer ${key}` },
        retryAttempts: 0,
      });
      client.subscribe(
        { query, variables: { ...variables } },
        {
          next: (answer) => resolve(answer as Answer),
          error: (error) => (Array.isArray(error) ? resolve({ errors: error }) : reject(error)),
          complete: () => {},
        },
      );
    });

const askBySocket =
  (gateway: TestGateway): Ask =>
  async (query, variables, key = gateway.key) => {
    const socket = openSocket(gateway, { authorization: `Bearer ${key}` });
    const answer = await socket.ask(query, variables);
    socket.close();
    return answer;
  };

const TRANSPORTS: readonly (readonly [name: string, open: (gateway: TestGateway) => Ask])[] = [
  ['HTTP', (gateway) => (query, variables, key) => gateway.graphql(query, variables, key)],
  ['server-sent events', askByEvents],
  ['WebSocket', askBySocket],
];

describe.each(['true', 'false'])('a response of more than MAX_ANSWER_BYTES, compiled operations: %s,', (isCompiled) => {
  let gateway: TestGateway;
  let plain: Awaited<ReturnType<typeof insertLargeConversation>>;
  let wild: Awaited<ReturnType<typeof insertLargeConversation>>;

  beforeAll(async () => {
    gateway = await startGateway({ env: { MAX_ANSWER_BYTES: String(LIMIT), GRAPHQL_JIT: isCompiled } });
    const { db } = gateway.deps;
    plain = await insertLargeConversation(db, gateway.accountId, {
      messages: 30,
      content: 'x'.repeat(4_000),
      metadata: { note: 'y'.repeat(1_000) },
    });
    wild = await insertLargeConversation(db, gateway.accountId, {
      messages: 10,
      content: '\u0001'.repeat(2_000),
      metadata: {},
    });
  });
  afterAll(async () => {
    expect(gateway.logs.filter(({ level }) => Number(level) >= 50)).toEqual([]);
    await gateway.close();
  });

  const page = (fields: string, first: number, where = '$id') =>
    `query(${where}:ID!){conversation(id:${where}){messages(first:${first}){nodes{${fields}}}}}`;
  const many = (times: number, text: (index: number) => string) =>
    Array.from({ length: times }, (_, i) => text(i)).join(' ');

  const TOO_LARGE: Readonly<Record<string, string>> = {
    'long texts': page('content', 30),
    'texts that escapes make long': page('content', 10, '$wild'),
    'JSON values under several names': page(
      many(5, (i) => `a${i}:metadata`),
      25,
    ),
    'a text under several names': page(
      many(10, (i) => `a${i}:content`),
      3,
    ),
    'long names of values': page(`${'n'.repeat(4_000)}:id`, 30),
    'the same conversation again and again': `query($id:ID!){nodes(ids:[$id,$id,$id]){...F}} fragment F on Conversation{messages(first:10){nodes{content}}}`,
    'the same field under several names': `query($id:ID!){${many(4, (i) => `a${i}:conversation(id:$id){messages(first:10){nodes{content}}}`)}}`,
    'the schema': getIntrospectionQuery(),
  };

  describe.each(TRANSPORTS)('over %s,', (_name, open) => {
    it.each(Object.entries(TOO_LARGE))('is an error without data for %s', async (_what, query) => {
      const answer = await open(gateway)(query, { id: plain.conversationId, wild: wild.conversationId });
      expect(codesOf(answer)).toEqual(['QUERY_TOO_COMPLEX']);
      expect(answer.data ?? null).toBeNull();
      const { cost, limit } = answer.errors?.[0]?.extensions ?? {};
      expect(Number(cost)).toBeGreaterThan(Number(limit));
    });

    it('is sent if it fits', async () => {
      const { data, errors } = await open(gateway)(page('content', 20), { id: plain.conversationId });
      expect(errors).toBeUndefined();
      expect(JSON.stringify(data).length).toBeGreaterThan(80_000);
    });
  });

  it('is rejected with its largest parts named', async () => {
    const { errors } = await gateway.graphql(
      `query($id:ID!){small:conversation(id:$id){id} large:conversation(id:$id){messages(first:30){nodes{content}}}}`,
      { id: plain.conversationId },
    );
    expect(errors?.[0]?.extensions).toMatchObject({ limit: LIMIT, parts: [{ field: 'large' }, { field: 'small' }] });
  });

  it('makes a webhook send its default body, with the reason', async () => {
    const { id } = await writeEvent(gateway, { name: 'CONVERSATION_STARTED', conversationId: plain.conversationId });
    const document =
      'subscription{event{...on ConversationStartedEvent{conversation{messages(first:30){nodes{content}}}}}}';
    const { data, errors } = await gateway.graphql<{ dryRunWebhook: { payloadProblem: string } }>(
      'query($id:ID!,$document:String!){dryRunWebhook(eventId:$id,document:$document){payload payloadProblem}}',
      { id, document },
    );
    expect(errors).toBeUndefined();
    expect(data.dryRunWebhook.payloadProblem).toMatch(/too large/);
  });

  it('is no error of a mutation that has run', async () => {
    const { data, errors } = await gateway.graphql<{ closeConversation: { conversation: Record<string, unknown> } }>(
      `mutation($id:ID!){closeConversation(input:{conversationId:$id}){...on CloseConversationPayload{
        conversation{status messages(first:30){nodes{content}}}}}}`,
      { id: plain.conversationId },
    );
    expect(errors).toBeUndefined();
    expect(data.closeConversation.conversation.status).toBe('CLOSED');
    expect(JSON.stringify(data).length).toBeGreaterThan(LIMIT);
  });

  it('is still sent if it is a complete list over REST', async () => {
    const { key, accountId } = await gateway.createTenant();
    const name = 'n'.repeat(255);
    for (let i = 0; i < 250; i++) await createChatbot(gateway, { key, name: `${i} ${name.slice(4)}` });
    const response = await gateway.fetch('/v1/chatbots', { headers: { Authorization: `Bearer ${key}` } });
    const text = await response.text();
    expect(accountId).toBeTruthy();
    expect([JSON.parse(text).length, text.length > LIMIT]).toEqual([250, true]);
  });

  it.each(TRANSPORTS.slice(1))('is an error of the event over %s', async (_name, open) => {
    const chatbotId = await createChatbot(gateway, { sources: ['We open at ten.'] });
    const { replyId } = await send(gateway, { chatbotId, content: 'When do you open?' });
    const query = (fields: string) =>
      `subscription($id:ID!){messageStream(messageId:$id){...on MessageCreated{message{...F}}
        ...on MessageStarted{message{...F}} ...on MessageCompleted{message{...F}}}} fragment F on Message{${fields}}`;
    const refused = await open(gateway)(query(many(4, (i) => `${'n'.repeat(30_000)}${i}:id`)), { id: replyId });
    expect(codesOf(refused)).toEqual(['QUERY_TOO_COMPLEX']);
    expect(refused.data ?? null).toBeNull();
    expect((await open(gateway)(query('id'), { id: replyId })).errors).toBeUndefined();
  });
});

describe('a mutation', () => {
  it('is rejected without side effects if the largest possible response does not fit', async () => {
    const gateway = await startGateway();
    const { conversationId } = await insertLargeConversation(gateway.deps.db, gateway.accountId, {
      messages: 1,
      content: 'x',
      metadata: {},
    });
    const close = (first: number) =>
      askGraphQL<{ closeConversation: object }>(
        gateway,
        `mutation($id:ID!){closeConversation(input:{conversationId:$id}){...on CloseConversationPayload{
          conversation{messages(first:${first}){nodes{content reasoning metadata}}}}}}`,
        { id: conversationId },
      );
    const read = async () =>
      (
        await gateway.graphql<{ conversation: object }>('query($id:ID!){conversation(id:$id){status}}', {
          id: conversationId,
        })
      ).data.conversation;
    const refused = await close(100);
    expect(codesOf(refused)).toEqual(['QUERY_TOO_COMPLEX']);
    expect(refused.errors?.[0]?.extensions.parts).toMatchObject([{ field: 'closeConversation' }]);
    expect(await read()).toEqual({ status: 'OPEN' });
    expect((await close(20)).errors).toBeUndefined();
    expect(await read()).toEqual({ status: 'CLOSED' });
    await gateway.close();
  });
});
