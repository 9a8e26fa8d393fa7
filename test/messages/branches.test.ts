import { describe, expect, it } from 'vitest';
import { createId } from '../../src/domain/ids.ts';
import { createChatbot, send } from '../helpers/chatbots.ts';
import {
  describeMessageEvents,
  readGaplessLog,
  startGatewayWithCompletedReply,
  waitForMessageEvent,
} from '../helpers/conversations.ts';
import { latestCursor } from '../helpers/cursors.ts';
import type { TestGateway } from '../helpers/gateway.ts';
import { delta, finish, type ScriptedEngine } from '../helpers/models/engines.ts';
import { readMessage, TRANSPORTS, webSocket } from '../helpers/streams.ts';
import { mutate } from '../schema/support.ts';

interface BranchResult {
  readonly __typename: string;
  readonly userMessage: BranchMessage;
  readonly reply: BranchMessage;
}

interface BranchMessage {
  readonly id: string;
  readonly status: string;
  readonly parent: { readonly id: string } | null;
}

const SELECTION = '{ id status parent { id } }';

const regenerate = (gateway: TestGateway, input: { id: string; whenBusy?: string }, key = gateway.key) =>
  mutate<BranchResult>(gateway, 'regenerateMessage', input, { selection: `reply ${SELECTION}`, key });

const edit = (
  gateway: TestGateway,
  input: { id: string; content: string; whenBusy?: string; metadata?: object | null },
) => mutate<BranchResult>(gateway, 'editMessage', input, { selection: `userMessage ${SELECTION} reply ${SELECTION}` });

const selectBranch = (gateway: TestGateway, id: string) =>
  mutate<{ conversation: { id: string } }>(gateway, 'selectBranch', { id }, { selection: 'conversation { id }' });

/** The shown branch of a conversation, from its first message to its last. */
async function readShownTexts(gateway: TestGateway, conversationId: string): Promise<string[]> {
  const { data } = await gateway.graphql<{
    conversation: { messages: { nodes: { content: string }[] }; lastMessage: { content: string } };
  }>(
    'query ($id: ID!) { conversation(id: $id) { lastMessage(includeUnfinished: true) { content } messages(first: 100) { nodes { content } } } }',
    { id: conversationId },
  );
  const contents = data.conversation.messages.nodes.map(({ content }) => content);
  expect(data.conversation.lastMessage.content).toBe(contents.at(-1));
  return contents;
}

async function readSiblings(gateway: TestGateway, id: string): Promise<{ id: string; isShown: boolean }[]> {
  const { data } = await gateway.graphql<{ node: { siblings: { id: string; isShown: boolean }[] } }>(
    'query ($id: ID!) { node(id: $id) { ... on Message { siblings { id isShown } } } }',
    { id },
  );
  return data.node.siblings;
}

/** Completes the open reply with a text, and waits for its end. */
async function completeReply(
  gateway: TestGateway,
  engine: ScriptedEngine,
  messageId: string,
  text: string,
): Promise<void> {
  engine.push(delta(text), finish);
  await webSocket.subscribe(gateway, { messageId }).ended;
}

/** A conversation with two answered questions: `Q1 A1 Q2 A2`. */
async function startExchange() {
  const started = await startGatewayWithCompletedReply();
  const { gateway, engine, chatbotId } = started;
  const first = await send(gateway, { chatbotId, content: 'Q1' });
  await completeReply(gateway, engine, first.replyId, 'A1');
  const { conversationId } = first;
  const second = await send(gateway, { conversationId, content: 'Q2' });
  await completeReply(gateway, engine, second.replyId, 'A2');
  return { gateway, engine, conversationId, first, second, chatbotId };
}

