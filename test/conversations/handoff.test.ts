import { describe, expect, it, onTestFinished } from 'vitest';
import { createId } from '../../src/domain/ids.ts';
import { createChatbot, send } from '../helpers/chatbots.ts';
import { createManualClock } from '../helpers/clock.ts';
import { describeEvents, readLog, stageOf } from '../helpers/conversations.ts';
import { startGateway, type TestGateway } from '../helpers/gateway.ts';
import { createScriptedEngine, delta, finish } from '../helpers/models/engines.ts';
import { readMessage, TRANSPORTS, webSocket } from '../helpers/streams.ts';
import { distinct, mutate, mutation, runAsOtherAccount } from '../schema/support.ts';

const HOUR_MS = 3_600_000;
const STATE = 'id status answeredBy silentUntil assignee escalatedAt escalationReason unreadCount';

interface State {
  readonly status: string;
  readonly answeredBy: string;
  readonly silentUntil: string | null;
  readonly assignee: string | null;
  readonly escalatedAt: string | null;
  readonly escalationReason: string | null;
  readonly unreadCount: number;
}

interface Sent {
  readonly userMessage: { id: string; status: string };
  readonly reply: { id: string; status: string } | null;
  readonly notice: string | null;
  readonly conversation: State & { id: string };
}

interface SentByAgent extends Pick<Sent, 'conversation'> {
  readonly agentMessage: { id: string; status: string };
}

/** Opens a gateway with a conversation whose only question was answered. */
async function open() {
  const clock = createManualClock();
  const engine = createScriptedEngine();
  const gateway = await startGateway({ replaced: { clock, engines: new Map([['builtin', engine]]) } });
  onTestFinished(() => gateway.close());
  // Otherwise closing the gateway would wait for an unfinished reply.
  onTestFinished(() => engine.push(finish, finish, finish, finish));
  const chatbotId = await createChatbot(gateway);
  engine.push(delta('Hello.'), finish);
  const { conversationId, replyId } = await send(gateway, { chatbotId, content: 'Hi' });
  await webSocket.subscribe(gateway, { messageId: replyId }).ended;

  const act = async (verb: string, input: object = {}, key = gateway.key) => {
    const answer = await mutate<{ conversation: State }>(
      gateway,
      verb,
      { conversationId, ...input },
      { selection: `conversation { ${STATE} }`, key },
    );
    return answer.conversation;
  };
  const say = (content: string, input: object = {}, key = gateway.key) =>
    mutate<SentByAgent>(
      gateway,
      'sendAgentMessage',
      { conversationId, content, ...input },
      { selection: `agentMessage { id status } conversation { ${STATE} }`, key },
    );
  const ask = (content: string, input: object = {}) =>
    mutate<Sent>(
      gateway,
      'sendMessage',
      { conversationId, content, ...input },
      { selection: `userMessage { id status } reply { id status } notice conversation { ${STATE} }` },
    );
  const read = async () => {
    const { data } = await gateway.graphql<{ conversation: State }>(
      `query ($id: ID!) { conversation(id: $id) { ${STATE} } }`,
      { id: conversationId },
    );
    return data.conversation;
  };
  return { gateway, clock, engine, chatbotId, conversationId, replyId, act, say, ask, read };
}

async function messagesUsed(gateway: TestGateway): Promise<number> {
  const { data } = await gateway.graphql<{ viewer: { account: { usage: { messages: number } } } }>(
    '{ viewer { account { usage { messages } } } }',
  );
  return data.viewer.account.usage.messages;
}

