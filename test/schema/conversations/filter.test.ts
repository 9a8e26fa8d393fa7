import { expect, it } from 'vitest';
import { createChatbot, send } from '../../helpers/chatbots.ts';
import { createManualClock } from '../../helpers/clock.ts';
import type { TestGateway } from '../../helpers/gateway.ts';
import { webSocket } from '../../helpers/streams.ts';
import { mutate, openGateway } from '../support.ts';

const LIST = `query ($filter: ConversationFilter, $orderBy: ConversationOrder) {
  conversations(filter: $filter, orderBy: $orderBy) { nodes { sessionId answeredBy } totalCount }
}`;

interface Listed {
  readonly conversations: {
    readonly nodes: readonly { readonly sessionId: string; readonly answeredBy: string }[];
    readonly totalCount: number;
  };
}

/** Lists the conversations that meet a filter: their session ids in alphabetical order. */
async function find(gateway: TestGateway, filter: object, { key, orderBy }: { key?: string; orderBy?: object } = {}) {
  const { data, errors } = await gateway.graphql<Listed>(LIST, { filter, orderBy }, key);
  if (errors) throw new Error(JSON.stringify(errors));
  const { nodes, totalCount } = data.conversations;
  expect(totalCount).toBe(nodes.length);
  return nodes.map(({ sessionId }) => sessionId).sort();
}

/** Sends a message and waits until its reply is completed. */
async function converse(gateway: TestGateway, chatbotId: string, sessionId: string) {
  const sent = await send(gateway, { chatbotId, sessionId, content: 'Where is my parcel?' });
  await webSocket.subscribe(gateway, { messageId: sent.replyId }).ended;
  return sent;
}

async function succeed(gateway: TestGateway, name: string, input: object, selection?: string) {
  const payload = await mutate<{ __typename: string; [field: string]: unknown }>(
    gateway,
    name,
    input,
    selection === undefined ? {} : { selection },
  );
  expect(payload.__typename).toMatch(/Payload$/);
  return payload;
}

it('finds conversations by lead and by the rating of a message that they show, alone and combined', async () => {
  const gateway = await openGateway();
  const [one, two] = [await createChatbot(gateway), await createChatbot(gateway)];
  const a = await converse(gateway, one, 'a');
  const b = await converse(gateway, one, 'b');
  const c = await converse(gateway, two, 'c');
  await converse(gateway, two, 'd');
  expect(await find(gateway, { hasLead: true })).toEqual([]);
  expect(await find(gateway, { hasLead: false })).toEqual(['a', 'b', 'c', 'd']);
  expect(await find(gateway, { rating: 'UP' })).toEqual([]);

  // Two leads of one conversation list it once.
  for (const { conversationId } of [a, a, c]) {
    await succeed(gateway, 'captureLead', { conversationId, email: 'a@example.com' });
  }
  await succeed(gateway, 'rateMessage', { id: a.replyId, rating: 'UP' });
  await succeed(gateway, 'rateMessage', { id: b.replyId, rating: 'UP' });
  await succeed(gateway, 'rateMessage', { id: c.replyId, rating: 'DOWN' });
  const cases: readonly [object, string[]][] = [
    [{ hasLead: true }, ['a', 'c']],
    [{ hasLead: false }, ['b', 'd']],
    [{ hasLead: null }, ['a', 'b', 'c', 'd']],
    [{ rating: 'UP' }, ['a', 'b']],
    [{ rating: 'DOWN' }, ['c']],
    [{ hasLead: true, rating: 'UP' }, ['a']],
    [{ hasLead: false, rating: 'UP' }, ['b']],
    [{ hasLead: false, rating: 'DOWN' }, []],
    [{ hasLead: true, chatbotIds: [two] }, ['c']],
    [{ hasLead: true, chatbotIds: [one, two], statuses: ['OPEN'], answeredBy: 'ASSISTANT' }, ['a', 'c']],
    [{ rating: 'UP', statuses: ['CLOSED'] }, []],
    // A value that is given twice finds no conversation twice.
    [{ statuses: ['OPEN', 'OPEN'] }, ['a', 'b', 'c', 'd']],
    [{ statuses: ['OPEN', 'OPEN'], chatbotIds: [one, one] }, ['a', 'b']],
    [{ rating: 'UP', sessionId: 'b', channels: ['GRAPHQL'] }, ['b']],
    [{ rating: 'UP', hasLead: true, isUnassigned: true, priority: 'NORMAL' }, ['a']],
  ];
  for (const [filter, expected] of cases) {
    for (const field of ['LAST_MESSAGE_AT', 'CREATED_AT']) {
      const found = await find(gateway, filter, { orderBy: { field } });
      expect([filter, field, found]).toEqual([filter, field, expected]);
    }
  }
  const { key } = await gateway.createTenant();
  expect(await find(gateway, { hasLead: true }, { key })).toEqual([]);
  expect(await find(gateway, { rating: 'UP' }, { key })).toEqual([]);

  await succeed(gateway, 'rateMessage', { id: a.replyId, rating: 'DOWN' });
  expect(await find(gateway, { rating: 'UP' })).toEqual(['b']);
  expect(await find(gateway, { rating: 'DOWN' })).toEqual(['a', 'c']);

  // A new version hides the rated one, and its branch shows it again.
  const { reply } = await succeed(gateway, 'regenerateMessage', { id: b.replyId }, 'reply { id }');
  await webSocket.subscribe(gateway, { messageId: (reply as { id: string }).id }).ended;
  expect(await find(gateway, { rating: 'UP' })).toEqual([]);
  await succeed(gateway, 'selectBranch', { id: b.replyId });
  expect(await find(gateway, { rating: 'UP' })).toEqual(['b']);
});

