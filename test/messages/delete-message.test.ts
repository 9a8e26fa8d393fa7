import { describe, expect, it } from 'vitest';
import { conversationTopic } from '../../src/coordination/topics.ts';
import { createId } from '../../src/domain/ids.ts';
import { createChatbot, send } from '../helpers/chatbots.ts';
import {
  describeMessageEvents,
  readGaplessLog,
  waitForMessageEvent,
  waitForReaders,
} from '../helpers/conversations.ts';
import { latestCursor } from '../helpers/cursors.ts';
import type { TestGateway } from '../helpers/gateway.ts';
import { createScriptedEngine, delta, finish } from '../helpers/models/engines.ts';
import { webSocket } from '../helpers/streams.ts';
import { createKeyWith, mutate, openGateway } from '../schema/support.ts';

interface DeleteResult {
  readonly code?: string;
  readonly deletedIds: string[];
  readonly conversation: { readonly unreadCount: number; readonly lastMessage: { readonly content: string } | null };
}

/** A conversation `Q1 A1 Q2 A2`, and functions that act in it. */
async function open() {
  const engine = createScriptedEngine();
  const gateway = await openGateway({ overrides: { engines: new Map([['builtin', engine]]) } });
  const chatbotId = await createChatbot(gateway);

  async function ask(content: string, answer: string, target: object = { conversationId }) {
    const sent = await send(gateway, { ...target, content });
    await complete(sent.replyId, answer);
    return sent;
  }
  async function complete(messageId: string, text: string) {
    engine.push(delta(text), finish);
    await webSocket.subscribe(gateway, { messageId }).ended;
  }
  async function regenerate(messageId: string, text: string): Promise<string> {
    const { reply } = await mutate<{ reply: { id: string } }>(
      gateway,
      'regenerateMessage',
      { id: messageId },
      { selection: 'reply { id }' },
    );
    await complete(reply.id, text);
    return reply.id;
  }
  async function sendAsAgent(content: string, isPrivate = false): Promise<string> {
    const { agentMessage } = await mutate<{ agentMessage: { id: string } }>(
      gateway,
      'sendAgentMessage',
      { conversationId, content, isPrivate },
      { selection: 'agentMessage { id }' },
    );
    return agentMessage.id;
  }

  let conversationId = '';
  const first = await ask('Q1', 'A1', { chatbotId });
  ({ conversationId } = first);
  const second = await ask('Q2', 'A2');
  return { gateway, engine, conversationId, first, second, ask, regenerate, sendAsAgent };
}

const deleteMessage = (gateway: TestGateway, id: string) =>
  mutate<DeleteResult>(
    gateway,
    'deleteMessage',
    { id },
    { selection: 'deletedIds conversation { unreadCount lastMessage { content } }' },
  );

/** The messages that a conversation shows: the text, and the text of the parent, of each. */
async function readShown(gateway: TestGateway, id: string): Promise<(string | null)[][]> {
  const { data } = await gateway.graphql<{
    conversation: { messages: { nodes: { content: string; parent: { content: string } | null }[] } };
  }>('query ($id: ID!) { conversation(id: $id) { messages { nodes { content parent { content } } } } }', { id });
  return data.conversation.messages.nodes.map(({ content, parent }) => [content, parent?.content ?? null]);
}

async function readUsage(gateway: TestGateway) {
  const query = '{ viewer { account { usage { messages outputTokens days { messages } } } } }';
  return (await gateway.graphql(query)).data;
}

