import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createId } from '../../../src/domain/ids.ts';
import { createChatbot, send } from '../../helpers/chatbots.ts';
import { startGateway, type TestGateway } from '../../helpers/gateway.ts';
import { webSocket } from '../../helpers/streams.ts';
import { createKeyWith, mutate } from '../support.ts';

interface List {
  readonly nodes: { readonly id: string }[];
  readonly totalCount: number;
  readonly pageInfo: {
    readonly startCursor: string;
    readonly endCursor: string;
    readonly hasNextPage: boolean;
    readonly hasPreviousPage: boolean;
  };
}

let gateway: TestGateway;
let conversationId: string;
/** The ids of the messages by name: `Q1 A1 Q2 A2`, then a note, then `A1' Q3 A3` instead of `A1 Q2 A2`. */
const ids: Record<string, string> = {};
const nameOf = (id: string) => Object.keys(ids).find((name) => ids[name] === id) ?? id;

async function ask(question: string, reply: string, content: string, conversation: object) {
  const sent = await send(gateway, { ...conversation, content });
  await webSocket.subscribe(gateway, { messageId: sent.replyId }).ended;
  Object.assign(ids, { [question]: sent.messageId, [reply]: sent.replyId });
  return sent.conversationId;
}

beforeAll(async () => {
  gateway = await startGateway();
  conversationId = await ask('Q1', 'A1', 'One', { chatbotId: await createChatbot(gateway) });
  await ask('Q2', 'A2', 'Two', { conversationId });
  const { agentMessage } = await mutate<{ agentMessage: { id: string } }>(
    gateway,
    'sendAgentMessage',
    { conversationId, content: 'A note', isPrivate: true },
    { selection: 'agentMessage { id }' },
  );
  const { reply } = await mutate<{ reply: { id: string } }>(
    gateway,
    'regenerateMessage',
    { id: ids.A1 },
    { selection: 'reply { id }' },
  );
  await webSocket.subscribe(gateway, { messageId: reply.id }).ended;
  Object.assign(ids, { note: agentMessage.id, "A1'": reply.id });
  await ask('Q3', 'A3', 'Three', { conversationId });
});
afterAll(() => gateway.close());

const LIST = '{ nodes { id } totalCount pageInfo { startCursor endCursor hasNextPage hasPreviousPage } }';

async function readMessages(args: object, key = gateway.key): Promise<List> {
  const { data } = await gateway.graphql<{ conversation: { messages: List } }>(
    `query ($id: ID!, $branch: ID, $includeNotes: Boolean, $first: Int, $after: String, $last: Int, $before: String) {
      conversation(id: $id) {
        messages(branch: $branch, includeNotes: $includeNotes, first: $first, after: $after, last: $last, before: $before)
        ${LIST}
      }
    }`,
    { id: conversationId, ...args },
    key,
  );
  return data.conversation.messages;
}

const namesOf = ({ nodes }: List) => nodes.map(({ id }) => nameOf(id));

async function readReplies(name: string, args = ''): Promise<List> {
  const { data } = await gateway.graphql<{ node: { replies: List } }>(
    `query ($id: ID!) { node(id: $id) { ... on Message { replies${args} ${LIST} } } }`,
    { id: ids[name] },
  );
  return data.node.replies;
}