it('finds conversations by who answers them, until the silence of the chatbot ends', async () => {
  const clock = createManualClock();
  const gateway = await openGateway({ overrides: { clock } });
  const chatbotId = await createChatbot(gateway);
  const ids: Record<string, string> = {};
  for (const sessionId of ['a', 'b', 'c', 'd']) {
    ids[sessionId] = (await converse(gateway, chatbotId, sessionId)).conversationId;
  }
  await succeed(gateway, 'takeOverConversation', { id: ids.a, silentMinutes: 10 });
  await succeed(gateway, 'sendAgentMessage', { conversationId: ids.b, content: 'This is Ada.' });
  await succeed(gateway, 'escalateConversation', { id: ids.c });
  await succeed(gateway, 'sendAgentMessage', { conversationId: ids.d, content: 'A note.', isPrivate: true });
  await succeed(gateway, 'captureLead', { conversationId: ids.a, email: 'a@example.com' });

  /** Compares the filter in each order and range with the field `answeredBy`. */
  const expectAgents = async (expected: string[]) => {
    const others = ['a', 'b', 'c', 'd'].filter((name) => !expected.includes(name));
    for (const orderBy of [{ field: 'LAST_MESSAGE_AT' }, { field: 'CREATED_AT', direction: 'ASC' }]) {
      for (const filter of [{}, { chatbotIds: [chatbotId] }, { statuses: ['OPEN', 'ESCALATED'] }]) {
        expect(await find(gateway, { ...filter, answeredBy: 'AGENT' }, { orderBy })).toEqual(expected);
        expect(await find(gateway, { ...filter, answeredBy: 'ASSISTANT' }, { orderBy })).toEqual(others);
      }
    }
    const { data } = await gateway.graphql<Listed>(LIST, {});
    const agents = data.conversations.nodes.filter(({ answeredBy }) => answeredBy === 'AGENT');
    expect(agents.map(({ sessionId }) => sessionId).sort()).toEqual(expected);
  };

  await expectAgents(['a', 'b']);
  expect(await find(gateway, { answeredBy: 'AGENT', hasLead: true })).toEqual(['a']);
  expect(await find(gateway, { answeredBy: 'AGENT', hasLead: false })).toEqual(['b']);
  expect(await find(gateway, { answeredBy: 'ASSISTANT', statuses: ['ESCALATED'] })).toEqual(['c']);
  clock.advance(10 * 60_000 - 1);
  await expectAgents(['a', 'b']);
  clock.advance(1);
  await expectAgents(['b']);
  expect(await find(gateway, { answeredBy: 'ASSISTANT', hasLead: true })).toEqual(['a']);
  await succeed(gateway, 'handBackConversation', { id: ids.b });
  await expectAgents([]);
});

it('refuses unknown and malformed values of a filter by lead, rating or answerer', async () => {
  const gateway = await openGateway();
  for (const filter of [{ hasLead: 'yes' }, { rating: 'MAYBE' }, { rating: 1 }, { answeredBy: 'VISITOR' }]) {
    const { errors } = await gateway.graphql(LIST, { filter });
    expect([filter, errors?.[0]?.extensions?.code]).toEqual([filter, 'BAD_USER_INPUT']);
  }
});