describe('regenerateMessage', () => {
  it('generates a sibling of the reply, and shows it instead of the reply and the messages after it', async () => {
    const { gateway, engine, conversationId, first } = await startExchange();
    const { reply } = await regenerate(gateway, { id: first.replyId });
    expect(reply).toMatchObject({ status: 'STREAMING', parent: { id: first.messageId } });
    await completeReply(gateway, engine, reply.id, 'A1 again');
    expect(await readShownTexts(gateway, conversationId)).toEqual(['Q1', 'A1 again']);
    const versions = [
      { id: first.replyId, isShown: false },
      { id: reply.id, isShown: true },
    ];
    expect(await readSiblings(gateway, first.replyId)).toEqual(versions);
    expect(await readSiblings(gateway, reply.id)).toEqual(versions);
    expect((await readMessage(gateway, first.replyId)).content).toBe('A1');
    await readGaplessLog(gateway, conversationId);
  });

  it.each(TRANSPORTS)('emits the new branch to subscribers of the conversation over $name', async ({ subscribe }) => {
    const { gateway, engine, conversationId, second } = await startExchange();
    const reader = subscribe(gateway, { conversationId });
    await expect.poll(() => gateway.deps.bus.size).toBe(1);
    const { reply } = await regenerate(gateway, { id: second.replyId });
    engine.push(delta('A2 again'), finish);
    await waitForMessageEvent(reader, 'MessageCompleted', reply.id);
    const created = await waitForMessageEvent(reader, 'MessageCreated', reply.id);
    expect(created.replaces).toEqual({ id: second.replyId });
    await selectBranch(gateway, second.replyId);
    await waitForMessageEvent(reader, 'BranchSelected', second.replyId);
    expect(describeMessageEvents(reader.events, { [reply.id]: 'new', [second.replyId]: 'old' })).toEqual([
      'MessageCreated new',
      'MessageCompleted new',
      'BranchSelected old',
    ]);
    reader.unsubscribe();
  });

  it('selects the branch of a hidden reply, before it emits the version that replaces the reply', async () => {
    const { gateway, engine, conversationId, first, second } = await startExchange();
    const reader = webSocket.subscribe(gateway, { conversationId });
    await expect.poll(() => gateway.deps.bus.size).toBe(1);
    const { reply: newFirst } = await regenerate(gateway, { id: first.replyId });
    await completeReply(gateway, engine, newFirst.id, 'A1 again');
    const { reply: newSecond } = await regenerate(gateway, { id: second.replyId });
    await completeReply(gateway, engine, newSecond.id, 'A2 again');
    expect(await readShownTexts(gateway, conversationId)).toEqual(['Q1', 'A1', 'Q2', 'A2 again']);
    await waitForMessageEvent(reader, 'MessageCompleted', newSecond.id);
    const { events } = reader;
    const names = { [newFirst.id]: 'A1 again', [second.replyId]: 'A2', [newSecond.id]: 'A2 again' };
    expect(describeMessageEvents(events, names)).toEqual([
      'MessageCreated A1 again',
      'MessageCompleted A1 again',
      'BranchSelected A2',
      'MessageCreated A2 again',
      'MessageCompleted A2 again',
    ]);
    const created = events.filter(({ __typename }) => __typename === 'MessageCreated');
    expect(created.map(({ replaces }) => replaces)).toEqual([{ id: first.replyId }, { id: second.replyId }]);
    // A stream that is resumed later, and the stream of the new reply, have the same value.
    const resumed = webSocket.subscribe(gateway, { conversationId, after: created[0]?.cursor });
    expect((await waitForMessageEvent(resumed, 'MessageCreated', newSecond.id)).replaces).toEqual({
      id: second.replyId,
    });
    const replyReader = webSocket.subscribe(gateway, { messageId: newSecond.id });
    await replyReader.ended;
    expect(replyReader.events[0]?.replaces).toEqual({ id: second.replyId });
  });

  it('gives the engine only the messages that precede the question in its branch', async () => {
    const { gateway, engine, first, second } = await startExchange();
    const { reply } = await regenerate(gateway, { id: second.replyId });
    await completeReply(gateway, engine, reply.id, 'A2 again');
    expect(engine.questions.at(-1)).toMatchObject({ content: 'Q2', history: [{ content: 'Q1' }, { content: 'A1' }] });
    const regenerated = await regenerate(gateway, { id: first.replyId });
    await completeReply(gateway, engine, regenerated.reply.id, 'A1 again');
    expect(engine.questions.at(-1)).toMatchObject({ content: 'Q1', history: [] });
  });

  it('waits for another open reply, interrupts it, or is rejected, depending on whenBusy', async () => {
    const { gateway, engine, conversationId, first, second } = await startExchange();
    const running = await send(gateway, { conversationId, content: 'Q3' });
    engine.push(delta('A part'));
    await webSocket.subscribe(gateway, { messageId: running.replyId }).until(({ text }) => text === 'A part');
    expect(await regenerate(gateway, { id: second.replyId, whenBusy: 'REJECT' })).toMatchObject({
      __typename: 'ConversationBusyError',
    });
    expect(await readShownTexts(gateway, conversationId)).toEqual(['Q1', 'A1', 'Q2', 'A2', 'Q3', 'A part']);
    const queued = await regenerate(gateway, { id: second.replyId });
    expect(queued.reply.status).toBe('QUEUED');
    const urgent = await regenerate(gateway, { id: running.replyId, whenBusy: 'INTERRUPT' });
    expect(urgent.reply.status).toBe('QUEUED');
    await expect.poll(async () => (await readMessage(gateway, running.replyId)).status).toBe('STOPPED');
    expect((await readMessage(gateway, queued.reply.id)).status).toBe('STOPPED');
    await completeReply(gateway, engine, urgent.reply.id, 'A3 again');
    expect(await readShownTexts(gateway, conversationId)).toEqual(['Q1', 'A1', 'Q2', 'A2', 'Q3', 'A3 again']);
    expect((await readSiblings(gateway, first.replyId)).length).toBe(1);
    await readGaplessLog(gateway, conversationId);
  });

  it('is rejected by a paused chatbot, as editMessage is', async () => {
    const { gateway, chatbotId, second } = await startExchange();
    await mutate(gateway, 'updateChatbot', { id: chatbotId, isActive: false });
    expect(await regenerate(gateway, { id: second.replyId })).toMatchObject({ code: 'CHATBOT_PAUSED' });
    expect(await edit(gateway, { id: second.messageId, content: 'x' })).toMatchObject({
      code: 'CHATBOT_PAUSED',
    });
  });

  it('regenerates a stopped reply', async () => {
    const { gateway, engine, first } = await startExchange();
    const { reply } = await regenerate(gateway, { id: first.replyId });
    await mutate(gateway, 'stopMessage', { id: reply.id });
    const third = await regenerate(gateway, { id: reply.id });
    await completeReply(gateway, engine, third.reply.id, 'Third');
    expect((await readSiblings(gateway, first.replyId)).map(({ isShown }) => isShown)).toEqual([false, false, true]);
  });

  it('rejects a 51st version', async () => {
    const { gateway, second } = await startExchange();
    for (let n = 1; n < 50; n++) {
      const { reply } = await regenerate(gateway, { id: second.replyId });
      await mutate(gateway, 'stopMessage', { id: reply.id });
    }
    expect(await regenerate(gateway, { id: second.replyId })).toMatchObject({ code: 'INVALID_INPUT' });
    expect(await readSiblings(gateway, second.replyId)).toHaveLength(50);
  });
});