describe('Conversation.messages', () => {
  it('lists the branch of any message, as selectBranch would show it, without selecting it', async () => {
    const oldBranch = ['Q1', 'A1', 'Q2', 'A2', 'note'];
    const shownBranch = ['Q1', 'note', "A1'", 'Q3', 'A3'];
    for (const name of ['A1', 'Q2', 'A2']) {
      const list = await readMessages({ branch: ids[name]?.toUpperCase() });
      expect([namesOf(list), list.totalCount]).toEqual([oldBranch, 5]);
    }
    for (const name of [...shownBranch, 'none']) {
      expect(namesOf(await readMessages({ branch: ids[name] })), name).toEqual(shownBranch);
    }
  });

  it('leaves private notes out on request, and for viewers without MANAGE', async () => {
    const visitorKey = await createKeyWith(gateway, 'READ', 'CHAT');
    const lists = [
      await readMessages({ branch: ids.A2, includeNotes: false }),
      await readMessages({ branch: ids.A2 }, visitorKey),
    ];
    for (const list of lists) expect([namesOf(list), list.totalCount]).toEqual([['Q1', 'A1', 'Q2', 'A2'], 4]);
    const shown = await readMessages({ includeNotes: false });
    expect([namesOf(shown), shown.totalCount]).toEqual([['Q1', "A1'", 'Q3', 'A3'], 4]);
    expect(namesOf(await readMessages({ branch: ids.note }, visitorKey))).toEqual([]);
  });

  it('pages through another branch in both directions', async () => {
    for (const size of [1, 2, 3]) {
      const forwards: string[] = [];
      const backwards: string[] = [];
      for (let after: string | undefined, hasMore = true; hasMore; ) {
        const page = await readMessages({ branch: ids.A2, first: size, after });
        forwards.push(...namesOf(page));
        after = page.pageInfo.endCursor;
        hasMore = page.pageInfo.hasNextPage;
      }
      for (let before: string | undefined, hasMore = true; hasMore; ) {
        const page = await readMessages({ branch: ids.A2, last: size, before });
        backwards.unshift(...namesOf(page));
        before = page.pageInfo.startCursor;
        hasMore = page.pageInfo.hasPreviousPage;
      }
      expect([forwards, backwards]).toEqual([
        ['Q1', 'A1', 'Q2', 'A2', 'note'],
        ['Q1', 'A1', 'Q2', 'A2', 'note'],
      ]);
    }
  });

  it('lists nothing for the branch of an unknown message, or of a message of another conversation', async () => {
    const other = await send(gateway, { chatbotId: await createChatbot(gateway), content: 'Elsewhere' });
    for (const branch of [other.messageId, createId('message'), conversationId, 'nonsense', 'a\0b', '']) {
      const list = await readMessages({ branch });
      expect([list.nodes, list.totalCount]).toEqual([[], 0]);
    }
  });

  it('lists a branch without shown messages', async () => {
    const { userMessage, reply } = await mutate<Record<'userMessage' | 'reply', { id: string }>>(
      gateway,
      'editMessage',
      { id: ids.Q1, content: 'One, edited' },
      { selection: 'userMessage { id } reply { id }' },
    );
    await webSocket.subscribe(gateway, { messageId: reply.id }).ended;
    Object.assign(ids, { "Q1'": userMessage.id, A: reply.id });
    expect(namesOf(await readMessages({}))).toEqual(['note', "Q1'", 'A']);
    const list = await readMessages({ branch: ids.A2 });
    expect([namesOf(list), list.totalCount]).toEqual([['Q1', 'A1', 'Q2', 'A2', 'note'], 5]);
    // The descendants of the first message are the newest ones.
    expect(namesOf(await readMessages({ branch: ids.Q1 }))).toEqual(['Q1', 'note', "A1'", 'Q3', 'A3']);
    await mutate(gateway, 'selectBranch', { id: ids.A3 });
  });
});

describe('Message.replies', () => {
  it('lists the messages directly after a message, in pages', async () => {
    const all = await readReplies('Q1');
    expect([namesOf(all), all.totalCount]).toEqual([['A1', "A1'"], 2]);
    const first = await readReplies('Q1', '(first: 1)');
    expect([namesOf(first), first.pageInfo.hasNextPage, first.totalCount]).toEqual([['A1'], true, 2]);
    expect(namesOf(await readReplies('Q1', `(first: 1, after: "${first.pageInfo.endCursor}")`))).toEqual(["A1'"]);
    expect(namesOf(await readReplies('Q1', '(last: 1)'))).toEqual(["A1'"]);
    expect(namesOf(await readReplies('A1'))).toEqual(['Q2']);
    for (const name of ['A3', 'note']) expect((await readReplies(name)).nodes).toEqual([]);
  });
});
