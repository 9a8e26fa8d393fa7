import { type GraphQLNamedType, getNamedType, isAbstractType, isInterfaceType, isObjectType } from 'graphql';
import { describe, expect, it, vi } from 'vitest';
import { schema } from '../../schema/index.ts';
import { createChatbot, send } from '../helpers/chatbots.ts';
import { createManualClock } from '../helpers/clock.ts';
import { describeEngines } from '../helpers/databases.ts';
import { createDatabase, startGateway, type TestGateway } from '../helpers/gateway.ts';
import {
  readDeliveries,
  startWebhookGateway,
  subscribeEndpoint as store,
  WEBHOOK_ENV,
} from '../helpers/webhooks/gateway.ts';
import { failTimes, type Received, startReceiver } from '../helpers/webhooks/receivers.ts';
import { subscribe } from '../helpers/webhooks/webhooks.ts';
import { mutate, textOf } from '../schema/support.ts';

const SOON = { timeout: 3_000, interval: 20 };
const ANSWER = `subscription { event { name ... on MessageCompletedEvent {
  message { content citations { title } conversation { sessionId } }
} } }`;
const STARTED = 'subscription { event { ... on ConversationStartedEvent { conversation { sessionId assignee } } } }';

const waitFor = (received: readonly Received[], count = 1) =>
  vi.waitFor(() => expect(received).toHaveLength(count), SOON);

const bodyOf = (received: readonly Received[], index = 0) => JSON.parse(received[index]?.body ?? 'null');

const readProblems = (gateway: TestGateway, id: string) =>
  gateway.graphql<{ webhookSubscription: { deliveries: { nodes: { payload: string; payloadProblem: string }[] } } }>(
    'query ($id: ID!) { webhookSubscription(id: $id) { deliveries { nodes { payload payloadProblem } } } }',
    { id },
  );

const logged = ({ logs }: TestGateway, text: string) =>
  logs.filter(({ msg }) => typeof msg === 'string' && msg.includes(text));

describeEngines('a document', (engine) => {
  it('selects the `data` of the body from the graph', async () => {
    const gateway = await startWebhookGateway({ engine });
    const receiver = await startReceiver();
    const { id } = await subscribe(gateway, { url: receiver.url, events: ['MESSAGE_COMPLETED'], document: ANSWER });
    const chatbotId = await createChatbot(gateway, { sources: ['# Hours\n\nOn Sundays we open at 10.'] });
    const sent = await send(gateway, { chatbotId, sessionId: 'ada', content: 'When do you open on Sundays?' });
    await waitFor(receiver.received);
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
          name: 'MESSAGE_COMPLETED',
          message: { content, citations: [{ title: 'Source 1' }], conversation: { sessionId: 'ada' } },
        },
      },
    });
    expect(await readDeliveries(gateway, id)).toMatchObject([
      { body: receiver.received[0]?.body, bodyProblem: null, eventId: receiver.received[0]?.headers['webhook-id'] },
    ]);
  });

  it('is executed once: changes between attempts do not change the body', async () => {
    const clock = createManualClock();
    const gateway = await startWebhookGateway({ engine, replaced: { clock } });
    const receiver = await startReceiver(failTimes(1));
    const { id } = await subscribe(gateway, {
      ...{ url: receiver.url, events: ['CONVERSATION_STARTED'], document: STARTED },
    });
    const chatbotId = await createChatbot(gateway);
    const { conversationId } = await send(gateway, { chatbotId, sessionId: 'ada', content: 'Hello' });
    await vi.waitFor(async () => expect(await readDeliveries(gateway, id)).toMatchObject([{ status: 'FAILED' }]), SOON);
    await mutate(gateway, 'assignConversation', { conversationId, assignee: 'grace' });
    await mutate(gateway, 'updateWebhookSubscription', { id, document: null });
    clock.turn(90_000);
    await waitFor(receiver.received, 2);
    expect(bodyOf(receiver.received).data).toEqual({
      event: { conversation: { sessionId: 'ada', assignee: null } },
    });
    expect(receiver.received[1]?.body).toBe(receiver.received[0]?.body);
  });

  it('broken by a schema change is logged at the start, and its endpoint gets default bodies', async () => {
    const database = await createDatabase(engine);
    const env = WEBHOOK_ENV;
    const receiver = await startReceiver();
    const before = await startGateway({ database, env });
    const document = 'subscription { event { gone } }';
    const id = await store(before, receiver.url, { events: ['CONVERSATION_STARTED'], document });
    await store(before, receiver.url, { isActive: false, document: STARTED });
    await before.close();
    const gateway = await startWebhookGateway({ database, env });
    const problem = 'Cannot query field "gone" on type "WebhookPayload".';
    expect(logged(gateway, 'is broken')).toMatchObject([{ account: before.accountId, subscription: id, problem }]);
    const same = { ...gateway, ...{ accountId: before.accountId, key: before.key } };
    const chatbotId = await createChatbot(same);
    const { conversationId } = await send(same, { chatbotId, sessionId: 'ada', content: 'Hello' }, before.key);
    await waitFor(receiver.received);
    expect(bodyOf(receiver.received).data).toEqual({
      ...{ conversation_id: conversationId, session_id: 'ada', channel: 'graphql' },
    });
    await vi.waitFor(
      async () => expect(await readDeliveries(same, id)).toMatchObject([{ bodyProblem: problem }]),
      SOON,
    );
    expect(logged(gateway, 'the default body is sent')).toMatchObject([{ subscription: id, problem }]);
  });
});

