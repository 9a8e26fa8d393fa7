import { expect, it } from 'vitest';
import { createChatbot, send } from '../../helpers/chatbots.ts';
import type { TestGateway } from '../../helpers/gateway.ts';
import { webSocket } from '../../helpers/streams.ts';
import { mutate, openGateway } from '../support.ts';

const LIST = `query ($filter: ConversationFilter, $orderBy: ConversationOrder, $first: Int, $after: String, $last: Int) {
  conversations(filter: $filter, orderBy: $orderBy, first: $first, after: $after, last: $last) {
    nodes { sessionId } totalCount pageInfo { hasNextPage endCursor }
  }
}`;

interface Listed {
  readonly conversations: {
    readonly nodes: readonly { readonly sessionId: string }[];
    readonly totalCount: number;
    readonly pageInfo: { readonly hasNextPage: boolean; readonly endCursor: string };
  };
}

/** The session ids of the conversations with a text, in the order of the list. */
async function find(
  gateway: TestGateway,
  query: string,
  { key, ...variables }: { key?: string; [name: string]: unknown } = {},
) {
  const { filter, ...others } = variables as { filter?: object };
  const { data, errors } = await gateway.graphql<Listed>(LIST, { filter: { query, ...filter }, ...others }, key);
  if (errors) throw new Error(JSON.stringify(errors));
  return data.conversations.nodes.map(({ sessionId }) => sessionId);
}

/** Sends a message and waits until its reply is completed. */
async function converse(gateway: TestGateway, chatbotId: string, sessionId: string, content: string) {
  const sent = await send(gateway, { chatbotId, sessionId, content });
  await webSocket.subscribe(gateway, { messageId: sent.replyId }).ended;
  return sent;
}

it('finds the conversations with a message that has all words, whatever their case, accents and punctuation', async () => {
  const gateway = await openGateway();
  const chatbotId = await createChatbot(gateway, { fallbackMessage: 'No idea.' });
  await converse(gateway, chatbotId, 'a', 'Where is the Café?');
  await converse(gateway, chatbotId, 'b', 'Where is my parcel?');
  await converse(gateway, chatbotId, 'b', 'The café has it.');
  await converse(gateway, chatbotId, 'c', '무료배송은 언제 와요? 京都タワー');
  const cases: readonly [string, string[]][] = [
    ['cafe', ['b', 'a']],
    ['WHERE', ['b', 'a']],
    ['where café', ['a']],
    ['café, where!', ['a']],
    ['parcel cafe', []],
    ['whe', ['b', 'a']],
    ['whe is', []],
    ['배송', ['c']],
    ['都タ', ['c']],
    ['nothing', []],
    // A reply has its words when it has ended.
    ['no idea', ['c', 'b', 'a']],
  ];
  for (const [query, expected] of cases) expect([query, await find(gateway, query)]).toEqual([query, expected]);
  const operators: readonly string[] = [
    '"cafe',
    'cafe*',
    "cafe'",
    'cafe:*',
    '-cafe',
    '^cafe',
    '!cafe',
    '(cafe',
    '"cafe\\',
    '%cafe_',
  ];
  for (const query of operators) expect([query, await find(gateway, query)]).toEqual([query, ['b', 'a']]);
  for (const query of ['cafe OR parcel', 'words: cafe', 'NOT cafe', 'NEAR(cafe where)']) {
    expect([query, await find(gateway, query)]).toEqual([query, []]);
  }
});

it('follows every change of a text, and finds only what the conversation shows', async () => {
  const gateway = await openGateway();
  const chatbotId = await createChatbot(gateway);
  const sent = await converse(gateway, chatbotId, 'a', 'Apple pie');
  const { conversationId } = sent;
  expect(await find(gateway, 'apple')).toEqual(['a']);

  const edited = await mutate<{ reply: { id: string } }>(
    gateway,
    'editMessage',
    { id: sent.messageId, content: 'Banana split' },
    { selection: 'reply { id }' },
  );
  await webSocket.subscribe(gateway, { messageId: edited.reply.id }).ended;
  expect(await find(gateway, 'apple')).toEqual([]);
  expect(await find(gateway, 'banana')).toEqual(['a']);
  await mutate(gateway, 'selectBranch', { id: sent.messageId });
  expect(await find(gateway, 'apple')).toEqual(['a']);
  expect(await find(gateway, 'banana')).toEqual([]);

  const { agentMessage } = await mutate<{ agentMessage: { id: string } }>(
    gateway,
    'sendAgentMessage',
    { conversationId, content: 'Cherry cake' },
    { selection: 'agentMessage { id }' },
  );
  expect(await find(gateway, 'cherry')).toEqual(['a']);
  await mutate(gateway, 'updateAgentMessage', { id: agentMessage.id, content: 'Date roll' });
  expect(await find(gateway, 'cherry')).toEqual([]);
  expect(await find(gateway, 'date')).toEqual(['a']);
  await mutate(gateway, 'updateAgentMessage', { id: agentMessage.id, content: '🙂' });
  expect(await find(gateway, 'date')).toEqual([]);
  await mutate(gateway, 'updateAgentMessage', { id: agentMessage.id, content: 'Elderberry' });
  await mutate(gateway, 'deleteMessage', { id: agentMessage.id });
  expect(await find(gateway, 'elderberry')).toEqual([]);

  await mutate(gateway, 'deleteChatbot', { id: chatbotId });
  expect(await find(gateway, 'apple')).toEqual([]);
  const words = gateway.deps.db.read.selectFrom('message_words').where('conversation_id', '=', conversationId);
  expect(await words.selectAll().execute()).toEqual([]);
});

