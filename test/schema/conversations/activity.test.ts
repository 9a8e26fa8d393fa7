import { describe, expect, it, onTestFinished } from 'vitest';
import { trimEvents } from '../../../src/conversations/trim-events.ts';
import { DEMO_CHATBOT_ID } from '../../../src/demo.ts';
import { createManualClock } from '../../helpers/clock.ts';
import { startGatewayWithCompletedReply } from '../../helpers/conversations.ts';
import { readEventStream } from '../../helpers/event-stream.ts';
import { startGateway, type TestGateway } from '../../helpers/gateway.ts';
import { TRANSPORTS } from '../../helpers/streams.ts';
import { inputFor, mutate, removeDuplicates, runForForeignAndUnknownIds } from '../support.ts';

interface Activity {
  readonly id: string;
  readonly at: string;
  readonly changes: readonly string[];
  readonly actor: string | null;
}

const ACTIVITIES = `query ($id: ID!, $first: Int, $after: String, $last: Int) { conversation(id: $id) {
  activities(first: $first, after: $after, last: $last) { totalCount nodes { id at changes actor } pageInfo { endCursor hasNextPage } }
} }`;

async function readPage(gateway: TestGateway, id: string, page: object = {}) {
  const { data } = await gateway.graphql<{
    conversation: {
      activities: { totalCount: number; nodes: Activity[]; pageInfo: { endCursor: string; hasNextPage: boolean } };
    };
  }>(ACTIVITIES, { id, ...page });
  return data.conversation.activities;
}

const summariesOf = (activities: readonly Pick<Activity, 'changes' | 'actor'>[]) =>
  activities.map(({ changes, actor }) => [...changes, actor].join(' '));

/** Changes a conversation in every way. */
async function changeInEveryWay(gateway: TestGateway, conversationId: string): Promise<void> {
  const change = (name: string, input: object = {}) => mutate(gateway, name, inputFor(name, conversationId, input));
  await change('escalateConversation', { reason: 'Asked.' });
  await change('assignConversation', { assignee: 'ada@example.com' });
  await change('assignConversation', { assignee: 'ada@example.com' });
  await change('sendAgentMessage', { content: 'A note', isPrivate: true, authorName: 'Ben' });
  await change('takeOverConversation', { authorName: 'Eve' });
  await change('takeOverConversation', { authorName: 'Ada' });
  await change('sendAgentMessage', { content: 'Ada here.', authorName: 'Ada' });
  await change('sendAgentMessage', { content: 'Still here.', authorName: 'Ada' });
  await change('sendMessage', { content: 'Good.' });
  await change('markConversationRead');
  await change('sendAgentMessage', { content: 'Anything else?', authorName: 'Ada' });
  await change('markConversationRead', { by: 'USER' });
  await change('handBackConversation');
  await change('closeConversation');
  await change('closeConversation');
  await change('sendMessage', { content: 'One more thing.' });
}

const EVERY_WAY = [
  'ESCALATED Test key',
  'ASSIGNED Test key',
  'TAKEN_OVER Eve',
  'TAKEN_OVER Ada',
  'READ Test key',
  'READ ',
  'HANDED_BACK ASSIGNED Test key',
  'CLOSED Test key',
  'REOPENED ',
];

describe('Conversation.activities', () => {
  it('lists every change with its actor, in pages, also when the events have expired', async () => {
    const clock = createManualClock();
    const { gateway, conversationId } = await startGatewayWithCompletedReply({ overrides: { clock } });
    expect((await readPage(gateway, conversationId)).nodes).toEqual([]);
    await changeInEveryWay(gateway, conversationId);
    const { nodes } = await readPage(gateway, conversationId);
    expect(summariesOf(nodes)).toEqual(EVERY_WAY);
    expect(nodes.map(({ at }) => at)).toEqual(nodes.map(() => '2026-03-15T10:30:00.000Z'));

    const first = await readPage(gateway, conversationId, { first: 2 });
    expect(first).toMatchObject({ totalCount: 9, nodes: nodes.slice(0, 2), pageInfo: { hasNextPage: true } });
    const second = await readPage(gateway, conversationId, { first: 2, after: first.pageInfo.endCursor });
    expect(second.nodes).toEqual(nodes.slice(2, 4));
    expect((await readPage(gateway, conversationId, { last: 1 })).nodes).toEqual(nodes.slice(-1));

    clock.advance(31 * 86_400_000);
    await trimEvents(gateway.deps, new AbortController().signal);
    expect((await gateway.deps.db.read.selectFrom('conversation_events').selectAll().execute()).length).toBe(1);
    expect((await readPage(gateway, conversationId)).nodes).toEqual(nodes);
  });

  it('lists several changes that happened together as one activity', async () => {
    const { gateway, conversationId } = await startGatewayWithCompletedReply();
    const change = (name: string, input: object = {}) => mutate(gateway, name, inputFor(name, conversationId, input));
    await change('closeConversation');
    await change('escalateConversation');
    await change('closeConversation');
    await change('sendAgentMessage', { content: 'Hello again.' });
    await change('closeConversation');
    expect(summariesOf((await readPage(gateway, conversationId)).nodes)).toEqual([
      'CLOSED Test key',
      'ESCALATED REOPENED Test key',
      'CLOSED Test key',
      'TAKEN_OVER REOPENED Test key',
      'HANDED_BACK CLOSED Test key',
    ]);
  });

  it('are found by id within the account only, and need READ', async () => {
    const { gateway, conversationId } = await startGatewayWithCompletedReply();
    await mutate(gateway, 'closeConversation', { id: conversationId });
    const [activity] = (await readPage(gateway, conversationId)).nodes;
    const query = 'query ($id: ID!) { node(id: $id) { id ... on ConversationActivity { at changes actor } } }';
    const id = activity?.id ?? '';
    expect((await gateway.graphql(query, { id })).data).toEqual({ node: activity });
    const answers = await runForForeignAndUnknownIds(gateway, { query, id, kind: 'conversationActivity' });
    expect(removeDuplicates(answers)).toEqual([{ status: 200, data: { node: null } }]);
    const key = await gateway.createKey(gateway.accountId, ['CHAT', 'MANAGE']);
    const document =
      'mutation ($input: CloseConversationInput!) { closeConversation(input: $input) { ... on CloseConversationPayload { conversation { activities { nodes { id } } } } } }';
    const { errors } = await gateway.graphql(document, { input: { id: conversationId } }, key);
    expect(errors?.[0]?.extensions).toMatchObject({ code: 'FORBIDDEN', requiredScopes: ['READ', 'CHAT'] });
  });
});

