import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Scope } from '../../src/domain/entities.ts';
import { createChatbot, send } from '../helpers/chatbots.ts';
import { startGateway, type TestGateway } from '../helpers/gateway.ts';
import { openSocket } from '../helpers/sockets.ts';
import { SECRET_KEY, subscribe, writeEvent } from '../helpers/webhooks/webhooks.ts';
import { mutation } from '../schema/support.ts';

const SECRET = 'zanzibar';

let gateway: TestGateway;
let manager: string;
let conversationId: string;
let eventId: string;
let own: string;

const ask = (query: string, variables: object = {}, key = manager) => gateway.graphql(query, variables, key);
const codesOf = ({ errors }: Awaited<ReturnType<typeof ask>>) => errors?.map(({ extensions }) => extensions.code);

beforeAll(async () => {
  gateway = await startGateway({ env: { SECRET_KEY } });
  const chatbotId = await createChatbot(gateway, { sources: [`The code word is ${SECRET}.`] });
  ({ conversationId } = await send(gateway, { chatbotId, content: `Is the code word ${SECRET}?` }));
  manager = await gateway.createKey(gateway.accountId, ['MANAGE']);
  const event = { conversationId, chatbotId, data: JSON.stringify({ message: SECRET }) } as object;
  ({ id: eventId } = await writeEvent(gateway, { name: 'MESSAGE_RECEIVED', ...event }));
  own = (await subscribe(gateway)).id;
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
  it.each(READS)('has no effect with a mutation whose payload selects %s', async (selection) => {
    for (const name of ['escalateConversation', 'closeConversation', 'assignConversation', 'markConversationRead']) {
      const query = mutation(name, `conversation ${selection}`);
      const answer = await ask(query, { input: { conversationId } });
      expect([answer.status, codesOf(answer), answer.data]).toEqual([403, ['FORBIDDEN'], undefined]);
    }
    const { status } = (
      await ask('query ($id: ID!) { conversation(id: $id) { status } }', { id: conversationId }, gateway.key)
    ).data.conversation as unknown as { status: string };
    expect(status).toBe('OPEN');
  });

  it.each(READS)('neither tests nor saves a document that selects %s', async (selection) => {
    const document = `subscription { event { ... on MessageReceivedEvent { conversation ${selection} } } }`;
    const tried = await ask('query ($d: String, $e: ID) { dryRunWebhook(document: $d, eventId: $e) { payload } }', {
      d: document,
      e: eventId,
    });
    const input = { url: 'https://hooks.example.com', events: ['QUOTA_WARNING'], document };
    const saved = await ask(mutation('createWebhookSubscription'), { input });
    const changed = await ask(mutation('updateWebhookSubscription'), { input: { id: own, document } });
    for (const answer of [tried, saved, changed]) {
      expect(answer.status).toBe(403);
      expect(answer.errors?.[0]?.extensions).toEqual({
        code: 'FORBIDDEN',
        requiredScopes: ['READ'],
        path: ['event', 'conversation'],
      });
      expect(JSON.stringify(answer)).not.toContain(SECRET);
    }
  });

  it('reads no past event, with a document or without', async () => {
    const run = 'query ($d: String, $e: ID) { dryRunWebhook(document: $d, eventId: $e) { payload } }';
    for (const variables of [{ e: eventId }, { e: eventId, d: 'subscription { event { id } }' }]) {
      const answer = await ask(run, variables);
      expect(codesOf(answer)).toEqual(['FORBIDDEN']);
      expect(JSON.stringify(answer)).not.toContain(SECRET);
    }
    expect((await ask('{ dryRunWebhook(sample: LEAD_CAPTURED) { payload } }')).errors).toBeUndefined();
  });

  it('can have webhooks send only events about the account and its webhooks', async () => {
    const elsewhere = { url: 'https://elsewhere.example.com' };
    const changes = [
      ['createWebhookSubscription', { ...elsewhere, events: ['MESSAGE_RECEIVED'] }],
      ['updateWebhookSubscription', { id: own, ...elsewhere }],
      ['updateWebhookSubscription', { id: own, events: ['MESSAGE_COMPLETED'] }],
    ] as const;
    for (const [name, input] of changes) {
      const { data } = await ask(mutation(name), { input });
      expect(data).toMatchObject({ [name]: { code: 'INVALID_INPUT', reason: expect.stringContaining('lacks READ') } });
    }
    const input = { ...elsewhere, events: ['QUOTA_WARNING', 'WEBHOOK_DISABLED'] };
    const { data } = await ask(mutation('createWebhookSubscription'), { input });
    expect(data).toMatchObject({ createWebhookSubscription: { __typename: 'CreateWebhookSubscriptionPayload' } });
    const described = await ask(mutation('updateWebhookSubscription'), { input: { id: own, description: 'a' } });
    expect(described.data).toMatchObject({
      updateWebhookSubscription: { __typename: 'UpdateWebhookSubscriptionPayload' },
    });
  });

  it('is rejected over REST as over GraphQL, and nothing is sent', async () => {
    const headers = { authorization: `Bearer ${manager}`, 'content-type': 'application/json' };
    const post = (path: string, body: object) =>
      gateway.fetch(path, { method: 'POST', headers, body: JSON.stringify(body) });
    const created = await post('/v1/webhooks', { url: 'https://hooks.example.com', events: ['message.received'] });
    expect([created.status, await created.text()]).toEqual([400, expect.stringContaining('lacks READ')]);
    const tested = await post(`/v1/webhooks/${own}/test`, { event: 'lead.captured' });
    const listed = await gateway.fetch(`/v1/webhooks/${own}/deliveries`, { headers });
    expect([tested.status, listed.status]).toEqual([403, 403]);
    const rows = await gateway.deps.db.read.selectFrom('webhook_deliveries').selectAll().execute();
    expect(rows.filter(({ subscription_id }) => subscription_id === own)).toEqual([]);
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
      headers: { 'content-type': 'application/json', 'x-api-key': manager, accept },
      body: JSON.stringify({ query: QUERY, variables: { id: conversationId } }),
    });
    expect([response.status, await response.json()]).toEqual([403, { errors: [ERROR] }]);
  });

  it('is an error of the operation on a socket, which stays open', async () => {
    const socket = openSocket(gateway, { 'x-api-key': manager });
    const answer = await socket.ask(QUERY, { id: conversationId });
    expect(answer).toEqual({ errors: [ERROR] });
    expect(await socket.ask('{ viewer { kind } }')).toEqual({ data: { viewer: { kind: 'API_KEY' } } });
    socket.close();
  });

  it.each<[Scope[], string]>([
    [['CHAT'], '{ viewer { account { apiKeys { id } } } }'],
    [['READ'], '{ webhookSubscriptions { nodes { id } } }'],
  ])('returns no data to a key with %j that queries %s', async (scopes, query) => {
    const answer = await ask(query, {}, await gateway.createKey((await gateway.createTenant()).accountId, scopes));
    expect([answer.status, answer.data]).toEqual([403, undefined]);
  });
});
