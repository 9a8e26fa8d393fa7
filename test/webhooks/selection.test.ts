import { describe, expect, it, vi } from 'vitest';
import { createChatbot, send } from '../helpers/chatbots.ts';
import { createManualClock } from '../helpers/clock.ts';
import { describeDatabases } from '../helpers/databases.ts';
import { createDatabase, startGateway, type TestGateway } from '../helpers/gateway.ts';
import { readDeliveries, startWebhookGateway, subscribeEndpoint, WEBHOOK_ENV } from '../helpers/webhooks/gateway.ts';
import { failTimes, type ReceivedRequest, startReceiver } from '../helpers/webhooks/receivers.ts';
import { subscribe } from '../helpers/webhooks/webhooks.ts';
import { mutate, textOfLength } from '../schema/support.ts';

const POLL_OPTIONS = { timeout: 3_000, interval: 20 };
const MESSAGE_COMPLETED = `subscription { event { type ... on MessageCompletedWebhook {
  message { content citations { title } conversation { sessionId } }
} } }`;
const CONVERSATION_STARTED =
  'subscription { event { ... on ConversationStartedWebhook { conversation { sessionId assignee } } } }';

const waitForRequests = (received: readonly ReceivedRequest[], count = 1) =>
  vi.waitFor(() => expect(received).toHaveLength(count), POLL_OPTIONS);

const bodyOf = (received: readonly ReceivedRequest[], index = 0) => JSON.parse(received[index]?.body ?? 'null');

const readProblems = (gateway: TestGateway, id: string, key = gateway.key) =>
  gateway.graphql<{
    webhookSubscription: {
      documentProblem: string | null;
      deliveries: { nodes: { payload: string; payloadProblem: string }[] };
    };
  }>(
    `query ($id: ID!) {
      webhookSubscription(id: $id) { documentProblem deliveries { nodes { payload payloadProblem } } }
    }`,
    { id },
    key,
  );

const findLogs = ({ logs }: TestGateway, text: string) =>
  logs.filter(({ msg }) => typeof msg === 'string' && msg.includes(text));

