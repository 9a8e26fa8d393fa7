import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { schema } from '../../schema/index.ts';
import { SCOPES, type Scope } from '../../src/domain/entities.ts';
import { monthOf, toTimestamp } from '../../src/domain/time.ts';
import { insertWarning } from '../../src/store/quota-warnings.ts';
import { createChatbot, send } from '../helpers/chatbots.ts';
import { startGateway, type TestGateway } from '../helpers/gateway.ts';
import { errorCodesOf, openSocket } from '../helpers/sockets.ts';
import { SECRET_KEY, subscribe } from '../helpers/webhooks/webhooks.ts';
import { createKeyWith } from './support.ts';

/** For each root field, its scopes, of which one is enough, and an operation. `$id` is the id of a chatbot. */
const FIELDS: Record<string, { readonly scopes: readonly Scope[]; readonly operation: string }> = {
  viewer: { scopes: SCOPES, operation: '{ viewer { kind } }' },
  node: { scopes: ['READ', 'CHAT'], operation: '{ node(id: "$id") { id } }' },
  nodes: { scopes: ['READ', 'CHAT'], operation: '{ nodes(ids: ["$id"]) { id } }' },
  chatbot: { scopes: ['READ', 'CHAT'], operation: '{ chatbot(id: "$id") { id } }' },
  chatbots: { scopes: ['READ', 'CHAT'], operation: '{ chatbots { nodes { id } } }' },
  conversation: { scopes: ['READ', 'CHAT'], operation: '{ conversation(id: "1") { id } }' },
  message: { scopes: ['READ', 'CHAT'], operation: '{ message(id: "$reply") { id } }' },
  source: { scopes: ['READ'], operation: '{ source(id: "1") { id } }' },
  lead: { scopes: ['READ'], operation: '{ lead(id: "1") { id } }' },
  updateLead: { scopes: ['MANAGE'], operation: 'mutation { updateLead(input: { id: "1" }) { __typename } }' },
  search: { scopes: ['READ'], operation: '{ search(chatbotId: "$id", query: "a") { hits { score } } }' },
  estimateMessage: {
    scopes: ['READ', 'MANAGE'],
    operation: '{ estimateMessage(input: { chatbotId: "$id", content: "a" }) { provider } }',
  },
  providers: { scopes: ['READ', 'MANAGE'], operation: '{ providers { name } }' },
  createApiKey: { scopes: ['MANAGE'], operation: 'mutation { createApiKey(input: { name: "" }) { __typename } }' },
  revokeApiKey: { scopes: ['MANAGE'], operation: 'mutation { revokeApiKey(input: { id: "1" }) { __typename } }' },
  createChatbot: { scopes: ['MANAGE'], operation: 'mutation { createChatbot(input: { name: "A" }) { __typename } }' },
  updateChatbot: {
    scopes: ['MANAGE'],
    operation: 'mutation { updateChatbot(input: { id: "$id", name: "A" }) { __typename } }',
  },
  deleteChatbot: { scopes: ['MANAGE'], operation: 'mutation { deleteChatbot(input: { id: "1" }) { __typename } }' },
  createSource: {
    scopes: ['MANAGE'],
    operation:
      'mutation { createSource(input: { chatbotId: "$id", title: "A", content: { text: "a" } }) { __typename } }',
  },
  deleteSource: { scopes: ['MANAGE'], operation: 'mutation { deleteSource(input: { id: "1" }) { __typename } }' },
  setProviderKey: {
    scopes: ['MANAGE'],
    operation: 'mutation { setProviderKey(input: { provider: "a" }) { __typename } }',
  },
  deleteProviderKey: {
    scopes: ['MANAGE'],
    operation: 'mutation { deleteProviderKey(input: { provider: "openai" }) { __typename } }',
  },
  testProvider: {
    scopes: ['MANAGE'],
    operation: 'mutation { testProvider(input: { provider: "builtin" }) { __typename } }',
  },
  sendMessage: {
    scopes: ['CHAT'],
    operation: 'mutation { sendMessage(input: { chatbotId: "$id", content: "Hi" }) { __typename } }',
  },
  stopMessage: {
    scopes: ['CHAT'],
    operation: 'mutation { stopMessage(input: { id: "$reply" }) { __typename } }',
  },
  rateMessage: {
    scopes: ['CHAT'],
    operation: 'mutation { rateMessage(input: { id: "$reply", rating: UP }) { __typename } }',
  },
  regenerateMessage: {
    scopes: ['CHAT'],
    operation: 'mutation { regenerateMessage(input: { id: "1" }) { __typename } }',
  },
  editMessage: {
    scopes: ['CHAT'],
    operation: 'mutation { editMessage(input: { id: "1", content: "a" }) { __typename } }',
  },
  selectBranch: { scopes: ['CHAT'], operation: 'mutation { selectBranch(input: { id: "1" }) { __typename } }' },
  escalateConversation: {
    scopes: ['CHAT', 'MANAGE'],
    operation: 'mutation { escalateConversation(input: { id: "1" }) { __typename } }',
  },
  assignConversation: {
    scopes: ['MANAGE'],
    operation: 'mutation { assignConversation(input: { id: "1", assignee: null }) { __typename } }',
  },
  conversations: { scopes: ['READ'], operation: '{ conversations { nodes { id } } }' },
  updateConversations: {
    scopes: ['MANAGE'],
    operation: 'mutation { updateConversations(input: { ids: ["1"], assignee: null }) { __typename } }',
  },
  takeOverConversation: {
    scopes: ['MANAGE'],
    operation: 'mutation { takeOverConversation(input: { id: "1" }) { __typename } }',
  },
  sendAgentMessage: {
    scopes: ['MANAGE'],
    operation: 'mutation { sendAgentMessage(input: { conversationId: "1", content: "a" }) { __typename } }',
  },
  updateAgentMessage: {
    scopes: ['MANAGE'],
    operation: 'mutation { updateAgentMessage(input: { id: "1", content: "a" }) { __typename } }',
  },
  deleteMessage: { scopes: ['MANAGE'], operation: 'mutation { deleteMessage(input: { id: "1" }) { __typename } }' },
  handBackConversation: {
    scopes: ['MANAGE'],
    operation: 'mutation { handBackConversation(input: { id: "1" }) { __typename } }',
  },
  closeConversation: {
    scopes: ['CHAT', 'MANAGE'],
    operation: 'mutation { closeConversation(input: { id: "1" }) { __typename } }',
  },
  markConversationRead: {
    scopes: ['MANAGE'],
    operation: 'mutation { markConversationRead(input: { id: "1" }) { __typename } }',
  },
  // The required scope depends on the role of the author: see test/conversations/typing.test.ts.
  setTyping: {
    scopes: ['CHAT'],
    operation: 'mutation { setTyping(input: { conversationId: "1", isTyping: true }) { __typename } }',
  },
  captureLead: {
    scopes: ['CHAT'],
    operation: 'mutation { captureLead(input: { conversationId: "1" }) { __typename } }',
  },
  conversationEvents: {
    scopes: ['CHAT', 'READ'],
    operation: 'subscription { conversationEvents(conversationId: "$conversation", after: "$start") { __typename } }',
  },
  chatbotEvents: {
    scopes: ['READ'],
    operation: 'subscription { chatbotEvents(chatbotId: "$id", after: "$inboxStart") { __typename } }',
  },
  accountEvents: { scopes: ['READ'], operation: 'subscription { accountEvents { __typename } }' },
  quotaWarnings: { scopes: ['MANAGE'], operation: 'subscription { quotaWarnings { percent } }' },
  webhookEvents: { scopes: ['MANAGE'], operation: '{ webhookEvents { event } }' },
  webhookSubscription: { scopes: ['MANAGE'], operation: '{ webhookSubscription(id: "$webhook") { id } }' },
  webhookSubscriptions: { scopes: ['MANAGE'], operation: '{ webhookSubscriptions { nodes { id } } }' },
  createWebhookSubscription: {
    scopes: ['MANAGE'],
    operation:
      'mutation { createWebhookSubscription(input: { url: "https://hooks.example.com", events: [LEAD_CAPTURED] }) { __typename } }',
  },
  updateWebhookSubscription: {
    scopes: ['MANAGE'],
    operation: 'mutation { updateWebhookSubscription(input: { id: "$webhook", description: "a" }) { __typename } }',
  },
  deleteWebhookSubscription: {
    scopes: ['MANAGE'],
    operation: 'mutation { deleteWebhookSubscription(input: { id: "1" }) { __typename } }',
  },
  rotateWebhookSecret: {
    scopes: ['MANAGE'],
    operation: 'mutation { rotateWebhookSecret(input: { id: "$webhook" }) { __typename } }',
  },
  sendTestWebhook: {
    scopes: ['MANAGE'],
    operation: 'mutation { sendTestWebhook(input: { id: "$webhook", event: LEAD_CAPTURED }) { __typename } }',
  },
  redeliverWebhook: {
    scopes: ['MANAGE'],
    operation: 'mutation { redeliverWebhook(input: { id: "1" }) { __typename } }',
  },
  replayWebhooks: {
    scopes: ['MANAGE'],
    operation: 'mutation { replayWebhooks(input: { id: "$webhook", since: "2099-01-01T00:00:00Z" }) { __typename } }',
  },
  // This subscription has no event until a delivery changes, so test/webhooks/deliveries.test.ts tests allowed keys.
  webhookDeliveries: { scopes: ['MANAGE'], operation: 'subscription { webhookDeliveries { id } }' },
  dryRunWebhook: { scopes: ['MANAGE'], operation: '{ dryRunWebhook(sample: LEAD_CAPTURED) { payload } }' },
  messageStream: {
    scopes: ['CHAT', 'READ'],
    operation: 'subscription { messageStream(messageId: "$reply") { __typename } }',
  },
};