describe('deleteMessage', () => {
  it("deletes a visitor's message with its replies, and keeps the messages after them", async () => {
    const { gateway, engine, conversationId, first, second, ask, regenerate } = await open();
    const again = await regenerate(second.replyId, 'A2 again');
    await ask('Q3', 'A3');
    const usage = await readUsage(gateway);
    const reader = webSocket.subscribe(gateway, { conversationId });
    await waitForReaders(gateway, 1);
    const { deletedIds, conversation } = await deleteMessage(gateway, second.messageId.toUpperCase());
    expect(deletedIds).toEqual([second.messageId, second.replyId, again]);
    expect(conversation).toMatchObject({ lastMessage: { content: 'A3' } });
    const shown = [
      ['Q1', null],
      ['A1', 'Q1'],
      ['Q3', 'A1'],
      ['A3', 'Q3'],
    ];
    expect(await readShown(gateway, conversationId)).toEqual(shown);
    await expect.poll(() => reader.events.filter(({ __typename }) => __typename === 'MessageDeleted').length).toBe(3);
    expect(reader.events.flatMap(({ messageId }) => messageId ?? [])).toEqual(deletedIds);
    await readGaplessLog(gateway, conversationId);
    expect(await readUsage(gateway)).toEqual(usage);
    for (const id of deletedIds) expect(await deleteMessage(gateway, id)).toMatchObject({ code: 'NOT_FOUND' });
    const { data } = await gateway.graphql('query ($ids: [ID!]!) { nodes(ids: $ids) { id } }', { ids: deletedIds });
    expect(data).toEqual({ nodes: [null, null, null] });

    const { replyId } = await ask('Q4', 'A4');
    expect(engine.questions.at(-1)?.history.map(({ content }) => content)).toEqual(['Q1', 'A1', 'Q3', 'A3']);
    expect(replyId).toBeDefined();
    await deleteMessage(gateway, first.messageId);
    expect((await readShown(gateway, conversationId))[0]).toEqual(['Q3', null]);
  });

  it("deletes a reply, a person's message or a note alone, and leaves every branch whole", async () => {
    const { gateway, conversationId, first, second, ask, regenerate, sendAsAgent } = await open();
    const note = await sendAsAgent('Note', true);
    const other = await regenerate(second.replyId, 'A2 again');
    const third = await ask('Q3', 'A3');
    const agent = await sendAsAgent('Agent');
    expect((await deleteMessage(gateway, agent)).conversation.lastMessage).toEqual({ content: 'A3' });
    expect((await deleteMessage(gateway, note)).deletedIds).toEqual([note]);
    expect((await deleteMessage(gateway, other)).deletedIds).toEqual([other]);
    expect(await readShown(gateway, conversationId)).toEqual([
      ['Q1', null],
      ['A1', 'Q1'],
      ['Q2', 'A1'],
      ['Q3', 'Q2'],
      ['A3', 'Q3'],
    ]);
    // Messages with the same parent are versions of each other only with the same role.
    const { data } = await gateway.graphql<Record<string, { siblings: { id: string }[] }>>(
      `query ($old: ID!, $next: ID!) {
        old: node(id: $old) { ... on Message { siblings { id } } }
        next: node(id: $next) { ... on Message { siblings { id } } }
      }`,
      { old: second.replyId, next: third.messageId },
    );
    expect(data.old?.siblings).toEqual([{ id: second.replyId }]);
    expect(data.next?.siblings).toEqual([{ id: third.messageId }]);
    await mutate(gateway, 'selectBranch', { id: second.replyId });
    expect((await readShown(gateway, conversationId)).map(([content]) => content)).toEqual(['Q1', 'A1', 'Q2', 'A2']);
    await deleteMessage(gateway, first.replyId);
    expect((await readShown(gateway, conversationId)).map(([content]) => content)).toEqual(['Q1', 'Q2', 'A2']);
  });

  it('leaves an empty conversation that goes on with the next message', async () => {
    const { gateway, conversationId, first, second, ask } = await open();
    await deleteMessage(gateway, second.messageId);
    const { conversation } = await deleteMessage(gateway, first.messageId);
    expect(conversation).toEqual({ unreadCount: 0, lastMessage: null });
    const { data } = await gateway.graphql<{ node: { createdAt: string; lastMessageAt: string } }>(
      'query ($id: ID!) { node(id: $id) { ... on Conversation { createdAt lastMessageAt } } }',
      { id: conversationId },
    );
    expect(data.node.lastMessageAt).toBe(data.node.createdAt);
    await ask('Q', 'A');
    expect(await readShown(gateway, conversationId)).toEqual([
      ['Q', null],
      ['A', 'Q'],
    ]);
  });

  it('counts the unread messages again, for both sides', async () => {
    const { gateway, conversationId, second, sendAsAgent } = await open();
    const readVisitorUnread = async () => {
      const { data } = await gateway.graphql<{ node: { visitorUnreadCount: number } }>(
        'query ($id: ID!) { node(id: $id) { ... on Conversation { visitorUnreadCount } } }',
        { id: conversationId },
      );
      return data.node.visitorUnreadCount;
    };
    const takeover = await sendAsAgent('I take over.');
    expect(await readVisitorUnread()).toBe(2);
    await deleteMessage(gateway, takeover);
    expect(await readVisitorUnread()).toBe(1);
    await mutate(gateway, 'markConversationRead', { id: conversationId, by: 'USER' });
    await sendAsAgent('Hello?');
    await deleteMessage(gateway, second.replyId);
    expect(await readVisitorUnread()).toBe(1);
    for (const content of ['One', 'Two']) await mutate(gateway, 'sendMessage', { conversationId, content });
    const { data } = await gateway.graphql<{ conversation: { messages: { nodes: { id: string }[] } } }>(
      'query ($id: ID!) { conversation(id: $id) { messages(last: 1) { nodes { id } } } }',
      { id: conversationId },
    );
    const [last] = data.conversation.messages.nodes;
    expect((await deleteMessage(gateway, last?.id ?? '')).conversation).toEqual({
      unreadCount: 1,
      lastMessage: { content: 'One' },
    });
  });

  it('tells only viewers with MANAGE that a note was deleted', async () => {
    const { gateway, conversationId, second, sendAsAgent } = await open();
    const note = await sendAsAgent('Note', true);
    const after = await latestCursor(gateway, conversationId);
    await deleteMessage(gateway, note);
    await deleteMessage(gateway, second.messageId);
    const key = await createKeyWith(gateway, 'CHAT');
    const [visitor, manager] = [key, gateway.key].map((each) =>
      webSocket.subscribe(gateway, { conversationId, after, key: each }),
    );
    for (const reader of [visitor, manager]) await reader?.until(({ messageId }) => messageId === second.replyId);
    const idsOf = (reader = visitor) => reader?.events.flatMap(({ messageId }) => messageId ?? []);
    expect(idsOf(visitor)).toEqual([second.messageId, second.replyId]);
    expect(idsOf(manager)).toEqual([note, second.messageId, second.replyId]);
  });

  it('lets a resumed stream read the branch again if the message that a new version replaced is deleted', async () => {
    const { gateway, conversationId, first, regenerate, sendAsAgent } = await open();
    const after = await latestCursor(gateway, conversationId);
    const again = await regenerate(first.replyId, 'A1 again');
    await deleteMessage(gateway, first.replyId);
    const last = await sendAsAgent('Last');
    const reader = webSocket.subscribe(gateway, { conversationId, after });
    await waitForMessageEvent(reader, 'MessageCreated', last);
    expect(describeMessageEvents(reader.events, { [again]: 'again', [last]: 'last' })).toEqual([
      'BranchSelected again',
      'MessageCompleted again',
      'MessageCreated last',
    ]);
  });

  it('ends the stream of a reply that is deleted before a subscriber has received its end', async () => {
    const { gateway, conversationId } = await open();
    const { replyId } = await send(gateway, { conversationId, content: 'Q3' });
    const reader = webSocket.subscribe(gateway, { messageId: replyId });
    await reader.until(({ __typename }) => __typename === 'MessageCreated');
    const { db, bus } = gateway.deps;
    await db.transaction((trx) => trx.deleteFrom('messages').where('id', '=', replyId).execute());
    bus.publish(conversationTopic(conversationId));
    await reader.ended;
    expect(reader.events.at(-1)).toMatchObject({ __typename: 'MessageDeleted', messageId: replyId });
  });

  it('refuses an unfinished reply and the message that it answers, until the reply is stopped', async () => {
    const { gateway, conversationId, second } = await open();
    const running = await send(gateway, { conversationId, content: 'Q3' });
    const waiting = await send(gateway, { conversationId, content: 'Q4' });
    for (const { messageId, replyId } of [running, waiting]) {
      for (const id of [messageId, replyId]) {
        expect(await deleteMessage(gateway, id)).toMatchObject({ code: 'CONVERSATION_BUSY' });
      }
    }
    expect((await deleteMessage(gateway, second.messageId)).deletedIds).toHaveLength(2);
    for (const { messageId, replyId } of [waiting, running]) {
      await mutate(gateway, 'stopMessage', { id: replyId });
      expect((await deleteMessage(gateway, messageId)).deletedIds).toEqual([messageId, replyId]);
    }
    expect((await readShown(gateway, conversationId)).map(([content]) => content)).toEqual(['Q1', 'A1']);
  });

  it('does not store a deleted message again when a client repeats its request', async () => {
    const { gateway, engine, conversationId } = await open();
    const input = { conversationId, content: 'Once', clientMessageId: 'a' };
    const sent = await send(gateway, input);
    engine.push(finish);
    await webSocket.subscribe(gateway, { messageId: sent.replyId }).ended;
    await deleteMessage(gateway, sent.messageId);
    expect(await mutate(gateway, 'sendMessage', input)).toMatchObject({ code: 'NOT_FOUND' });
    expect(await readShown(gateway, conversationId)).toHaveLength(4);
  });

  it('refuses to leave more messages after one message than it may have versions', async () => {
    const { gateway, first, second } = await open();
    const { db } = gateway.deps;
    const query = db.read.selectFrom('messages').selectAll();
    const question = await query.where('id', '=', second.messageId).executeTakeFirstOrThrow();
    await db.transaction(async (trx) => {
      for (let n = 1; n < 50; n++) {
        const id = createId('message');
        await trx
          .insertInto('messages')
          .values({ ...question, id, is_shown: 0 })
          .execute();
      }
    });
    expect(await deleteMessage(gateway, first.replyId)).toMatchObject({
      code: 'INVALID_INPUT',
      fields: [{ path: ['id'] }],
    });
    expect((await deleteMessage(gateway, second.messageId)).deletedIds).toHaveLength(2);
    expect((await deleteMessage(gateway, first.replyId)).deletedIds).toEqual([first.replyId]);
  });
});