describeDatabases('a document', (engine) => {
  it('selects the `data` of the body', async () => {
    const gateway = await startWebhookGateway({ engine });
    const receiver = await startReceiver();
    const { id } = await subscribe(gateway, {
      url: receiver.url,
      events: ['MESSAGE_COMPLETED'],
      document: MESSAGE_COMPLETED,
    });
    const chatbotId = await createChatbot(gateway, { sources: ['# Hours\n\nOn Sundays we open at 10.'] });
    const sent = await send(gateway, { chatbotId, sessionId: 'ada', content: 'When do you open on Sundays?' });
    await waitForRequests(receiver.received);
    const { data } = await gateway.graphql<{ node: { content: string } }>(
      'query ($id: ID!) { node(id: $id) { ... on Message { content } } }',
      { id: sent.replyId },
    );
    const { content } = data.node;
    expect(content).toContain('10');
    expect(bodyOf(receiver.received)).toEqual({
      event: 'message.completed',
      chatbot_id: chatbotId,
      timestamp: expect.any(String),
      data: {
        event: {
          type: 'MESSAGE_COMPLETED',
          message: { content, citations: [{ title: 'Source 1' }], conversation: { sessionId: 'ada' } },
        },
      },
    });
    expect(await readDeliveries(gateway, id)).toMatchObject([
      { body: receiver.received[0]?.body, bodyProblem: null, eventId: receiver.received[0]?.headers['webhook-id'] },
    ]);
  });

  it('is executed once, so that changes between attempts do not change the body', async () => {
    const clock = createManualClock();
    const gateway = await startWebhookGateway({ engine, overrides: { clock } });
    const receiver = await startReceiver(failTimes(1));
    const { id } = await subscribe(gateway, {
      ...{ url: receiver.url, events: ['CONVERSATION_STARTED'], document: CONVERSATION_STARTED },
    });
    const chatbotId = await createChatbot(gateway);
    const { conversationId } = await send(gateway, { chatbotId, sessionId: 'ada', content: 'Hello' });
    await vi.waitFor(
      async () => expect(await readDeliveries(gateway, id)).toMatchObject([{ status: 'FAILED' }]),
      POLL_OPTIONS,
    );
    await mutate(gateway, 'assignConversation', { id: conversationId, assignee: 'grace' });
    await mutate(gateway, 'updateWebhookSubscription', { id, document: null });
    clock.advance(90_000);
    await waitForRequests(receiver.received, 2);
    expect(bodyOf(receiver.received).data).toEqual({
      event: { conversation: { sessionId: 'ada', assignee: null } },
    });
    expect(receiver.received[1]?.body).toBe(receiver.received[0]?.body);
  });

  it('that a schema change makes invalid is logged at the start, and its endpoint receives default bodies', async () => {
    const database = await createDatabase(engine);
    const env = WEBHOOK_ENV;
    const receiver = await startReceiver();
    const before = await startGateway({ database, env });
    const document = 'subscription { event { gone } }';
    const id = await subscribeEndpoint(before, receiver.url, { events: ['CONVERSATION_STARTED'], document });
    await subscribeEndpoint(before, receiver.url, { isActive: false, document: CONVERSATION_STARTED });
    await before.close();
    const gateway = await startWebhookGateway({ database, env });
    const problem = 'Cannot query field "gone" on type "WebhookPayload".';
    expect(findLogs(gateway, 'is broken')).toMatchObject([{ account: before.accountId, subscription: id, problem }]);
    const sameAccount = { ...gateway, ...{ accountId: before.accountId, key: before.key } };
    const chatbotId = await createChatbot(sameAccount);
    const { conversationId } = await send(sameAccount, { chatbotId, sessionId: 'ada', content: 'Hello' }, before.key);
    await waitForRequests(receiver.received);
    expect(bodyOf(receiver.received).data).toEqual({
      ...{ conversation_id: conversationId, session_id: 'ada', channel: 'graphql' },
    });
    await vi.waitFor(
      async () => expect(await readDeliveries(sameAccount, id)).toMatchObject([{ bodyProblem: problem }]),
      POLL_OPTIONS,
    );
    expect(findLogs(gateway, 'the default body is sent')).toMatchObject([{ subscription: id, problem }]);
    const { data } = await readProblems(gateway, id, before.key);
    expect(data.webhookSubscription.documentProblem).toBe(problem);
  });
});