describe('sendAgentMessage', () => {
  it('silences the chatbot: the next message is stored and gets the handoff message, but no reply', async () => {
    const { gateway, chatbotId, say, ask, read } = await open();
    await mutate(gateway, 'updateChatbot', { id: chatbotId, handoffMessage: 'Ada is here.' });
    const said = await say('This is Ada.', { authorName: 'Ada' });
    expect(said.conversation).toMatchObject({ status: 'OPEN', answeredBy: 'PERSON', unreadCount: 0 });
    expect(said.conversation.silentUntil).toBe('2026-03-16T10:30:00.000Z');
    const used = await messagesUsed(gateway);
    const sent = await ask('Are you there?');
    expect(sent).toMatchObject({ reply: null, notice: 'Ada is here.', userMessage: { status: 'COMPLETED' } });
    expect(await messagesUsed(gateway)).toBe(used);
    expect((await read()).unreadCount).toBe(1);
  });

  it('returns the handoff message again when a client retries a message, whatever has been sent since', async () => {
    const { say, ask } = await open();
    await say('This is Ada.');
    const first = await ask('Are you there?', { clientMessageId: 'a' });
    await ask('Hello?');
    await say('Yes.');
    const again = await ask('Are you there?', { clientMessageId: 'a' });
    expect(again.userMessage).toEqual(first.userMessage);
    expect([again.reply, again.notice]).toEqual([null, first.notice]);
  });

  it('silences the chatbot for 24 hours after the last message of a human agent', async () => {
    const { gateway, clock, engine, say, ask, read } = await open();
    await say('One');
    clock.turn(23 * HOUR_MS);
    await say('Two');
    clock.turn(24 * HOUR_MS - 1);
    expect((await ask('Now?')).reply).toBeNull();
    expect(await read()).toMatchObject({ answeredBy: 'PERSON' });
    clock.turn(1);
    expect(await read()).toMatchObject({ answeredBy: 'AI', silentUntil: null });
    const { reply, notice } = await ask('And now?');
    expect(notice).toBeNull();
    engine.push(delta('Yes.'), finish);
    await webSocket.subscribe(gateway, { messageId: reply?.id ?? '' }).ended;
    expect(engine.questions.at(-1)?.history).toEqual([
      { role: 'USER', content: 'Hi' },
      { role: 'ASSISTANT', content: 'Hello.' },
      { role: 'ASSISTANT', content: 'One' },
      { role: 'ASSISTANT', content: 'Two' },
      { role: 'USER', content: 'Now?' },
    ]);
  });

  it('stops the reply that is being generated, and never starts the queued ones', async () => {
    const { gateway, engine, conversationId, say } = await open();
    const running = await send(gateway, { conversationId, content: 'One?' });
    const waiting = await send(gateway, { conversationId, content: 'Two?' });
    engine.push(delta('A part'));
    const reader = webSocket.subscribe(gateway, { conversationId });
    await reader.until(({ text }) => text === 'A part');
    const { agentMessage } = await say('I take over.');
    await stageOf(reader, 'MessageStopped', running.replyId);
    expect(await readMessage(gateway, running.replyId)).toMatchObject({ status: 'STOPPED', content: 'A part' });
    expect(await readMessage(gateway, waiting.replyId)).toMatchObject({ status: 'STOPPED', content: '' });
    expect(await messagesUsed(gateway)).toBe(2);
    const names = { [running.replyId]: 'running', [waiting.replyId]: 'waiting', [agentMessage.id]: 'agent' };
    const events = describeEvents(reader.events, names);
    expect(events).toContain('HandoffChanged OPEN PERSON');
    expect(events.indexOf('MessageStopped waiting')).toBeLessThan(events.indexOf('MessageCreated agent'));
    expect(engine.asked).toBe(2);
    await readLog(gateway, conversationId);
    reader.leave();
  });

  it('sends one message for each clientMessageId', async () => {
    const { gateway, conversationId, say } = await open();
    const [one, two] = await Promise.all([1, 2].map(() => say('Once', { clientMessageId: 'a' })));
    expect(one?.agentMessage.id).toBe(two?.agentMessage.id);
    expect(await say('Other', { clientMessageId: 'a' })).toMatchObject({ code: 'IDEMPOTENCY_CONFLICT' });
    expect((await readLog(gateway, conversationId)).filter(({ type }) => type === 'HandoffChanged')).toHaveLength(1);
  });

  it('reopens a closed conversation, and rejects invalid content', async () => {
    const { act, say } = await open();
    expect(await act('closeConversation')).toMatchObject({ status: 'CLOSED' });
    expect((await say('Back')).conversation).toMatchObject({ status: 'OPEN', answeredBy: 'PERSON' });
    expect(await say(' ')).toMatchObject({ code: 'INVALID_INPUT', fields: [{ path: ['content'] }] });
    expect(await say('A', { authorName: '' })).toMatchObject({
      code: 'INVALID_INPUT',
      fields: [{ path: ['authorName'] }],
    });
  });

  it('rejects a viewer without the scope, and changes nothing', async () => {
    const { gateway, conversationId, read } = await open();
    const key = await gateway.createKey(gateway.accountId, ['READ', 'CHAT']);
    const input = { conversationId, content: 'No' };
    const answer = await gateway.graphql(mutation('sendAgentMessage'), { input }, key);
    expect(answer.errors?.[0]?.extensions.code).toBe('FORBIDDEN');
    expect(await read()).toMatchObject({ answeredBy: 'AI' });
  });

  it('rejects regenerateMessage during a handoff, and returns the handoff message for an edited question', async () => {
    const { gateway, replyId, say, ask } = await open();
    await say('Here');
    expect(await mutate(gateway, 'regenerateMessage', { messageId: replyId })).toMatchObject({ code: 'INVALID_INPUT' });
    const { userMessage } = await ask('So?');
    const selection = 'userMessage { id } reply { id } notice';
    expect(
      await mutate(gateway, 'editMessage', { messageId: userMessage.id, content: 'So!' }, { selection }),
    ).toMatchObject({
      reply: null,
      notice: 'A person has taken over this conversation and will reply here.',
    });
  });

  it('makes the REST chat answer with the handoff message', async () => {
    const { gateway, chatbotId } = await open();
    const chat = (message: string) =>
      gateway.fetch(`/v1/chatbots/${chatbotId}/chat`, {
        method: 'POST',
        headers: { authorization: `Bearer ${gateway.key}`, 'content-type': 'application/json' },
        body: JSON.stringify({ message, session_id: 'rest' }),
      });
    const { conversation } = await mutate<Sent>(
      gateway,
      'sendMessage',
      { chatbotId, sessionId: 'rest', content: 'Hi' },
      { selection: 'conversation { id }' },
    );
    await mutate(gateway, 'sendAgentMessage', { conversationId: conversation.id, content: 'Here' });
    const response = await chat('Hello?');
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({
      response: 'A person has taken over this conversation and will reply here.',
    });
  });
});

