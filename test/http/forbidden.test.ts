import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Scope } from '../../src/domain/entities.ts';
import { createChatbot, send } from '../helpers/chatbots.ts';
import { startGateway, type TestGateway } from '../helpers/gateway.ts';
import { openRawSocket } from '../helpers/raw-sockets.ts';
import { errorCodesOf } from '../helpers/sockets.ts';
import { createTransports, TRANSPORTS } from '../helpers/transports.ts';
import { SECRET_KEY, storeEvent, subscribe } from '../helpers/webhooks/webhooks.ts';
import { inputFor, mutate, mutation } from '../schema/support.ts';

const SECRET = 'zanzibar';

let gateway: TestGateway;
let manageKey: string;
let chatKey: string;
let chatbotId: string;
let conversationId: string;
let noteId: string;
let transports: ReturnType<typeof createTransports>;
let eventId: string;
let subscriptionId: string;

const runOperation = (query: string, variables: object = {}, key = manageKey) => gateway.graphql(query, variables, key);
const codesOf = ({ errors }: Awaited<ReturnType<typeof runOperation>>) =>
  errors?.map(({ extensions }) => extensions.code);

/** The rows that a mutation of a conversation can change. */
async function readTables(): Promise<unknown[]> {
  const { read } = gateway.deps.db;
  const tables = ['conversations', 'messages', 'conversation_events', 'webhook_deliveries'] as const;
  return Promise.all(tables.map((table) => read.selectFrom(table).selectAll().orderBy('id').execute()));
}

beforeAll(async () => {
  gateway = await startGateway({ env: { SECRET_KEY } });
  transports = createTransports(gateway);
  chatbotId = await createChatbot(gateway, { sources: [`The code word is ${SECRET}.`] });
  ({ conversationId } = await send(gateway, { chatbotId, content: `Is the code word ${SECRET}?` }));
  manageKey = await gateway.createKey(gateway.accountId, ['MANAGE']);
  chatKey = await gateway.createKey(gateway.accountId, ['CHAT']);
  const note = { conversationId, content: 'A note', isPrivate: true };
  const sent = await mutate<{ agentMessage: { id: string } }>(gateway, 'sendAgentMessage', note, {
    selection: 'agentMessage { id }',
  });
  noteId = sent.agentMessage.id;
  const event = { conversationId, chatbotId, data: JSON.stringify({ message: SECRET }) } as object;
  ({ id: eventId } = await storeEvent(gateway, { name: 'MESSAGE_RECEIVED', ...event }));
  subscriptionId = (await subscribe(gateway)).id;
});
afterAll(() => {
  transports.close();
  return gateway.close();
});

/** Selections that read conversations or sources. */
const READS = [
  '{ messages { nodes { content } } }',
  '{ lastMessage { content } }',
  '{ chatbot { sources { nodes { title passages { nodes { text } } } } } }',
  '{ chatbot { conversations { nodes { id } } } }',
  '{ chatbot { leads { nodes { email } } } }',
  '{ metadata }',
];