describe('a document', () => {
  it('that fails for an event leads to the default body, and the delivery contains the reason', async () => {
    const gateway = await startWebhookGateway();
    const receiver = await startReceiver();
    const document =
      'subscription { event { ... on ConversationStartedWebhook { conversation { messages(first: -1) { nodes { id } } } } } }';
    const { id } = await subscribe(gateway, { url: receiver.url, events: ['CONVERSATION_STARTED'], document });
    await send(gateway, { chatbotId: await createChatbot(gateway), sessionId: 'ada', content: 'Hello' });
    await waitForRequests(receiver.received);
    expect(bodyOf(receiver.received).data).toMatchObject({ session_id: 'ada' });
    const { data } = await readProblems(gateway, id);
    expect(data.webhookSubscription.documentProblem).toBeNull();
    expect(data.webhookSubscription.deliveries.nodes).toEqual([
      { payload: receiver.received[0]?.body, payloadProblem: expect.stringContaining('first') },
    ]);
    expect(findLogs(gateway, 'the default body is sent')).toMatchObject([
      { subscription: id, delivery: expect.any(String) },
    ]);
  });

  it('cannot read private notes', async () => {
    const gateway = await startWebhookGateway();
    const receiver = await startReceiver();
    const document = `subscription { event { ... on ConversationClosedWebhook {
      conversation { messages { nodes { content isPrivate } } lastMessage { content } }
    } } }`;
    await subscribe(gateway, { url: receiver.url, events: ['CONVERSATION_CLOSED'], document });
    const chatbotId = await createChatbot(gateway);
    const { conversationId } = await send(gateway, { chatbotId, content: 'Hello' });
    const note = { conversationId, authorName: 'Grace', content: 'Difficult customer', isPrivate: true };
    await mutate(gateway, 'sendAgentMessage', note);
    await mutate(gateway, 'closeConversation', { id: conversationId });
    await waitForRequests(receiver.received);
    expect(bodyOf(receiver.received).data.event.conversation.messages.nodes[0]).toMatchObject({ content: 'Hello' });
    expect(receiver.received[0]?.body).not.toContain('Difficult');
  });

  it.each([
    ['is not GraphQL', 'subscription {', 'Syntax Error: Expected Name, found <EOF>.'],
    [
      'names an unknown field',
      'subscription { event { gone } }',
      'Cannot query field "gone" on type "WebhookPayload".',
    ],
    [
      'selects a field that requires more than READ',
      'subscription { event { ... on MessageFailedWebhook { message { error { detail } } } } }',
      'Must not select event.message.error.detail: a document has only the scope `READ`.',
    ],
    ['is a query', '{ viewer { kind } }', 'Must be one `subscription` of the field `event`, and nothing else.'],
    [
      'subscribes to another field',
      'subscription { quotaWarnings { percent } }',
      'Must be one `subscription` of the field `event`, and nothing else.',
    ],
    [
      'has two operations',
      'subscription A { event { id } } subscription B { event { id } }',
      'Must be one `subscription` of the field `event`, and nothing else.',
    ],
    [
      'has variables',
      'subscription ($with: Boolean = true) { event { id @include(if: $with) } }',
      'Must have no variables: write the values in place.',
    ],
    [
      'costs too much',
      `subscription { event { chatbot { conversations(first: 100) { nodes { messages(first: 100) { nodes { citations { title } } } } } } } }`,
      'The query is too complex: its cost may be at most 10000.',
    ],
    [
      'has too many tokens',
      `subscription { event { ${'id '.repeat(1_000)} } }`,
      'The query is too complex: its number of tokens may be at most 1000.',
    ],
    [
      'is nested too deep',
      `subscription { event { ${'chatbot { '.repeat(60)}`,
      'The query is too complex: its nesting may be at most 50.',
    ],
    ['is too long', `subscription { event { id } } #${textOfLength(10_000)}`, 'Must have at most 10000 characters.'],
  ])('that %s is rejected when it is saved', async (_name, document, message) => {
    const gateway = await startWebhookGateway();
    const { id } = await subscribe(gateway);
    const refused = { __typename: 'InvalidInputError', fields: [{ path: ['document'], message }] };
    const expected = message === undefined ? { webhookSubscription: { document } } : refused;
    const input = { url: 'https://hooks.example.com/', events: ['LEAD_CAPTURED'], document };
    const selection = 'webhookSubscription { document }';
    expect(await mutate(gateway, 'createWebhookSubscription', input, { selection })).toMatchObject(expected);
    expect(await mutate(gateway, 'updateWebhookSubscription', { id, document }, { selection })).toMatchObject(expected);
  });

  it('is kept by an update that omits it, also over REST, and removed by null', async () => {
    const gateway = await startWebhookGateway();
    const { id } = await subscribe(gateway, { document: CONVERSATION_STARTED });
    const update = async (input: object) =>
      (
        await mutate<{ webhookSubscription: { document: string | null } }>(
          gateway,
          'updateWebhookSubscription',
          { id, ...input },
          { selection: 'webhookSubscription { document }' },
        )
      ).webhookSubscription.document;
    expect(await update({ description: 'a' })).toBe(CONVERSATION_STARTED);
    const patched = await gateway.fetch(`/v1/webhooks/${id}`, {
      method: 'PATCH',
      headers: { authorization: `Bearer ${gateway.key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ description: 'b' }),
    });
    expect(patched.status).toBe(200);
    expect(await update({})).toBe(CONVERSATION_STARTED);
    expect(await update({ document: MESSAGE_COMPLETED })).toBe(MESSAGE_COMPLETED);
    expect(await update({ document: null })).toBeNull();
  });
});
