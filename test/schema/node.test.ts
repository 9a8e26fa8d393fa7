import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createId, type IdKind, kindOfId } from '../../src/domain/ids.ts';
import { createChatbot, send } from '../helpers/chatbots.ts';
import { startGateway, type TestGateway } from '../helpers/gateway.ts';
import { errorCodesOf } from '../helpers/sockets.ts';
import { webSocket } from '../helpers/streams.ts';
import { SECRET_KEY, storeDelivery, subscribe } from '../helpers/webhooks/webhooks.ts';
import { createKeyWith, mutate, removeDuplicates, runForForeignAndUnknownIds } from './support.ts';

const NODE = 'query ($id: ID!) { node(id: $id) { __typename id } }';
const NODES = 'query ($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }';

const KINDS = [
  ['account', 'Account'],
  ['apiKey', 'ApiKey'],
  ['chatbot', 'Chatbot'],
  ['source', 'Source'],
  ['passage', 'Passage'],
  ['conversation', 'Conversation'],
  ['message', 'Message'],
  ['lead', 'Lead'],
  ['conversationActivity', 'ConversationActivity'],
  ['visitor', 'Visitor'],
  ['sessionToken', 'SessionToken'],
  ['webhookSubscription', 'WebhookSubscription'],
  ['webhookDelivery', 'WebhookDelivery'],
] as const satisfies readonly (readonly [IdKind, string])[];

let gateway: TestGateway;
let ids: Record<(typeof KINDS)[number][0], string>;

beforeAll(async () => {
  gateway = await startGateway({ env: { SECRET_KEY } });
  const chatbotId = await createChatbot(gateway, { sources: ['The tower is tall.'] });
  const { conversationId, messageId, replyId } = await send(gateway, { chatbotId, content: 'Hello' });
  await webSocket.subscribe(gateway, { messageId: replyId }).ended;
  const { data } = await gateway.graphql<{
    viewer: { apiKey: { id: string } };
    chatbot: { sources: { nodes: { id: string; passages: { nodes: { id: string }[] } }[] } };
  }>(
    'query ($id: ID!) { viewer { apiKey { id } } chatbot(id: $id) { sources { nodes { id passages(first: 1) { nodes { id } } } } } }',
    { id: chatbotId },
  );
  const captured = await mutate<{ lead: { id: string } }>(
    gateway,
    'captureLead',
    { conversationId, email: 'ada@example.com' },
    { selection: 'lead { id }' },
  );
  await mutate(gateway, 'escalateConversation', { id: conversationId });
  await mutate(gateway, 'sendMessage', { conversationId, content: 'I am Ada.', visitor: { externalId: 'ada' } });
  const created = await mutate<{ sessionToken: { id: string } }>(
    gateway,
    'createSessionToken',
    { chatbotId, visitor: { externalId: 'ada' } },
    { selection: 'sessionToken { id }' },
  );
  const [visitor] = await gateway.deps.db.read.selectFrom('visitors').select('id').execute();
  const [activity] = await gateway.deps.db.read.selectFrom('conversation_activities').select('id').execute();
  const webhook = await subscribe(gateway);
  const [source] = data.chatbot.sources.nodes;
  ids = {
    account: gateway.accountId,
    apiKey: data.viewer.apiKey.id,
    chatbot: chatbotId,
    source: source?.id ?? '',
    passage: source?.passages.nodes[0]?.id ?? '',
    conversation: conversationId,
    message: messageId,
    lead: captured.lead.id,
    conversationActivity: activity?.id ?? '',
    visitor: visitor?.id ?? '',
    sessionToken: created.sessionToken.id,
    webhookSubscription: webhook.id,
    webhookDelivery: (await storeDelivery(gateway, webhook.id)).id,
  };
});
afterAll(() => gateway.close());

describe('node', () => {
  it.each(KINDS)('finds an object of the kind %s, by its id in any case', async (kind, type) => {
    const node = { __typename: type, id: ids[kind] };
    expect((await gateway.graphql(NODE, { id: ids[kind] })).data).toEqual({ node });
    expect((await gateway.graphql(NODE, { id: ids[kind].toUpperCase() })).data).toEqual({ node });
  });

  it.each(KINDS)(
    'returns null to other accounts for the id of an object of the kind %s, as for an unknown id',
    async (kind) => {
      const answers = await runForForeignAndUnknownIds(gateway, { query: NODE, id: ids[kind], kind });
      expect(removeDuplicates(answers)).toEqual([{ status: 200, data: { node: null } }]);
    },
  );

  it('finds no API key for a key without MANAGE, not even itself', async () => {
    const key = await createKeyWith(gateway, 'READ');
    const own = await gateway.graphql<{ viewer: { apiKey: { id: string } } }>('{viewer{apiKey{id}}}', {}, key);
    for (const id of [ids.apiKey, own.data.viewer.apiKey.id]) {
      expect((await gateway.graphql(NODE, { id }, key)).data).toEqual({ node: null });
    }
  });

  it('returns objects with all their fields', async () => {
    const query = `query ($chatbot: ID!, $passage: ID!, $message: ID!) {
      chatbot: node(id: $chatbot) { ... on Chatbot { name } }
      passage: node(id: $passage) { ... on Passage { text source { title } } }
      message: node(id: $message) { ... on Message { content conversation { id } } }
    }`;
    expect((await gateway.graphql(query, ids)).data).toEqual({
      chatbot: { name: 'Helper' },
      passage: { text: 'The tower is tall.', source: { title: 'Source 1' } },
      message: { content: 'Hello', conversation: { id: ids.conversation } },
    });
  });
});

describe('nodes', () => {
  it('finds objects of several kinds in the order of the ids, with null for missing ones', async () => {
    const requestedIds = [
      ids.message,
      'nonsense',
      ids.account,
      createId('chatbot'),
      ids.chatbot.toUpperCase(),
      ids.message,
      '',
    ];
    expect((await gateway.graphql(NODES, { ids: requestedIds })).data).toEqual({
      nodes: [
        { __typename: 'Message', id: ids.message },
        null,
        { __typename: 'Account', id: ids.account },
        null,
        { __typename: 'Chatbot', id: ids.chatbot },
        { __typename: 'Message', id: ids.message },
        null,
      ],
    });
  });

  it('contains null for the ids of another account', async () => {
    const { key } = await gateway.createTenant();
    expect((await gateway.graphql(NODES, { ids: Object.values(ids) }, key)).data).toEqual({
      nodes: KINDS.map(() => null),
    });
  });

  it('accepts 100 ids, but not 101', async () => {
    const unknownIds = (count: number) => ({ ids: Array.from({ length: count }, () => createId('message')) });
    expect((await gateway.graphql(NODES, unknownIds(100))).data).toEqual({ nodes: Array(100).fill(null) });
    expect((await gateway.graphql(NODES, unknownIds(0))).data).toEqual({ nodes: [] });
    const refused = await gateway.graphql(NODES, unknownIds(101));
    expect([errorCodesOf(refused), refused.data]).toEqual([['BAD_USER_INPUT'], null]);
    expect(errorCodesOf(await gateway.graphql(NODES, unknownIds(6_000)))).toEqual(['BAD_USER_INPUT']);
  });
});

describe('an id', () => {
  it.each(KINDS)('of the kind %s encodes its kind', (kind) => {
    expect(kindOfId(ids[kind])).toBe(kind);
  });
});