describe('a key with MANAGE only', () => {
  it.each(READS)('is rejected, without side effects, for a mutation whose payload selects %s', async (selection) => {
    for (const name of ['escalateConversation', 'closeConversation', 'assignConversation', 'markConversationRead']) {
      const query = mutation(name, `conversation ${selection}`);
      const answer = await runOperation(query, { input: inputFor(name, conversationId) });
      expect([answer.status, codesOf(answer), answer.data]).toEqual([403, ['FORBIDDEN'], undefined]);
    }
    const { status } = (
      await runOperation('query ($id: ID!) { conversation(id: $id) { status } }', { id: conversationId }, gateway.key)
    ).data.conversation as unknown as { status: string };
    expect(status).toBe('OPEN');
  });

  it.each(READS)('cannot test or save a webhook document that selects %s', async (selection) => {
    const document = `subscription { event { ... on MessageReceivedWebhook { conversation ${selection} } } }`;
    const dryRun = await runOperation(
      'query ($d: String, $e: ID) { dryRunWebhook(document: $d, eventId: $e) { payload } }',
      {
        d: document,
        e: eventId,
      },
    );
    const input = { url: 'https://hooks.example.com', events: ['QUOTA_WARNING'], document };
    const created = await runOperation(mutation('createWebhookSubscription'), { input });
    const updated = await runOperation(mutation('updateWebhookSubscription'), {
      input: { id: subscriptionId, document },
    });
    const answers = Object.entries({ dryRunWebhook: dryRun, createWebhookSubscription: created });
    for (const [field, answer] of [...answers, ['updateWebhookSubscription', updated] as const]) {
      expect(answer.status).toBe(403);
      expect(answer.errors?.[0]?.extensions).toEqual({
        code: 'FORBIDDEN',
        requiredScopes: ['READ', 'MANAGE'],
        path: [field],
      });
      expect(JSON.stringify(answer)).not.toContain(SECRET);
    }
  });

  it('cannot read a past event in a dry run, with a document or without', async () => {
    const dryRunQuery = 'query ($d: String, $e: ID) { dryRunWebhook(document: $d, eventId: $e) { payload } }';
    for (const variables of [{ e: eventId }, { e: eventId, d: 'subscription { event { id } }' }]) {
      const answer = await runOperation(dryRunQuery, variables);
      expect(codesOf(answer)).toEqual(['FORBIDDEN']);
      expect(JSON.stringify(answer)).not.toContain(SECRET);
    }
    expect((await runOperation('{ dryRunWebhook(sample: LEAD_CAPTURED) { payload } }')).errors).toBeUndefined();
  });

  it('can create and change webhooks only for events about the account and its webhooks', async () => {
    const elsewhere = { url: 'https://elsewhere.example.com' };
    const changes = [
      ['createWebhookSubscription', { ...elsewhere, events: ['MESSAGE_RECEIVED'] }],
      ['updateWebhookSubscription', { id: subscriptionId, ...elsewhere }],
      ['updateWebhookSubscription', { id: subscriptionId, events: ['MESSAGE_COMPLETED'] }],
    ] as const;
    for (const [name, input] of changes) {
      const { data } = await runOperation(mutation(name), { input });
      expect(data).toMatchObject({ [name]: { code: 'INVALID_INPUT', reason: expect.stringContaining('lacks READ') } });
    }
    const input = { ...elsewhere, events: ['QUOTA_WARNING', 'WEBHOOK_DISABLED'] };
    const { data } = await runOperation(mutation('createWebhookSubscription'), { input });
    expect(data).toMatchObject({ createWebhookSubscription: { __typename: 'CreateWebhookSubscriptionPayload' } });
    const { id } = await subscribe(gateway, {
      document: 'subscription { event { chatbot { id } } }',
      events: ['QUOTA_WARNING'],
    });
    const redirected = await runOperation(mutation('updateWebhookSubscription'), { input: { id, ...elsewhere } });
    expect(redirected.data).toMatchObject({ updateWebhookSubscription: { code: 'INVALID_INPUT' } });
    const updated = await runOperation(mutation('updateWebhookSubscription'), {
      input: { id: subscriptionId, description: 'a' },
    });
    expect(updated.data).toMatchObject({
      updateWebhookSubscription: { __typename: 'UpdateWebhookSubscriptionPayload' },
    });
  });

  it('is rejected over REST as over GraphQL, and no webhook is sent', async () => {
    const headers = { authorization: `Bearer ${manageKey}`, 'content-type': 'application/json' };
    const post = (path: string, body: object) =>
      gateway.fetch(path, { method: 'POST', headers, body: JSON.stringify(body) });
    const created = await post('/v1/webhooks', { url: 'https://hooks.example.com', events: ['message.received'] });
    expect([created.status, await created.text()]).toEqual([400, expect.stringContaining('lacks READ')]);
    const tested = await post(`/v1/webhooks/${subscriptionId}/test`, { event: 'lead.captured' });
    const listed = await gateway.fetch(`/v1/webhooks/${subscriptionId}/deliveries`, { headers });
    expect([tested.status, listed.status]).toEqual([403, 403]);
    const rows = await gateway.deps.db.read.selectFrom('webhook_deliveries').selectAll().execute();
    expect(rows.filter(({ subscription_id }) => subscription_id === subscriptionId)).toEqual([]);
  });
});

