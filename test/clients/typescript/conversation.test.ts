import { expect, it, onTestFinished, vi } from 'vitest';
import { createChatGraph } from '../../../clients/typescript/src/chatgraph.ts';
import type { ConversationState } from '../../../clients/typescript/src/store.ts';
import { citationEvent } from '../../helpers/conversations.ts';
import { delta, finish } from '../../helpers/models/engines.ts';
import { createRandom, createRandomText } from '../../helpers/random.ts';
import { openSharedScriptedGateway } from '../../helpers/shared-gateway.ts';
import { connectClient, followConversation } from './support.ts';

const WAIT = { timeout: 20_000 };

/** Opens a client whose conversation is followed, on a gateway whose engine emits what the test pushes. */
async function openConversation() {
  const { gateway, engine } = await openSharedScriptedGateway();
  const client = await connectClient(gateway);
  const conversation = followConversation(client.chat);
  const texts = () => conversation.state.messages.map(({ content }) => content);
  return {
    gateway,
    engine,
    ...client,
    conversation,
    texts,
    sees: (...expected: readonly string[]) => expect.poll(texts, WAIT).toEqual(expected),
    /** Waits until the state has these values. */
    hasState: (expected: Partial<ConversationState>) =>
      expect.poll(() => conversation.state, WAIT).toMatchObject(expected),
  };
}

/** The state as a new client reads it, without what no two clients share. */
async function readAnew({ gateway, chat, chatbot }: Awaited<ReturnType<typeof openConversation>>) {
  const { conversation } = chat.conversation().state;
  const reader = createChatGraph({
    url: gateway.url,
    token: gateway.key,
    chatbot,
    ...(conversation && { conversationId: conversation.id }),
  });
  onTestFinished(() => reader.close());
  const followed = followConversation(reader);
  await expect.poll(() => followed.state.isConnected, WAIT).toBe(true);
  return sharedPart(followed.state);
}

const sharedPart = ({ conversation, messages }: ConversationState) => ({ conversation, messages });

it('shows a message at once, its reply while it is written, and its citations', async () => {
  const { engine, conversation, sees, hasState } = await openConversation();
  conversation.send('Hello');
  expect(conversation.state.pending).toMatchObject([{ content: 'Hello' }]);
  await sees('Hello', '');
  expect(conversation.state.pending).toEqual([]);
  engine.push(delta('One. '), citationEvent('Source', 4));
  await sees('Hello', 'One. ');
  await hasState({ isConnected: true, conversation: expect.objectContaining({ status: 'OPEN' }) });
  engine.push(delta('Two.'), finish);
  await expect.poll(() => conversation.state.messages.at(-1)?.status, WAIT).toBe('COMPLETED');
  expect(conversation.state.messages.at(-1)).toMatchObject({ content: 'One. Two.', citations: [{ title: 'Source' }] });
});

it('stops, rates, regenerates, edits and selects messages', async () => {
  const { engine, conversation, sees } = await openConversation();
  conversation.send('Hello');
  await sees('Hello', '');
  engine.push(delta('One'));
  await sees('Hello', 'One');
  await conversation.stop();
  const [question, first] = conversation.state.messages;
  expect(first).toMatchObject({ status: 'STOPPED', content: 'One' });
  await conversation.rate(first?.id ?? '', 'DOWN', 'Too short');
  expect(conversation.state.messages.at(-1)?.rating).toBe('DOWN');
  await conversation.rate(first?.id ?? '', null);
  expect(conversation.state.messages.at(-1)?.rating).toBeNull();

  await conversation.regenerate(first?.id ?? '');
  engine.push(delta('Two'), finish);
  await sees('Hello', 'Two');
  await conversation.select(first?.id ?? '');
  await sees('Hello', 'One');
  await conversation.edit(question?.id ?? '', 'Good morning');
  engine.push(delta('Three'), finish);
  await sees('Good morning', 'Three');
  await expect.poll(() => conversation.state.messages[0]?.siblings.length, WAIT).toBe(2);
});

it('escalates, takes contact details, and shows what a person does', async () => {
  const { gateway, engine, conversation, sees, hasState } = await openConversation();
  await expect(conversation.escalate()).rejects.toMatchObject({ code: 'NOT_FOUND' });
  engine.finishAll();
  conversation.send('Hello');
  await sees('Hello', '');
  await conversation.captureLead({ name: 'Ada', email: 'ada@example.com', customData: { order: 7 } });
  await conversation.escalate();
  await hasState({ conversation: expect.objectContaining({ status: 'ESCALATED' }) });
  const id = conversation.state.conversation?.id;
  await gateway.graphql(
    'mutation ($id: ID!) { setTyping(input: { conversationId: $id, role: AGENT, isTyping: true }) { __typename } }',
    { id },
  );
  await hasState({ isPersonTyping: true });
  await gateway.graphql(
    'mutation ($id: ID!) { sendAgentMessage(input: { conversationId: $id, content: "Here I am.", authorName: "Grace" }) { __typename } }',
    { id },
  );
  await sees('Hello', '', 'Here I am.');
  expect(conversation.state).toMatchObject({ isPersonTyping: false, conversation: { answeredBy: 'AGENT' } });
  conversation.send('Thank you');
  await hasState({ notice: expect.any(String), pending: [] });
  const { data } = await gateway.graphql<{ conversation: object }>(
    'query ($id: ID!) { conversation(id: $id) { leads { nodes { name email customData } } } }',
    { id },
  );
  expect(data.conversation).toEqual({
    leads: { nodes: [{ name: 'Ada', email: 'ada@example.com', customData: { order: 7 } }] },
  });
});