describe('escalateConversation', () => {
  it('escalates once, keeps the first time, and lets the chatbot answer until a person replies', async () => {
    const { gateway, clock, conversationId, act, ask } = await open();
    expect(await act('escalateConversation', { reason: ' No answer ' })).toMatchObject({
      status: 'ESCALATED',
      answeredBy: 'AI',
      escalatedAt: '2026-03-15T10:30:00.000Z',
      escalationReason: 'No answer',
    });
    clock.turn(HOUR_MS);
    expect(await act('escalateConversation', { reason: 'Again' })).toMatchObject({ escalationReason: 'No answer' });
    expect((await ask('Hello?')).reply).not.toBeNull();
    const changes = async () =>
      (await readLog(gateway, conversationId)).filter(({ type }) => type === 'HandoffChanged').length;
    expect(await changes()).toBe(1);
    await act('handBackConversation');
    expect(await act('escalateConversation')).toMatchObject({
      escalatedAt: '2026-03-15T10:30:00.000Z',
      escalationReason: null,
    });
    expect(await changes()).toBe(3);
  });

  it('reopens a closed conversation, and rejects a reason that is too long', async () => {
    const { act, gateway, conversationId } = await open();
    await act('closeConversation');
    expect(await act('escalateConversation')).toMatchObject({ status: 'ESCALATED' });
    const input = { conversationId, reason: 'x'.repeat(1_001) };
    expect(await mutate(gateway, 'escalateConversation', input)).toMatchObject({ code: 'INVALID_INPUT' });
  });
});

