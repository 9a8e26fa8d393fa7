import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { createChatbot, send } from '../helpers/chatbots.ts';
import { startGateway, type TestGateway } from '../helpers/gateway.ts';
import { errorCodesOf } from '../helpers/sockets.ts';
import { createKeyWith, removeDuplicates } from './support.ts';

const ITEM_COUNT = 45;
const PAGE =
  'edges { cursor node { id } } nodes { id } totalCount pageInfo { hasNextPage hasPreviousPage startCursor endCursor }';
const ARGS = '(first: $first, after: $after, last: $last, before: $before)';
const OPERATION = 'query ($first: Int, $after: String, $last: Int, $before: String, $id: ID = "")';

/** Queries that select a connection under the alias `list`. */
const LISTS = {
  chatbots: `${OPERATION} { list: chatbots${ARGS} { ${PAGE} } node(id: $id) { id } }`,
  sources: `${OPERATION} { node(id: $id) { ... on Chatbot { list: sources${ARGS} { ${PAGE} } } } }`,
  passages: `${OPERATION} { node(id: $id) { ... on Source { list: passages${ARGS} { ${PAGE} } } } }`,
  conversations: `${OPERATION} { node(id: $id) { ... on Chatbot { list: conversations${ARGS} { ${PAGE} } } } }`,
  messages: `${OPERATION} { node(id: $id) { ... on Conversation { list: messages${ARGS} { ${PAGE} } } } }`,
} as const;
type List = keyof typeof LISTS;
const NAMES = Object.keys(LISTS) as List[];

interface Page {
  readonly edges: { cursor: string; node: { id: string } }[];
  readonly nodes: { id: string }[];
  readonly totalCount: number;
  readonly pageInfo: {
    hasNextPage: boolean;
    hasPreviousPage: boolean;
    startCursor: string | null;
    endCursor: string | null;
  };
}

let gateway: TestGateway;
const parentIds: Partial<Record<List, string>> = {};

beforeAll(async () => {
  gateway = await startGateway();
  const chatbotId = await createChatbot(gateway);
  for (let i = 1; i < ITEM_COUNT; i++) await createChatbot(gateway, { name: `Chatbot ${i}` });
  const text = Array.from({ length: ITEM_COUNT }, (_, i) => `# Part ${i}\n\nThis is part ${i}.`).join('\n\n');
  for (let i = 0; i < ITEM_COUNT; i++) {
    const input = { chatbotId, title: `Source ${i}`, content: { text: i === 0 ? text : 'One passage.' } };
    await gateway.graphql('mutation ($input: CreateSourceInput!) { createSource(input: $input) { __typename } }', {
      input,
    });
    await send(gateway, { chatbotId, content: `Message ${i}` });
  }
  const { conversationId } = await send(gateway, { chatbotId: await createChatbot(gateway), content: 'First' });
  for (let i = 1; i < 23; i++) await send(gateway, { conversationId, content: `Message ${i}` });
  const oldest = await fetchPage('sources', { last: 1, id: chatbotId });
  Object.assign(parentIds, {
    sources: chatbotId,
    conversations: chatbotId,
    messages: conversationId,
    passages: oldest.nodes[0]?.id,
  });
});
afterAll(() => gateway.close());

async function fetchPage(list: List, variables: object): Promise<Page> {
  const { data, errors } = await gateway.graphql<{ list?: Page; node: { list: Page } }>(LISTS[list], {
    id: parentIds[list],
    ...variables,
  });
  expect(errors).toBeUndefined();
  return data.list ?? data.node.list;
}

const idsOf = ({ nodes }: Page) => nodes.map(({ id }) => id);