let gateway: TestGateway;
let chatbotId: string;
let replyId: string;
let conversationId: string;
let webhookId: string;
const keyByScope = {} as Record<Scope, string>;

beforeAll(async () => {
  gateway = await startGateway({ env: { SECRET_KEY } });
  chatbotId = await createChatbot(gateway, { sources: ['a'] });
  const sent = await send(gateway, { chatbotId, content: 'Hello' });
  replyId = sent.replyId;
  webhookId = (await subscribe(gateway)).id;
  conversationId = sent.conversationId;
  for (const scope of SCOPES) keyByScope[scope] = await createKeyWith(gateway, scope);
  const { accountId, deps } = gateway;
  const now = deps.clock.now();
  const warning = { accountId, month: monthOf(now), percent: 80, used: 8, limit: 10, at: toTimestamp(now) };
  await deps.db.transaction((trx) => insertWarning(trx, warning));
});
afterAll(() => gateway.close());

async function countRows(): Promise<number[]> {
  const { read } = gateway.deps.db;
  const tables = ['chatbots', 'sources', 'conversations', 'messages', 'api_keys', 'webhook_subscriptions'] as const;
  return Promise.all(tables.map(async (table) => (await read.selectFrom(table).select('id').execute()).length));
}

it('tests every root field of the schema', () => {
  const roots = [schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()];
  expect(roots.flatMap((type) => Object.keys(type?.getFields() ?? {})).toSorted()).toEqual(
    Object.keys(FIELDS).toSorted(),
  );
});