describe('a conversation in handoff', () => {
  it('can be assigned, handed back and closed, and emits one event for each change', async () => {
    const { gateway, conversationId, act, say, ask, engine } = await open();
    expect(await act('assignConversation', { assignee: 'ada@example.com' })).toMatchObject({
      assignee: 'ada@example.com',
    });
    await act('assignConversation', { assignee: 'ada@example.com' });
    await act('escalateConversation');
    await say('Here');
    expect(await act('handBackConversation')).toMatchObject({
      status: 'OPEN',
      answeredBy: 'AI',
      silentUntil: null,
      assignee: null,
    });
    await act('handBackConversation');
    const { reply } = await ask('Chatbot?');
    engine.push(delta('Yes.'), finish);
    await webSocket.subscribe(gateway, { messageId: reply?.id ?? '' }).ended;
    expect(await act('closeConversation')).toMatchObject({ status: 'CLOSED' });
    await act('closeConversation');
    const log = await readLog(gateway, conversationId);
    expect(log.filter(({ type }) => type === 'HandoffChanged')).toHaveLength(5);
    expect((await ask('Again?')).conversation).toMatchObject({ status: 'OPEN' });
    const reopened = (await readLog(gateway, conversationId)).slice(log.length).map(({ type }) => type);
    expect(reopened).toEqual(['MessageCreated', 'HandoffChanged', 'MessageCreated']);
    expect(await act('assignConversation', { assignee: null })).toMatchObject({ assignee: null });
  });

  it('counts the unread messages of the visitor', async () => {
    const { act, ask, say, read } = await open();
    expect((await read()).unreadCount).toBe(1);
    await ask('Two', { whenBusy: 'ENQUEUE' });
    expect((await read()).unreadCount).toBe(2);
    expect(await act('markConversationRead')).toMatchObject({ unreadCount: 0 });
    await ask('Three');
    expect((await read()).unreadCount).toBe(1);
    await say('A note', { isPrivate: true });
    expect((await read()).unreadCount).toBe(1);
    await say('Here');
    expect((await read()).unreadCount).toBe(0);
  });

  it.each(TRANSPORTS)(
    'streams its changes to an inbox over $name, which resumes after a reconnect',
    async ({ subscribe }) => {
      const { gateway, chatbotId, act } = await open();
      const inbox = subscribe(gateway, { chatbotId });
      await expect.poll(() => gateway.deps.bus.size).toBe(1);
      await act('escalateConversation');
      const { cursor } = await inbox.until(({ conversation }) => conversation?.status === 'ESCALATED');
      inbox.vanish();
      await act('assignConversation', { assignee: 'Ada' });
      await act('closeConversation');
      const again = subscribe(gateway, { chatbotId, after: cursor });
      await expect.poll(() => again.events.length).toBe(2);
      expect(again.events.every(({ conversation }) => conversation?.status === 'CLOSED')).toBe(true);
      expect(again.events.map(({ __typename }) => __typename)).toEqual(['HandoffChanged', 'HandoffChanged']);
      again.leave();
    },
  );

  it.each([
    'escalateConversation',
    'assignConversation',
    'handBackConversation',
    'closeConversation',
    'markConversationRead',
    'sendAgentMessage',
    'setTyping',
  ])("%s returns the same error for another account's id as for an unknown id", async (name) => {
    const { gateway, conversationId, read } = await open();
    const before = await read();
    const otherFields = { sendAgentMessage: { content: 'No' }, setTyping: { isTyping: true } }[name];
    const answers = await runAsOtherAccount(gateway, {
      query: mutation(name),
      id: conversationId,
      kind: 'conversation',
      variables: (id) => ({ input: { conversationId: id, ...otherFields } }),
    });
    expect(distinct(answers.map(({ data }) => data))).toHaveLength(1);
    expect(answers[0]?.data).toMatchObject({ [name]: { code: 'NOT_FOUND' } });
    expect(await read()).toEqual(before);
  });
});

