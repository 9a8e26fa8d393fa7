import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Scope } from '../../src/domain/entities.ts';
import { createChatbot, send } from '../helpers/chatbots.ts';
import { startGateway, type TestGateway } from '../helpers/gateway.ts';
import { openSocket } from '../helpers/sockets.ts';
import { SECRET_KEY, storeEvent, subscribe } from '../helpers/webhooks/webhooks.ts';
import { mutation } from '../schema/support.ts';

const SECRET = 'zanzibar';

let gateway: TestGateway;
let manageKey: string;
let conversationId: string;
let eventId: string;
let subscriptionId: string;

const runOperation = (query: string, variables: object = {}, key = manageKey) => gateway.graphql(query, variables, key);
const codesOf = ({ errors }: Awaited<ReturnType<typeof runOperation>>) =>
  errors?.map(({ extensions }) => extensions.code);

beforeAll(async () => {
  gateway = await startGateway({ env: { SECRET_KEY } });
  const chatbotId = await createChatbot(gateway, { sources: [`The code word is ${SECRET}.`] });
  ({ conversationId } = await send(gateway, { chatbotId, content: `Is the code word ${SECRET}?` }));
  manageKey = await gateway.createKey(gateway.accountId, ['MANAGE']);
  const event = { conversationId, chatbotId, data: JSON.stringify({ message: SECRET }) } as object;
  ({ id: eventId } = await storeEvent(gateway, { name: 'MESSAGE_RECEIVED', ...event }));
  subscriptionId = (await subscribe(gateway)).id;
});
afterAll(() => gateway.close());

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
      const answer = await runOperation(query, { input: { conversationId } });
      expect([answer.status, codesOf(answer), answer.data]).toEqual([403, ['FORBIDDEN'], undefined]);
    }
    const { status } = (
      await runOperation('query ($id: ID!) { conversation(id: $id) { status } }', { id: conversationId }, gateway.key)
    ).data.conversation as unknown as { status: string };
    expect(status).toBe('OPEN');
  });

  it.each(READS)('cannot test or save a webhook document that selects %s', async (selection) => {
    const document = `subscription { event { ... on MessageReceivedEvent { conversation ${selection} } } }`;
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
    for (const answer of [dryRun, created, updated]) {
      expect(answer.status).toBe(403);
      expect(answer.errors?.[0]?.extensions).toEqual({
        code: 'FORBIDDEN',
        requiredScopes: ['READ'],
        path: ['event', 'conversation'],
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
    'mutation ($id: ID!) { escalateConversation(input: { conversationId: $id }) { ... on EscalateConversationPayload { c: conversation { messages { nodes { content } } } } } }';
  const ERROR = {
    message: 'This credential lacks the scope that Conversation.messages needs.',
    extensions: {
      code: 'FORBIDDEN',
      requiredScopes: ['READ', 'CHAT'],
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

  it('is an error of the operation on a socket, which stays open', async () => {
    const socket = openSocket(gateway, { 'x-api-key': manageKey });
    const answer = await socket.execute(QUERY, { id: conversationId });
    expect(answer).toEqual({ errors: [ERROR] });
    expect(await socket.execute('{ viewer { kind } }')).toEqual({ data: { viewer: { kind: 'API_KEY' } } });
    socket.close();
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