describe('editMessage', () => {
  it('creates a sibling of the user message, with its own reply', async () => {
    const { gateway, engine, conversationId, first, second } = await startExchange();
    const after = await latestCursor(gateway, conversationId);
    const { userMessage, reply } = await edit(gateway, { id: second.messageId, content: ' Q2b ' });
    expect(userMessage).toMatchObject({ status: 'COMPLETED', parent: { id: first.replyId } });
    expect(reply.status).toBe('STREAMING');
    const reader = webSocket.subscribe(gateway, { conversationId, after });
    expect((await waitForMessageEvent(reader, 'MessageCreated', userMessage.id)).replaces).toEqual({
      id: second.messageId,
    });
    expect((await waitForMessageEvent(reader, 'MessageCreated', reply.id)).replaces).toBeNull();
    await completeReply(gateway, engine, reply.id, 'A2b');
    expect(engine.questions.at(-1)).toMatchObject({ content: 'Q2b', history: [{ content: 'Q1' }, { content: 'A1' }] });
    expect(await readShownTexts(gateway, conversationId)).toEqual(['Q1', 'A1', 'Q2b', 'A2b']);

    const editedFirst = await edit(gateway, { id: first.messageId, content: 'Q1b' });
    expect(editedFirst.userMessage.parent).toBeNull();
    await completeReply(gateway, engine, editedFirst.reply.id, 'A1b');
    expect(await readShownTexts(gateway, conversationId)).toEqual(['Q1b', 'A1b']);
    expect((await readSiblings(gateway, first.messageId)).map(({ id }) => id)).toEqual([
      first.messageId,
      editedFirst.userMessage.id,
    ]);
    await readGaplessLog(gateway, conversationId);
  });

  it('copies the metadata of the old message unless the input contains metadata or null', async () => {
    const { gateway, chatbotId } = await startExchange();
    const sent = await mutate<BranchResult>(
      gateway,
      'sendMessage',
      { chatbotId, content: 'Hi', metadata: { page: '/a' } },
      { selection: 'userMessage { id }' },
    );
    const read = async (id: string) => {
      const { data } = await gateway.graphql<{ node: { metadata: object } }>(
        'query ($id: ID!) { node(id: $id) { ... on Message { metadata } } }',
        { id },
      );
      return data.node.metadata;
    };
    const edited = await edit(gateway, { id: sent.userMessage.id, content: 'Hello' });
    expect(await read(edited.userMessage.id)).toEqual({ page: '/a' });
    const input = { id: sent.userMessage.id, content: 'Hello', metadata: { page: '/b' } };
    const withMetadata = await edit(gateway, input);
    expect(await read(withMetadata.userMessage.id)).toEqual({ page: '/b' });
    const withoutMetadata = await edit(gateway, { ...input, metadata: null });
    expect(await read(withoutMetadata.userMessage.id)).toEqual({});
  });

  it('rejects a text that sendMessage rejects', async () => {
    const { gateway, second } = await startExchange();
    for (const content of ['', ' ', 'a\0b', 'x'.repeat(8_001), '\ud800']) {
      expect(await edit(gateway, { id: second.messageId, content })).toMatchObject({
        __typename: 'InvalidInputError',
        fields: [{ path: ['content'] }],
      });
    }
  });
});