describe('a document', () => {
  it('that fails for an event is replaced by the default body, and the delivery states the reason', async () => {
    const gateway = await startWebhookGateway();
    const receiver = await startReceiver();
    const document =
      'subscription { event { ... on ConversationStartedEvent { conversation { messages(first: -1) { nodes { id } } } } } }';
    const { id } = await subscribe(gateway, { url: receiver.url, events: ['CONVERSATION_STARTED'], document });
    await send(gateway, { chatbotId: await createChatbot(gateway), sessionId: 'ada', content: 'Hello' });
    await waitFor(receiver.received);
    expect(bodyOf(receiver.received).data).toMatchObject({ session_id: 'ada' });
    const { data } = await readProblems(gateway, id);
    expect(data.webhookSubscription.deliveries.nodes).toEqual([
      { payload: receiver.received[0]?.body, payloadProblem: expect.stringContaining('first') },
    ]);
    expect(logged(gateway, 'the default body is sent')).toMatchObject([
      { subscription: id, delivery: expect.any(String) },
    ]);
  });

  it('cannot read private notes', async () => {
    const gateway = await startWebhookGateway();
    const receiver = await startReceiver();
    const document = `subscription { event { ... on ConversationClosedEvent {
      conversation { messages { nodes { content isPrivate } } lastMessage { content } }
    } } }`;
    await subscribe(gateway, { url: receiver.url, events: ['CONVERSATION_CLOSED'], document });
    const chatbotId = await createChatbot(gateway);
    const { conversationId } = await send(gateway, { chatbotId, content: 'Hello' });
    const note = { conversationId, authorName: 'Grace', content: 'Difficult customer', isPrivate: true };
    await mutate(gateway, 'sendAgentMessage', note);
    await mutate(gateway, 'closeConversation', { conversationId });
    await waitFor(receiver.received);
    expect(bodyOf(receiver.received).data.event.conversation.messages.nodes[0]).toMatchObject({ content: 'Hello' });
    expect(receiver.received[0]?.body).not.toContain('Difficult');
  });

  it('cannot select a field that needs more than READ', () => {
    const visited = new Set<GraphQLNamedType>();
    const guarded: string[][] = [];
    const walk = (type: GraphQLNamedType) => {
      if (visited.has(type)) return;
      visited.add(type);
      if (isAbstractType(type)) schema.getPossibleTypes(type).forEach(walk);
      if (!isObjectType(type) && !isInterfaceType(type)) return;
      for (const field of Object.values(type.getFields())) {
        const { authScopes } = field.extensions.pothosOptions as { authScopes?: { $any?: object } };
        if (authScopes) guarded.push(Object.keys(authScopes.$any ?? authScopes));
        walk(getNamedType(field.type));
      }
    };
    walk(getNamedType(schema.getSubscriptionType()?.getFields().event?.type) as GraphQLNamedType);
    expect(guarded.length).toBeGreaterThan(0);
    for (const scopes of guarded) expect(scopes).toContain('READ');
  });

  it.each([
    ['is not GraphQL', 'subscription {', 'Syntax Error: Expected Name, found <EOF>.'],
    [
      'names an unknown field',
      'subscription { event { gone } }',
      'Cannot query field "gone" on type "WebhookPayload".',
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
      'There is nobody to give it variables: write the values in place.',
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
    ['is too long', `subscription { event { id } } #${textOf(10_000)}`, 'Must have at most 10000 characters.'],
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

  it('stays when an update omits it, as in REST, and null removes it', async () => {
    const gateway = await startWebhookGateway();
    const { id } = await subscribe(gateway, { document: STARTED });
    const change = async (input: object) =>
      (
        await mutate<{ webhookSubscription: { document: string | null } }>(
          gateway,
          'updateWebhookSubscription',
          { id, ...input },
          { selection: 'webhookSubscription { document }' },
        )
      ).webhookSubscription.document;
    expect(await change({ description: 'a' })).toBe(STARTED);
    const patched = await gateway.fetch(`/v1/webhooks/${id}`, {
      method: 'PATCH',
      headers: { authorization: `Bearer ${gateway.key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ description: 'b' }),
    });
    expect(patched.status).toBe(200);
    expect(await change({})).toBe(STARTED);
    expect(await change({ document: ANSWER })).toBe(ANSWER);
    expect(await change({ document: null })).toBeNull();
  });
});