describe('FORBIDDEN', () => {
  const QUERY =
    'mutation ($id: ID!) { escalateConversation(input: { id: $id }) { ... on EscalateConversationPayload { c: conversation { messages { nodes { content } } } } } }';
  const ERROR = {
    message: 'This credential lacks the scope that Conversation.messages needs.',
    extensions: {
      code: 'FORBIDDEN',
      requiredScopes: ['CHAT'],
      path: ['escalateConversation', 'c', 'messages'],
    },
  };

  it.each(['application/json', 'application/graphql-response+json'])('is 403 for Accept: %s', async (accept) => {
    const response = await gateway.fetch('/graphql', {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-api-key': manageKey, accept },
      body: JSON.stringify({ query: QUERY, variables: { id: conversationId } }),
    });
    expect([response.status, await response.json()]).toEqual([403, { errors: [ERROR] }]);
  });

  it.each<[what: string, payload: { query: string; variables?: object }, code: string]>([
    ['a mutation', { query: QUERY, variables: { id: '1' } }, 'FORBIDDEN'],
    ['a query', { query: '{ search(chatbotId: "1", query: "a") { query } }' }, 'FORBIDDEN'],
    ['a subscription', { query: 'subscription { conversationEvents(conversationId: "1") { at } }' }, 'FORBIDDEN'],
    ['invalid variables, before scopes', { query: QUERY, variables: { id: {} } }, 'BAD_USER_INPUT'],
    ['a query that is too complex', { query: `{ ${'viewer { kind } '.repeat(21)} }` }, 'QUERY_TOO_COMPLEX'],
  ])('is, like every refusal, an `error` message on a socket, which stays open: %s', async (_what, payload, code) => {
    const socket = openRawSocket(gateway);
    await socket.init({ 'x-api-key': manageKey });
    socket.send({ type: 'subscribe', id: '1', payload });
    const { type, payload: errors } = await socket.waitForFrame(({ id }) => id === '1');
    expect([type, errorCodesOf({ errors: errors as [] })]).toEqual(['error', [code]]);
    expect(await socket.execute('{ viewer { kind } }')).toEqual({ data: { viewer: { kind: 'API_KEY' } } });
    socket.close();
  });

  it('is an event of a stream of server-sent events, which ends', async () => {
    const response = await gateway.fetch('/graphql', {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-api-key': manageKey, accept: 'text/event-stream' },
      body: JSON.stringify({
        query: 'subscription ($id: ID!) { conversationEvents(conversationId: $id) { at } }',
        variables: { id: conversationId },
      }),
    });
    const text = await response.text();
    expect(text).toContain('"code":"FORBIDDEN","requiredScopes":["READ"],"path":["conversationEvents"]');
    expect(text).toMatch(/event: complete/);
  });

  it.each(TRANSPORTS)('depends on what is selected, never on what is stored, over %s', async (name) => {
    const ask = (query: string, variables: object) => transports[name]({ query, variables, key: chatKey });
    const LEADS = `query ($id: ID!, $all: Boolean!) { node(id: $id) {
      id ... on Conversation { l: leads @include(if: $all) { nodes { id } } } } }`;
    // Neither a chatbot nor an unknown object has leads.
    for (const id of [conversationId, chatbotId, 'nonsense']) {
      const { data, errors } = await ask(LEADS, { id, all: true });
      const extensions = { code: 'FORBIDDEN', requiredScopes: ['READ'], path: ['node', 'l'] };
      expect([data, errors?.map((error) => error.extensions)]).toEqual([undefined, [extensions]]);
      const node = id === 'nonsense' ? null : { id };
      expect(await ask(LEADS, { id, all: false })).toMatchObject({ data: { node } });
    }
    const hidden = 'query ($id: ID!) { message(id: $id) { id } node(id: $id) { id } }';
    expect(await ask(hidden, { id: noteId })).toMatchObject({ data: { message: null, node: null } });
  });

  it.each<Scope[][]>([[['READ']], [['CHAT']], [['MANAGE']]])(
    'is never the response to introspection: %j',
    async (scopes) => {
      const { key } = await gateway.createTenant(scopes);
      const { data, errors } = await runOperation(
        '{ __schema { queryType { name } } __type(name: "Lead") { name } }',
        {},
        key,
      );
      expect([data, errors]).toEqual([
        { __schema: { queryType: { name: 'Query' } }, __type: { name: 'Lead' } },
        undefined,
      ]);
    },
  );

  it('comes after the check of variables, before any field of the mutation runs', async () => {
    const stored = await readTables();
    const query = `mutation ($content: String!, $isAgent: Boolean!) {
      sendMessage(input: { conversationId: "${conversationId}", content: $content }) { __typename }
      setTyping(input: { conversationId: "${conversationId}", isTyping: true, role: AGENT }) @include(if: $isAgent) {
        ... on SetTypingPayload { conversation { messages { nodes { content } } } }
      }
    }`;
    const invalid = await runOperation(query, { content: 1, isAgent: true }, chatKey);
    expect(codesOf(invalid)).toEqual(['BAD_USER_INPUT']);
    const { status, data, errors } = await runOperation(query, { content: 'Hello', isAgent: true }, chatKey);
    expect([status, data, errors?.[0]?.extensions]).toEqual([
      403,
      undefined,
      { code: 'FORBIDDEN', requiredScopes: ['CHAT', 'MANAGE'], path: ['setTyping'] },
    ]);
    expect(await readTables()).toEqual(stored);
    const skipped = await runOperation(query, { content: 'Hello', isAgent: false }, chatKey);
    expect([skipped.status, skipped.errors]).toEqual([200, undefined]);
    expect(await readTables()).not.toEqual(stored);
  });

  it.each<[Scope[], string]>([
    [['CHAT'], '{ viewer { account { apiKeys { id } } } }'],
    [['READ'], '{ webhookSubscriptions { nodes { id } } }'],
  ])('returns no data to a key with %j that queries %s', async (scopes, query) => {
    const answer = await runOperation(
      query,
      {},
      await gateway.createKey((await gateway.createTenant()).accountId, scopes),
    );
    expect([answer.status, answer.data]).toEqual([403, undefined]);
  });
});