it('searches private notes only with MANAGE, and never another account', async () => {
  const gateway = await openGateway();
  const chatbotId = await createChatbot(gateway);
  const { conversationId } = await converse(gateway, chatbotId, 'a', 'Hello');
  await mutate(gateway, 'sendAgentMessage', { conversationId, content: 'Secret customer', isPrivate: true });
  expect(await find(gateway, 'secret')).toEqual(['a']);
  const reader = { name: 'Reader', scopes: ['READ'] };
  const { key: readOnly } = await mutate<{ key: string }>(gateway, 'createApiKey', reader, { selection: 'key' });
  expect(await find(gateway, 'secret', { key: readOnly })).toEqual([]);
  expect(await find(gateway, 'hello', { key: readOnly })).toEqual(['a']);
  const { key } = await gateway.createTenant();
  expect(await find(gateway, 'hello', { key })).toEqual([]);
});

it('combines a text with filters, orders, cursors and counts', async () => {
  const gateway = await openGateway();
  const [one, two] = [await createChatbot(gateway), await createChatbot(gateway)];
  for (const [index, sessionId] of ['a', 'b', 'c', 'd', 'e'].entries()) {
    await converse(gateway, index % 2 === 0 ? one : two, sessionId, index === 3 ? 'Other' : 'Where is my parcel?');
  }
  const b = await converse(gateway, two, 'b', 'Thanks');
  await mutate(gateway, 'escalateConversation', { id: b.conversationId });
  const query = 'my parcel';
  expect(await find(gateway, query)).toEqual(['b', 'e', 'c', 'a']);
  expect(await find(gateway, query, { orderBy: { field: 'CREATED_AT' } })).toEqual(['e', 'c', 'b', 'a']);
  expect(await find(gateway, query, { orderBy: { direction: 'ASC' } })).toEqual(['a', 'c', 'e', 'b']);
  expect(await find(gateway, query, { orderBy: { field: 'WAITING_SINCE' } })).toEqual(['b']);
  expect(await find(gateway, query, { filter: { chatbotIds: [two] } })).toEqual(['b']);
  expect(await find(gateway, query, { filter: { chatbotIds: [one, two], statuses: ['OPEN'] } })).toEqual([
    'e',
    'c',
    'a',
  ]);
  expect(await find(gateway, query, { filter: { statuses: ['ESCALATED'] } })).toEqual(['b']);
  expect(await find(gateway, query, { filter: { sessionId: 'c' } })).toEqual(['c']);
  expect(await find(gateway, query, { filter: { sessionId: 'd' } })).toEqual([]);
  expect(await find(gateway, query, { last: 2 })).toEqual(['c', 'a']);

  const pages: string[] = [];
  let after: string | undefined;
  do {
    const { data } = await gateway.graphql<Listed>(LIST, { filter: { query }, first: 2, after });
    const { nodes, totalCount, pageInfo } = data.conversations;
    expect(totalCount).toBe(4);
    pages.push(...nodes.map(({ sessionId }) => sessionId));
    after = pageInfo.hasNextPage ? pageInfo.endCursor : undefined;
  } while (after !== undefined);
  expect(pages).toEqual(['b', 'e', 'c', 'a']);

  const ofChatbot = await gateway.graphql<{ chatbot: Listed }>(
    'query ($id: ID!) { chatbot(id: $id) { conversations(filter: { query: "parcel" }) { nodes { sessionId } totalCount } } }',
    { id: two },
  );
  expect(ofChatbot.data.chatbot.conversations).toEqual({ nodes: [{ sessionId: 'b' }], totalCount: 1 });
});

it('refuses a text without a letter or digit, and one that is too long', async () => {
  const gateway = await openGateway();
  for (const query of ['', '  ', '*', '"', '😀', 'x'.repeat(256), 1]) {
    const { errors } = await gateway.graphql(LIST, { filter: { query } });
    expect([query, errors?.[0]?.extensions.code]).toEqual([query, 'BAD_USER_INPUT']);
  }
  const kanji = String.fromCharCode(...Array.from({ length: 255 }, (_, index) => 0x4e00 + index));
  const letters = Array.from({ length: 127 }, (_, index) => String.fromCharCode(0x4e00 + index)).join(' ');
  const numbers = Array.from({ length: 80 }, (_, index) => index).join('-');
  for (const query of [
    kanji,
    letters,
    numbers,
    'x'.repeat(255),
    'x '.repeat(127),
    '漢'.repeat(255),
    '\u0301x'.repeat(127),
  ]) {
    expect(await find(gateway, query)).toEqual([]);
  }
});