describe('selectBranch', () => {
  it('shows the branch that contains the message, and adds the next message to that branch', async () => {
    const { gateway, engine, conversationId, first, second } = await startExchange();
    const regenerated = await regenerate(gateway, { id: first.replyId });
    await completeReply(gateway, engine, regenerated.reply.id, 'A1 again');
    expect(await selectBranch(gateway, first.replyId)).toMatchObject({ conversation: { id: conversationId } });
    expect(await readShownTexts(gateway, conversationId)).toEqual(['Q1', 'A1', 'Q2', 'A2']);
    await selectBranch(gateway, regenerated.reply.id);
    expect(await readShownTexts(gateway, conversationId)).toEqual(['Q1', 'A1 again']);
    const next = await send(gateway, { conversationId, content: 'Q2 again' });
    await completeReply(gateway, engine, next.replyId, 'A2 again');
    expect(engine.questions.at(-1)?.history.map(({ content }) => content)).toEqual(['Q1', 'A1 again']);
    await selectBranch(gateway, second.messageId);
    expect(await readShownTexts(gateway, conversationId)).toEqual(['Q1', 'A1', 'Q2', 'A2']);
  });

  it('changes and emits nothing when the message is already shown', async () => {
    const { gateway, conversationId, first } = await startExchange();
    const log = await readGaplessLog(gateway, conversationId);
    await selectBranch(gateway, first.messageId);
    expect(await readGaplessLog(gateway, conversationId)).toEqual(log);
  });
});

describe('branches', () => {
  it('are not created by editing a reply, by regenerating a user message, or in a closed conversation', async () => {
    const { gateway, conversationId, first } = await startExchange();
    const rejection = { __typename: 'InvalidInputError', fields: [{ path: ['id'] }] };
    expect(await regenerate(gateway, { id: first.messageId })).toMatchObject(rejection);
    expect(await edit(gateway, { id: first.replyId, content: 'No' })).toMatchObject(rejection);
    await mutate(gateway, 'closeConversation', { id: conversationId });
    expect(await regenerate(gateway, { id: first.replyId })).toMatchObject(rejection);
    expect(await edit(gateway, { id: first.messageId, content: 'No' })).toMatchObject(rejection);
    expect(await readShownTexts(gateway, conversationId)).toEqual(['Q1', 'A1', 'Q2', 'A2']);
  });

  it('are deleted with their chatbot, however long they are', async () => {
    const { gateway, chatbotId, conversationId, second } = await startExchange();
    const { read } = gateway.deps.db;
    const row = await read
      .selectFrom('messages')
      .selectAll()
      .where('id', '=', second.replyId)
      .executeTakeFirstOrThrow();
    await gateway.deps.db.transaction(async (trx) => {
      let parentId = row.id;
      for (let n = 0; n < 1_500; n++) {
        const id = createId('message');
        await trx
          .insertInto('messages')
          .values({ ...row, id, parent_id: parentId })
          .execute();
        parentId = id;
      }
    });
    await createChatbot(gateway);
    expect(await mutate(gateway, 'deleteChatbot', { id: chatbotId })).toMatchObject({
      __typename: 'DeleteChatbotPayload',
    });
    const query = read.selectFrom('messages').selectAll().where('conversation_id', '=', conversationId);
    const remaining = await query.execute();
    expect(remaining).toEqual([]);
  });
});