it('keeps a refused message with the reason, and sends one without a connection later', async () => {
  const { engine, conversation, cut, sees } = await openConversation();
  engine.finishAll();
  conversation.send(' ');
  await expect.poll(() => conversation.state.pending[0]?.error?.code, WAIT).toBe('INVALID_INPUT');
  conversation.discard(conversation.state.pending[0]?.clientMessageId ?? '');
  expect(conversation.state.pending).toEqual([]);
  for (const text of ['One', 'Two', 'Three']) {
    conversation.send(text);
    cut();
  }
  await sees('One', '', 'Two', '', 'Three', '');
});

it('continues the conversation of the last visit, with its earlier messages, until it is restarted or deleted', async () => {
  const { gateway, engine, chat, chatbot, conversation, sees } = await openConversation();
  engine.finishAll();
  await chat.ask('Hello');
  await sees('Hello', '');
  const next = createChatGraph({
    url: gateway.url,
    token: gateway.key,
    chatbot,
    conversationId: conversation.state.conversation?.id ?? '',
  });
  onTestFinished(() => next.close());
  const later = followConversation(next);
  expect(later.state).toMatchObject({ isLoaded: false, messages: [] });
  await expect.poll(() => later.state.messages.length, WAIT).toBe(2);
  expect(later.state).toMatchObject({ isLoaded: true, hasEarlier: false });
  later.restart();
  expect(later.state).toMatchObject({ conversation: undefined, messages: [], isConnected: false });
  await next.ask('Another one');
  await gateway.graphql('mutation ($id: ID!) { deleteChatbot(input: { id: $id }) { __typename } }', { id: chatbot });
  await sees();
  await expect(chat.ask('Still there?')).rejects.toMatchObject({ code: 'NOT_FOUND' });
});

it('loads earlier messages page by page', async () => {
  const { gateway, engine, chat, chatbot, conversation } = await openConversation();
  engine.finishAll();
  const questions = Array.from({ length: 30 }, (_, index) => `Question ${index}`);
  await Promise.all(questions.map((question) => chat.ask(question)));
  const conversationId = conversation.state.conversation?.id ?? '';
  const next = createChatGraph({ url: gateway.url, token: gateway.key, chatbot, conversationId });
  onTestFinished(() => next.close());
  const later = followConversation(next);
  await expect.poll(() => later.state.messages.length, WAIT).toBe(50);
  expect(later.state.hasEarlier).toBe(true);
  await later.loadEarlier();
  expect(later.state.hasEarlier).toBe(false);
  const asked = later.state.messages.filter(({ role }) => role === 'USER').map(({ content }) => content);
  expect(asked).toEqual(questions);
});

it('is right after any cut: the state equals that of a new client', { timeout: 120_000 }, async () => {
  const opened = await openConversation();
  const { engine, conversation, cut } = opened;
  const random = createRandom(18);
  const changes = vi.fn();
  onTestFinished(conversation.subscribe(changes));
  conversation.send('Begin.');
  await expect.poll(() => conversation.state.messages.length, WAIT).toBe(2);
  for (let number = 1; number <= 60; number++) {
    // Some changes happen while the client is connected, others while it connects.
    if (random.below(2) === 0) await expect.poll(() => conversation.state.isConnected, WAIT).toBe(true);
    const streaming = conversation.state.messages.find(({ status }) => status === 'STREAMING');
    const ended = conversation.state.messages.findLast(
      ({ role, status }) => role === 'ASSISTANT' && status !== 'STREAMING' && status !== 'QUEUED',
    );
    const action = random.below(8);
    if (action < 3) engine.push(delta(createRandomText(random, 3)), citationEvent(`Source ${number}`, 1));
    else if (action === 3 && streaming) engine.push(finish);
    else if (action === 4) conversation.send(`Question ${number}`);
    else if (action === 5 && ended) await conversation.regenerate(ended.id).catch(() => {});
    else if (action === 6 && ended) await conversation.rate(ended.id, 'UP').catch(() => {});
    else if (action === 7 && streaming) await conversation.stop().catch(() => {});
    if (random.below(2) === 0) cut();
  }
  await expect.poll(() => conversation.state.pending, WAIT).toEqual([]);
  engine.finishAll();
  const expectEqual = async () => expect(sharedPart(conversation.state)).toEqual(await readAnew(opened));
  await vi.waitFor(expectEqual, { timeout: 30_000, interval: 500 });
  const ids = conversation.state.messages.map(({ id }) => id);
  expect(new Set(ids).size).toBe(ids.length);
  expect(conversation.state.messages.every(({ status }) => status !== 'STREAMING')).toBe(true);
});