describe('ConversationChanged', () => {
  it.each(TRANSPORTS)('reports each change over $name, live and after a cursor', async ({ subscribe }) => {
    const { gateway, conversationId, chatbotId } = await startGatewayWithCompletedReply();
    const reader = subscribe(gateway, { conversationId });
    await expect.poll(() => gateway.deps.bus.size).toBe(1);
    await changeInEveryWay(gateway, conversationId);
    await reader.until(({ changes }) => changes?.includes('REOPENED') ?? false);
    const changesOf = ({ events }: typeof reader) =>
      events.filter(({ __typename }) => __typename === 'ConversationChanged');
    const summaries = changesOf(reader).map(({ changes = [], actor = '' }) => ({ changes, actor }));
    expect(summariesOf(summaries)).toEqual(EVERY_WAY);
    const [escalated] = changesOf(reader);
    const resumed = [
      subscribe(gateway, { conversationId, after: escalated?.cursor }),
      subscribe(gateway, { chatbotId }),
    ];
    await expect.poll(() => changesOf(resumed[0] as typeof reader).length).toBe(EVERY_WAY.length - 1);
    for (const each of [reader, ...resumed]) each.unsubscribe();
  });

  it("does not tell a session token who changed the visitor's conversation", async () => {
    const gateway = await startGateway({ env: { SEED_DEMO: 'true' } });
    onTestFinished(() => gateway.close());
    const { account_id } = await gateway.deps.db.read
      .selectFrom('chatbots')
      .select('account_id')
      .where('id', '=', DEMO_CHATBOT_ID)
      .executeTakeFirstOrThrow();
    const { token, conversationId } = gateway.deps.keyring.sessions.open({
      id: DEMO_CHATBOT_ID,
      accountId: account_id,
    });
    const run = (name: string, input: object, key: string) =>
      gateway.graphql(
        `mutation ($input: ${name[0]?.toUpperCase()}${name.slice(1)}Input!) { ${name}(input: $input) { __typename } }`,
        { input: inputFor(name, conversationId, input) },
        key,
      );
    await run('sendMessage', { content: 'Hello?' }, token);
    const ownerKey = await gateway.createKey(account_id, ['READ', 'MANAGE']);
    const follow = async (key: string) => {
      const query = `subscription ($conversationId: ID!) {
        conversationEvents(conversationId: $conversationId) { ... on ConversationChanged { changes actor } }
      }`;
      const response = await gateway.fetch('/graphql', {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          accept: 'text/event-stream',
          authorization: `Bearer ${key}`,
        },
        body: JSON.stringify({ query, variables: { conversationId } }),
      });
      const received: (string | null)[][] = [];
      for await (const { event, data = '' } of readEventStream(response)) {
        if (event !== 'next') continue;
        const { changes, actor } = JSON.parse(data).data.conversationEvents;
        if (changes) received.push([...changes, actor]);
        if (received.length === 2) return received;
      }
      return received;
    };
    const streams = [follow(token), follow(ownerKey)];
    await expect.poll(() => gateway.deps.bus.size).toBe(2);
    await run('sendAgentMessage', { content: 'Ada here.' }, ownerKey);
    await run('escalateConversation', {}, token);
    expect(await Promise.all(streams)).toEqual([
      [
        ['TAKEN_OVER', null],
        ['ESCALATED', null],
      ],
      [
        ['TAKEN_OVER', 'Test key'],
        ['ESCALATED', null],
      ],
    ]);
  });
});