describe.each(NAMES)('the list of %s', (list) => {
  let all: string[];
  beforeAll(async () => {
    all = idsOf(await fetchPage(list, { first: 100 }));
  });

  it('is sorted by creation, and has more than two pages', () => {
    expect(all.length).toBeGreaterThanOrEqual(ITEM_COUNT);
    expect(new Set(all).size).toBe(all.length);
    const sorted = all.toSorted();
    expect(all).toEqual(list === 'sources' || list === 'conversations' ? sorted.reverse() : sorted);
  });

  it.each([1, 7, 20, 44, 45, 46, 100])('returns every item once, forwards in pages of %i', async (first) => {
    const ids: string[] = [];
    let page = await fetchPage(list, { first });
    expect(page.pageInfo.hasPreviousPage).toBe(false);
    for (ids.push(...idsOf(page)); page.pageInfo.hasNextPage; ids.push(...idsOf(page))) {
      page = await fetchPage(list, { first, after: page.pageInfo.endCursor });
      expect(page.nodes.length).toBeGreaterThan(0);
      expect(page.pageInfo.hasPreviousPage).toBe(true);
    }
    expect(ids).toEqual(all);
  });

  it.each([1, 7, 20, 44, 45, 46, 100])('returns every item once, backwards in pages of %i', async (last) => {
    const ids: string[] = [];
    let page = await fetchPage(list, { last });
    expect(page.pageInfo.hasNextPage).toBe(false);
    for (ids.unshift(...idsOf(page)); page.pageInfo.hasPreviousPage; ids.unshift(...idsOf(page))) {
      page = await fetchPage(list, { last, before: page.pageInfo.startCursor });
      expect(page.nodes.length).toBeGreaterThan(0);
      expect(page.pageInfo.hasNextPage).toBe(true);
    }
    expect(ids).toEqual(all);
  });

  it('returns 20 items by default, as nodes and as edges, with the cursors of both ends', async () => {
    const page = await fetchPage(list, {});
    expect(idsOf(page)).toEqual(all.slice(0, 20));
    expect(page.edges.map(({ node }) => node)).toEqual(page.nodes);
    expect(page.pageInfo).toMatchObject({
      startCursor: page.edges.at(0)?.cursor,
      endCursor: page.edges.at(-1)?.cursor,
    });
    expect(removeDuplicates(page.edges.map(({ cursor }) => cursor))).toHaveLength(20);
  });

  it('counts the whole list on every page', async () => {
    for (const variables of [{ first: 100 }, { first: 0 }, { last: 1 }]) {
      expect((await fetchPage(list, variables)).totalCount).toBe(all.length);
    }
    const middle = (await fetchPage(list, { first: 9 })).pageInfo.endCursor;
    expect((await fetchPage(list, { first: 5, after: middle })).totalCount).toBe(all.length);
  });

  it('returns the items between two cursors, from either end', async () => {
    const { edges } = await fetchPage(list, { first: 30 });
    const [after, before] = [edges[4]?.cursor, edges[25]?.cursor];
    expect(idsOf(await fetchPage(list, { first: 100, after, before }))).toEqual(all.slice(5, 25));
    expect(idsOf(await fetchPage(list, { first: 3, after, before }))).toEqual(all.slice(5, 8));
    expect(idsOf(await fetchPage(list, { last: 3, after, before }))).toEqual(all.slice(22, 25));
    expect(idsOf(await fetchPage(list, { first: 3, after: before, before: after }))).toEqual([]);
  });

  it('reports correct page info when no items are requested', async () => {
    const { nodes, pageInfo } = await fetchPage(list, { first: 0 });
    expect([nodes, pageInfo]).toEqual([
      [],
      { hasNextPage: true, hasPreviousPage: false, startCursor: null, endCursor: null },
    ]);
  });

  it.each([
    { first: 101 },
    { first: -1 },
    { last: 101 },
    { last: -1 },
    { first: 1, last: 1 },
    { first: 0, last: 0 },
    { after: '' },
    { after: 'garbage' },
    { before: 'garbage' },
    { after: '\0' },
    { after: 'A'.repeat(22) },
    { after: 'A'.repeat(100_000) },
    { after: '019cf0f3-9a3c-7c1e-8a5b-2f6d1e0b7c43' },
    { first: 5, before: '!' },
  ])('rejects %.60j', async (variables) => {
    const answer = await gateway.graphql(LISTS[list], { id: parentIds[list], ...variables });
    expect(errorCodesOf(answer)).toEqual(['BAD_USER_INPUT']);
  });

  it('rejects cursors of other lists, and its own with a character more or less', async () => {
    const ownCursor = (await fetchPage(list, { first: 1 })).pageInfo.endCursor ?? '';
    const foreignCursors = NAMES.filter((name) => name !== list).map(
      async (name) => (await fetchPage(name, { first: 1 })).pageInfo.endCursor,
    );
    const alteredCursors = [`${ownCursor}=`, `${ownCursor} `, `${ownCursor}A`, ownCursor.slice(0, -1)];
    for (const cursor of [...(await Promise.all(foreignCursors)), ...alteredCursors]) {
      const answer = await gateway.graphql(LISTS[list], { id: parentIds[list], after: cursor });
      expect(errorCodesOf(answer)).toEqual(['BAD_USER_INPUT']);
    }
  });
});

