import { getIntrospectionQuery } from 'graphql';
import { createClient } from 'graphql-sse';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createChatbot, send } from '../helpers/chatbots.ts';
import { requestGraphQL, startGateway, type TestGateway } from '../helpers/gateway.ts';
import { insertLargeConversation } from '../helpers/large-conversation.ts';
import { errorCodesOf, type OperationResult, openSocket } from '../helpers/sockets.ts';
import { storeEvent } from '../helpers/webhooks/webhooks.ts';

const MAX_BYTES = 100_000;

type RunOperation = (query: string, variables?: object, key?: string) => Promise<OperationResult>;

/** Runs a query over server-sent events, and returns its only result. */
const runOverEvents =
  (gateway: TestGateway): RunOperation =>
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
          next: (answer) => resolve(answer as OperationResult),
          error: (error) => (Array.isArray(error) ? resolve({ errors: error }) : reject(error)),
          complete: () => {},
        },
      );
    });

const runOverSocket =
  (gateway: TestGateway): RunOperation =>
  async (query, variables, key = gateway.key) => {
    const socket = openSocket(gateway, { authorization: `Bearer ${key}` });
    const answer = await socket.execute(query, variables);
    socket.close();
    return answer;
  };

const TRANSPORTS: readonly (readonly [name: string, runnerFor: (gateway: TestGateway) => RunOperation])[] = [
  ['HTTP', (gateway) => (query, variables, key) => gateway.graphql(query, variables, key)],
  ['server-sent events', runOverEvents],
  ['WebSocket', runOverSocket],
];