describe('a private note', () => {
  it.each(TRANSPORTS)('is streamed over $name to viewers with MANAGE only', async ({ subscribe }) => {
    const { gateway, chatbotId, conversationId, engine, say } = await open();
    const visitor = await gateway.createKey(gateway.accountId, ['READ', 'CHAT']);
    const readers = (key: string) => [
      subscribe(gateway, { conversationId, key }),
      subscribe(gateway, { chatbotId, key }),
    ];
    const managing = readers(gateway.key);
    const others = readers(visitor);
    await expect.poll(() => gateway.deps.bus.size).toBe(4);
    // More than one read returns, so that a reader has to get past a batch without visible events.
    const notes = [];
    for (let n = 0; n < 120; n++) notes.push((await say(`Note ${n}`, { isPrivate: true })).agentMessage.id);
    const { messageId, replyId } = await send(gateway, { conversationId, content: 'Hello?' });
    engine.push(delta('Yes.'), finish);
    for (const reader of [...managing, ...others]) await stageOf(reader, 'MessageCompleted', replyId);
    const messageIdsOf = (reader: (typeof managing)[number]) => [
      ...new Set(reader.events.flatMap(({ message }) => message?.id ?? [])),
    ];
    for (const reader of managing) expect(messageIdsOf(reader)).toEqual([...notes, messageId, replyId]);
    for (const reader of others) expect(messageIdsOf(reader)).toEqual([messageId, replyId]);

    const late = subscribe(gateway, { conversationId, key: visitor, after: others[0]?.events[0]?.cursor });
    await stageOf(late, 'MessageCompleted', replyId);
    expect(messageIdsOf(late)).toEqual([replyId]);
    for (const reader of [...managing, ...others, late]) reader.leave();
  });

  it('is returned by every query to viewers with MANAGE only', async () => {
    const { gateway, conversationId, replyId, say } = await open();
    const { agentMessage: note } = await say('Difficult customer', { isPrivate: true });
    const query = `query ($conversation: ID!, $note: ID!, $reply: ID!) {
      node(id: $note) { id }
      nodes(ids: [$note]) { id }
      reply: node(id: $reply) { ... on Message { siblings { id } conversation { lastMessage { id } } } }
      conversation(id: $conversation) { lastMessage { id } messages { nodes { id isPrivate } } }
    }`;
    const look = async (key: string) => {
      const variables = { conversation: conversationId, note: note.id, reply: replyId };
      return JSON.stringify((await gateway.graphql(query, variables, key)).data).split(note.id).length - 1;
    };
    expect(await look(gateway.key)).toBe(5);
    const visitor = await gateway.createKey(gateway.accountId, ['READ', 'CHAT']);
    expect(await look(visitor)).toBe(0);

    for (const [verb, otherFields] of [
      ['rateMessage', { rating: 'UP' }],
      ['stopMessage', {}],
      ['regenerateMessage', {}],
      ['editMessage', { content: 'No' }],
      ['selectBranch', {}],
    ] as const) {
      const ask = (messageId: string) => mutate(gateway, verb, { messageId, ...otherFields }, { key: visitor });
      expect(await ask(note.id)).toMatchObject({ code: 'NOT_FOUND' });
      expect(await ask(note.id)).toEqual(await ask(createId('message')));
    }
    const follower = webSocket.subscribe(gateway, { messageId: note.id, key: visitor });
    await follower.ended;
    expect(follower.errors).toEqual(['NOT_FOUND']);
  });

  it('belongs to no branch: it is not in the history, and stays when another branch is selected', async () => {
    const { gateway, engine, conversationId, replyId, say } = await open();
    await say('A note', { isPrivate: true });
    const { reply } = await mutate<{ reply: { id: string } }>(
      gateway,
      'regenerateMessage',
      { messageId: replyId },
      { selection: 'reply { id }' },
    );
    engine.push(delta('Again.'), finish);
    await webSocket.subscribe(gateway, { messageId: reply.id }).ended;
    const next = await send(gateway, { conversationId, content: 'Next?' });
    engine.push(finish);
    await webSocket.subscribe(gateway, { messageId: next.replyId }).ended;
    expect(engine.questions.at(-1)?.history.map(({ content }) => content)).toEqual(['Hi', 'Again.']);
    const { data } = await gateway.graphql<{
      conversation: { messages: { nodes: { content: string; parent: { content: string } | null }[] } };
    }>('query ($id: ID!) { conversation(id: $id) { messages { nodes { content parent { content } } } } }', {
      id: conversationId,
    });
    expect(data.conversation.messages.nodes).toEqual([
      { content: 'Hi', parent: null },
      { content: 'A note', parent: null },
      { content: 'Again.', parent: { content: 'Hi' } },
      { content: 'Next?', parent: { content: 'Again.' } },
      { content: '', parent: { content: 'Next?' } },
    ]);
  });
});