describe.each(SCOPES)('a key with %s alone', (scope) => {
  const cases = Object.entries(FIELDS).map(([name, field]) => ({ name, ...field }));
  const cursors = () => gateway.deps.cursors;
  const fillIds = (operation: string) =>
    operation
      .replace('$id', chatbotId)
      .replace('$reply', replyId)
      .replace('$conversation', conversationId)
      .replace('$webhook', webhookId)
      .replace('$start', cursors().forStream('conversation', gateway.accountId, conversationId).write('0___0'))
      .replace('$inboxStart', cursors().forStream('chatbot', gateway.accountId, chatbotId).write('0_'));

  const allowed = cases.filter(({ scopes, name }) => scopes.includes(scope) && name !== 'webhookDeliveries');
  it.each(allowed)('may select $name', async ({ operation }) => {
    const socket = openSocket(gateway, { 'x-api-key': keyByScope[scope] });
    expect(await socket.execute(fillIds(operation))).toEqual({ data: expect.anything() });
    socket.close();
  });

  it.each(cases.filter(({ scopes }) => !scopes.includes(scope)))(
    'may not select $name',
    async ({ name, operation }) => {
      const before = await countRows();
      const { data, errors } = await gateway.graphql(fillIds(operation), {}, keyByScope[scope]);
      expect(errorCodesOf({ errors })).toEqual(['FORBIDDEN']);
      expect(errors?.[0]?.message).toMatch(new RegExp(`lacks the scope that \\w+\\.${name} needs`));
      expect(Object.values(data ?? {}).every((value) => value === null)).toBe(true);
      expect(await countRows()).toEqual(before);
    },
  );
});

describe('a field within a payload', () => {
  it.each([
    [
      'sources',
      'mutation { createChatbot(input: { name: "A" }) { ... on CreateChatbotPayload { chatbot { sources { nodes { id } } } } } }',
    ],
    [
      'conversations',
      'mutation { createChatbot(input: { name: "A" }) { ... on CreateChatbotPayload { chatbot { conversations { nodes { id } } } } } }',
    ],
    [
      'passages',
      'mutation { createSource(input: { chatbotId: "$id", title: "A", content: { text: "a" } }) { ... on CreateSourcePayload { source { passages { nodes { text } } } } } }',
    ],
  ])('cannot be read by a key with MANAGE alone: %s', async (_name, operation) => {
    const { data, errors } = await gateway.graphql(operation.replace('$id', chatbotId), {}, keyByScope.MANAGE);
    expect([errorCodesOf({ errors }), data]).toEqual([['FORBIDDEN'], undefined]);
  });

  it("cannot be read by a key with CHAT alone if it leads to the chatbot's sources", async () => {
    const operation = `mutation { sendMessage(input: { chatbotId: "${chatbotId}", content: "Hi" }) {
      ... on SendMessagePayload { conversation { chatbot { sources { nodes { id } } } } }
    } }`;
    const { data, errors } = await gateway.graphql(operation, {}, keyByScope.CHAT);
    expect([errorCodesOf({ errors }), data]).toEqual([['FORBIDDEN'], undefined]);
  });
});