describe.each(['true', 'false'])('a response of more than MAX_ANSWER_BYTES, compiled operations: %s,', (isCompiled) => {
  let gateway: TestGateway;
  let plainTexts: Awaited<ReturnType<typeof insertLargeConversation>>;
  let escapedTexts: Awaited<ReturnType<typeof insertLargeConversation>>;

  beforeAll(async () => {
    gateway = await startGateway({ env: { MAX_ANSWER_BYTES: String(MAX_BYTES), GRAPHQL_JIT: isCompiled } });
    const { db } = gateway.deps;
    plainTexts = await insertLargeConversation(db, gateway.accountId, {
      messages: 30,
      content: 'x'.repeat(4_000),
      metadata: { note: 'y'.repeat(1_000) },
    });
    escapedTexts = await insertLargeConversation(db, gateway.accountId, {
      messages: 10,
      content: '\u0001'.repeat(2_000),
      metadata: {},
    });
  });
  afterAll(async () => {
    expect(gateway.logs.filter(({ level }) => Number(level) >= 50)).toEqual([]);
    await gateway.close();
  });

  const messagesQuery = (fields: string, first: number, idVariable = '$id') =>
    `query(${idVariable}:ID!){conversation(id:${idVariable}){messages(first:${first}){nodes{${fields}}}}}`;
  const repeatIndexed = (times: number, text: (index: number) => string) =>
    Array.from({ length: times }, (_, i) => text(i)).join(' ');

  const TOO_LARGE_QUERIES: Readonly<Record<string, string>> = {
    'long texts': messagesQuery('content', 30),
    'texts that JSON escapes make long': messagesQuery('content', 10, '$escapedTexts'),
    'JSON values under several aliases': messagesQuery(
      repeatIndexed(5, (i) => `a${i}:metadata`),
      25,
    ),
    'a text under several aliases': messagesQuery(
      repeatIndexed(10, (i) => `a${i}:content`),
      3,
    ),
    'long aliases': messagesQuery(`${'n'.repeat(4_000)}:id`, 30),
    'the same conversation several times': `query($id:ID!){nodes(ids:[$id,$id,$id]){...F}} fragment F on Conversation{messages(first:10){nodes{content}}}`,
    'the same field under several aliases': `query($id:ID!){${repeatIndexed(4, (i) => `a${i}:conversation(id:$id){messages(first:10){nodes{content}}}`)}}`,
    'the schema': getIntrospectionQuery(),
  };

  describe.each(TRANSPORTS)('over %s,', (_name, runnerFor) => {
    it.each(Object.entries(TOO_LARGE_QUERIES))('is an error without data for %s', async (_what, query) => {
      const answer = await runnerFor(gateway)(query, {
        id: plainTexts.conversationId,
        escapedTexts: escapedTexts.conversationId,
      });
      expect(errorCodesOf(answer)).toEqual(['QUERY_TOO_COMPLEX']);
      expect(answer.data ?? null).toBeNull();
      const { cost, limit } = answer.errors?.[0]?.extensions ?? {};
      expect(Number(cost)).toBeGreaterThan(Number(limit));
    });

    it('is rejected, while a response of 80,000 bytes is sent', async () => {
      const { data, errors } = await runnerFor(gateway)(messagesQuery('content', 20), {
        id: plainTexts.conversationId,
      });
      expect(errors).toBeUndefined();
      expect(JSON.stringify(data).length).toBeGreaterThan(80_000);
    });
  });

  it('is rejected with an error that lists its largest root fields', async () => {
    const { errors } = await gateway.graphql(
      `query($id:ID!){small:conversation(id:$id){id} large:conversation(id:$id){messages(first:30){nodes{content}}}}`,
      { id: plainTexts.conversationId },
    );
    expect(errors?.[0]?.extensions).toMatchObject({
      limit: MAX_BYTES,
      parts: [{ path: ['large'] }, { path: ['small'] }],
    });
  });

  it('makes a webhook send its default body, and is reported in the dry run', async () => {
    const { id } = await storeEvent(gateway, {
      name: 'CONVERSATION_STARTED',
      conversationId: plainTexts.conversationId,
    });
    const document =
      'subscription{event{...on ConversationStartedWebhook{conversation{messages(first:30){nodes{content}}}}}}';
    const { data, errors } = await gateway.graphql<{ dryRunWebhook: { payloadProblem: string } }>(
      'query($id:ID!,$document:String!){dryRunWebhook(eventId:$id,document:$document){payload payloadProblem}}',
      { id, document },
    );
    expect(errors).toBeUndefined();
    expect(data.dryRunWebhook.payloadProblem).toMatch(/too large/);
  });

  it('is sent in full after a mutation has run', async () => {
    const { data, errors } = await gateway.graphql<{ closeConversation: { conversation: Record<string, unknown> } }>(
      `mutation($id:ID!){closeConversation(input:{id:$id}){...on CloseConversationPayload{
        conversation{status messages(first:30){nodes{content}}}}}}`,
      { id: plainTexts.conversationId },
    );
    expect(errors).toBeUndefined();
    expect(data.closeConversation.conversation.status).toBe('CLOSED');
    expect(JSON.stringify(data).length).toBeGreaterThan(MAX_BYTES);
  });

  it('is sent in full over REST, where lists have no limit', async () => {
    const { key, accountId } = await gateway.createTenant();
    const name = 'n'.repeat(255);
    for (let i = 0; i < 250; i++) await createChatbot(gateway, { key, name: `${i} ${name.slice(4)}` });
    const response = await gateway.fetch('/v1/chatbots', { headers: { Authorization: `Bearer ${key}` } });
    const text = await response.text();
    expect(accountId).toBeTruthy();
    expect([JSON.parse(text).length, text.length > MAX_BYTES]).toEqual([250, true]);
  });

  it.each(TRANSPORTS.slice(1))('is an error in place of the event over %s', async (_name, runnerFor) => {
    const chatbotId = await createChatbot(gateway, { sources: ['We open at ten.'] });
    const { replyId } = await send(gateway, { chatbotId, content: 'When do you open?' });
    const query = (fields: string) =>
      `subscription($id:ID!){messageStream(messageId:$id){...on MessageCreated{message{...F}}
        ...on MessageStarted{message{...F}} ...on MessageCompleted{message{...F}}}} fragment F on Message{${fields}}`;
    const refused = await runnerFor(gateway)(query(repeatIndexed(4, (i) => `${'n'.repeat(30_000)}${i}:id`)), {
      id: replyId,
    });
    expect(errorCodesOf(refused)).toEqual(['QUERY_TOO_COMPLEX']);
    expect(refused.data ?? null).toBeNull();
    expect((await runnerFor(gateway)(query('id'), { id: replyId })).errors).toBeUndefined();
  });
});

describe('a mutation', () => {
  it('is rejected without side effects if its largest possible response is too large', async () => {
    const gateway = await startGateway();
    const { conversationId } = await insertLargeConversation(gateway.deps.db, gateway.accountId, {
      messages: 1,
      content: 'x',
      metadata: {},
    });
    const closeConversation = (first: number) =>
      requestGraphQL<{ closeConversation: object }>(
        gateway,
        `mutation($id:ID!){closeConversation(input:{id:$id}){...on CloseConversationPayload{
          conversation{messages(first:${first}){nodes{content reasoning metadata}}}}}}`,
        { id: conversationId },
      );
    const readStatus = async () =>
      (
        await gateway.graphql<{ conversation: object }>('query($id:ID!){conversation(id:$id){status}}', {
          id: conversationId,
        })
      ).data.conversation;
    const refused = await closeConversation(100);
    expect(errorCodesOf(refused)).toEqual(['QUERY_TOO_COMPLEX']);
    expect(refused.errors?.[0]?.extensions.parts).toMatchObject([{ path: ['closeConversation'] }]);
    expect(await readStatus()).toEqual({ status: 'OPEN' });
    expect((await closeConversation(20)).errors).toBeUndefined();
    expect(await readStatus()).toEqual({ status: 'CLOSED' });
    await gateway.close();
  });
});