it('returns its own page for each of several chatbots in one operation', async () => {
  const [many, few, none] = [
    await createChatbot(gateway),
    await createChatbot(gateway),
    await createChatbot(gateway),
  ] as const;
  for (const [chatbotId, title] of [
    [many, 'One'],
    [few, 'Two'],
    [many, 'Three'],
    [many, 'Four'],
  ]) {
    const input = { chatbotId, title, content: { text: 'One passage.' } };
    await gateway.graphql('mutation ($input: CreateSourceInput!) { createSource(input: $input) { __typename } }', {
      input,
    });
  }
  const { data } = await gateway.graphql<Record<string, Record<string, { nodes: { title: string }[] }>>>(
    `query ($many: ID!, $few: ID!, $none: ID!) {
      many: chatbot(id: $many) { newest: sources(first: 2) { nodes { title } } oldest: sources(last: 2) { nodes { title } } }
      again: chatbot(id: $many) { newest: sources(first: 2) { nodes { title } } failed: sources(filter: { statuses: [FAILED] }) { nodes { title } } }
      few: chatbot(id: $few) { newest: sources(first: 2) { nodes { title } } oldest: sources(last: 2) { nodes { title } } }
      none: chatbot(id: $none) { newest: sources(first: 2) { nodes { title } } }
    }`,
    { many, few, none },
  );
  const titles = Object.entries(data ?? {}).flatMap(([chatbot, lists]) =>
    Object.entries(lists).map(([list, { nodes }]) => [chatbot, list, nodes.map(({ title }) => title)]),
  );
  expect(titles).toEqual([
    ['many', 'newest', ['Four', 'Three']],
    ['many', 'oldest', ['Three', 'One']],
    ['again', 'newest', ['Four', 'Three']],
    ['again', 'failed', []],
    ['few', 'newest', ['Two']],
    ['few', 'oldest', ['Two']],
    ['none', 'newest', []],
  ]);
});

it('counts the lists of several chatbots together, each with its filter', async () => {
  const ids = [await createChatbot(gateway), await createChatbot(gateway), await createChatbot(gateway)] as const;
  for (const chatbotId of [ids[0], ids[0], ids[1]]) await send(gateway, { chatbotId, content: 'Hello' });
  const { conversationId } = await send(gateway, { chatbotId: ids[1], content: 'Hello' });
  await gateway.graphql(`mutation { closeConversation(input: { id: "${conversationId}" }) { __typename } }`);
  const executor = vi.spyOn(gateway.deps.db.read.getExecutor(), 'executeQuery');
  onTestFinished(() => executor.mockRestore());
  const { data } = await gateway.graphql<{ nodes: { all: Page; again: Page; closed: Page }[] }>(
    `query ($ids: [ID!]!) { nodes(ids: $ids) { ... on Chatbot {
      all: conversations(first: 0) { totalCount }
      again: conversations(first: 1) { totalCount }
      closed: conversations(filter: { statuses: [CLOSED] }) { totalCount }
    } } }`,
    { ids },
  );
  const counts = executor.mock.calls.filter(([{ sql }]) => sql.includes('count('));
  expect(data.nodes.map(({ all, again, closed }) => [all, again, closed].map(({ totalCount }) => totalCount))).toEqual([
    [2, 2, 0],
    [2, 2, 1],
    [0, 0, 0],
  ]);
  // Lists whose pages arrive at the same time are counted together: never with a query for each of the nine.
  expect(counts.length).toBeLessThanOrEqual(6);
});

it('counts private notes only for keys that may read them', async () => {
  const { conversationId } = await send(gateway, { chatbotId: await createChatbot(gateway), content: 'Hello' });
  await gateway.graphql(
    'mutation ($input: SendAgentMessageInput!) { sendAgentMessage(input: $input) { __typename } }',
    { input: { conversationId, content: 'A note', isPrivate: true } },
  );
  const countMessages = async (key: string) => {
    const query = `{ conversation(id: "${conversationId}") { messages { totalCount } } }`;
    const { data } = await gateway.graphql<{ conversation: { messages: Page } }>(query, {}, key);
    return data.conversation.messages.totalCount;
  };
  expect([await countMessages(gateway.key), await countMessages(await createKeyWith(gateway, 'READ'))]).toEqual([3, 2]);
});
