import { describe, expect, it } from 'vitest';
import { createId } from '../../src/domain/ids.ts';
import { createChatbot, send } from '../helpers/chatbots.ts';
import { createManualClock, type ManualClock } from '../helpers/clock.ts';
import {
  describeEvents,
  readGaplessLog,
  startScriptedGateway,
  waitForMessageEvent,
  waitForReaders,
} from '../helpers/conversations.ts';
import type { TestGateway } from '../helpers/gateway.ts';
import { delta, finish } from '../helpers/models/engines.ts';
import { openSharedScriptedGateway } from '../helpers/shared-gateway.ts';
import { readMessage, TRANSPORTS, webSocket } from '../helpers/streams.ts';
import { inputFor, mutate, mutation, removeDuplicates, runForForeignAndUnknownIds } from '../schema/support.ts';

const HOUR_MS = 3_600_000;
const CONVERSATION_FIELDS = 'id status answeredBy silentUntil assignee escalatedAt escalationReason unreadCount';

interface ConversationState {
  readonly status: string;
  readonly answeredBy: string;
  readonly silentUntil: string | null;
  readonly assignee: string | null;
  readonly escalatedAt: string | null;
  readonly escalationReason: string | null;
  readonly unreadCount: number;
}

interface SendResult {
  readonly userMessage: { id: string; status: string };
  readonly reply: { id: string; status: string } | null;
  readonly notice: string | null;
  readonly conversation: ConversationState & { id: string };
}

interface AgentSendResult extends Pick<SendResult, 'conversation'> {
  readonly agentMessage: { id: string; status: string };
}

/** Opens a conversation whose only question is answered; with a clock, on a gateway of its own. */
async function open(clock?: ManualClock) {
  const { gateway, engine } = clock
    ? await startScriptedGateway({ overrides: { clock } })
    : await openSharedScriptedGateway({ overrides: { clock: createManualClock() } });
  const chatbotId = await createChatbot(gateway);
  engine.push(delta('Hello.'), finish);
  const { conversationId, replyId } = await send(gateway, { chatbotId, content: 'Hi' });
  await webSocket.subscribe(gateway, { messageId: replyId }).ended;

  const changeConversation = async (mutationName: string, input: object = {}, key = gateway.key) => {
    const answer = await mutate<{ conversation: ConversationState }>(
      gateway,
      mutationName,
      inputFor(mutationName, conversationId, input),
      { selection: `conversation { ${CONVERSATION_FIELDS} }`, key },
    );
    return answer.conversation;
  };
  const sendAsAgent = (content: string, input: object = {}, key = gateway.key) =>
    mutate<AgentSendResult>(
      gateway,
      'sendAgentMessage',
      { conversationId, content, ...input },
      { selection: `agentMessage { id status } conversation { ${CONVERSATION_FIELDS} }`, key },
    );
  const sendAsVisitor = (content: string, input: object = {}) =>
    mutate<SendResult>(
      gateway,
      'sendMessage',
      { conversationId, content, ...input },
      { selection: `userMessage { id status } reply { id status } notice conversation { ${CONVERSATION_FIELDS} }` },
    );
  const readConversation = async () => {
    const { data } = await gateway.graphql<{ conversation: ConversationState }>(
      `query ($id: ID!) { conversation(id: $id) { ${CONVERSATION_FIELDS} } }`,
      { id: conversationId },
    );
    return data.conversation;
  };
  return {
    ...{ gateway, engine, chatbotId, conversationId, replyId },
    ...{ changeConversation, sendAsAgent, sendAsVisitor, readConversation },
  };
}

async function messagesUsed(gateway: TestGateway): Promise<number> {
  const { data } = await gateway.graphql<{ viewer: { account: { usage: { messages: number } } } }>(
    '{ viewer { account { usage { messages } } } }',
  );
  return data.viewer.account.usage.messages;
}

describe('sendAgentMessage', () => {
  it('silences the chatbot: the next message is stored and gets the handoff message, but no reply', async () => {
    const { gateway, chatbotId, sendAsAgent, sendAsVisitor, readConversation } = await open();
    await mutate(gateway, 'updateChatbot', { id: chatbotId, handoffMessage: 'Ada is here.' });
    const takeover = await sendAsAgent('This is Ada.', { authorName: 'Ada' });
    expect(takeover.conversation).toMatchObject({ status: 'OPEN', answeredBy: 'AGENT', unreadCount: 0 });
    expect(takeover.conversation.silentUntil).toBe('2026-03-16T10:30:00.000Z');
    const usageBefore = await messagesUsed(gateway);
    const sent = await sendAsVisitor('Are you there?');
    expect(sent).toMatchObject({ reply: null, notice: 'Ada is here.', userMessage: { status: 'COMPLETED' } });
    expect(await messagesUsed(gateway)).toBe(usageBefore);
    expect((await readConversation()).unreadCount).toBe(1);
  });

  it('returns the handoff message again when a client retries a message, even after later messages', async () => {
    const { sendAsAgent, sendAsVisitor } = await open();
    await sendAsAgent('This is Ada.');
    const first = await sendAsVisitor('Are you there?', { clientMessageId: 'a' });
    await sendAsVisitor('Hello?');
    await sendAsAgent('Yes.');
    const retried = await sendAsVisitor('Are you there?', { clientMessageId: 'a' });
    expect(retried.userMessage).toEqual(first.userMessage);
    expect([retried.reply, retried.notice]).toEqual([null, first.notice]);
  });

  it('silences the chatbot for 24 hours after the last message of a human agent', async () => {
    const clock = createManualClock();
    const { gateway, engine, sendAsAgent, sendAsVisitor, readConversation } = await open(clock);
    await sendAsAgent('One');
    clock.advance(23 * HOUR_MS);
    await sendAsAgent('Two');
    clock.advance(24 * HOUR_MS - 1);
    expect((await sendAsVisitor('Now?')).reply).toBeNull();
    expect(await readConversation()).toMatchObject({ answeredBy: 'AGENT' });
    clock.advance(1);
    expect(await readConversation()).toMatchObject({ answeredBy: 'ASSISTANT', silentUntil: null });
    const { reply, notice } = await sendAsVisitor('And now?');
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
    const { gateway, engine, conversationId, sendAsAgent } = await open();
    const running = await send(gateway, { conversationId, content: 'One?' });
    const waiting = await send(gateway, { conversationId, content: 'Two?' });
    engine.push(delta('A part'));
    const reader = webSocket.subscribe(gateway, { conversationId });
    await reader.until(({ text }) => text === 'A part');
    const { agentMessage } = await sendAsAgent('I take over.');
    await waitForMessageEvent(reader, 'MessageStopped', running.replyId);
    expect(await readMessage(gateway, running.replyId)).toMatchObject({ status: 'STOPPED', content: 'A part' });
    expect(await readMessage(gateway, waiting.replyId)).toMatchObject({ status: 'STOPPED', content: '' });
    expect(await messagesUsed(gateway)).toBe(2);
    const names = { [running.replyId]: 'running', [waiting.replyId]: 'waiting', [agentMessage.id]: 'agent' };
    const events = describeEvents(reader.events, names);
    expect(events).toContain('ConversationChanged OPEN AGENT');
    expect(events.indexOf('MessageStopped waiting')).toBeLessThan(events.indexOf('MessageCreated agent'));
    expect(engine.questionCount).toBe(2);
    await readGaplessLog(gateway, conversationId);
    reader.unsubscribe();
  });

  it('sends one message for each clientMessageId', async () => {
    const { gateway, conversationId, sendAsAgent } = await open();
    const [first, second] = await Promise.all([1, 2].map(() => sendAsAgent('Once', { clientMessageId: 'a' })));
    expect(first?.agentMessage.id).toBe(second?.agentMessage.id);
    expect(await sendAsAgent('Other', { clientMessageId: 'a' })).toMatchObject({ code: 'IDEMPOTENCY_CONFLICT' });
    const log = await readGaplessLog(gateway, conversationId);
    expect(log.filter(({ type }) => type === 'ConversationChanged')).toHaveLength(1);
  });

  it('reopens a closed conversation, and rejects invalid content', async () => {
    const { changeConversation, sendAsAgent } = await open();
    expect(await changeConversation('closeConversation')).toMatchObject({ status: 'CLOSED' });
    expect((await sendAsAgent('Back')).conversation).toMatchObject({ status: 'OPEN', answeredBy: 'AGENT' });
    expect(await sendAsAgent(' ')).toMatchObject({ code: 'INVALID_INPUT', fields: [{ path: ['content'] }] });
    expect(await sendAsAgent('A', { authorName: '' })).toMatchObject({
      code: 'INVALID_INPUT',
      fields: [{ path: ['authorName'] }],
    });
  });

  it('rejects a viewer without MANAGE, and changes nothing', async () => {
    const { gateway, conversationId, readConversation } = await open();
    const key = await gateway.createKey(gateway.accountId, ['READ', 'CHAT']);
    const input = { conversationId, content: 'No' };
    const answer = await gateway.graphql(mutation('sendAgentMessage'), { input }, key);
    expect(answer.errors?.[0]?.extensions.code).toBe('FORBIDDEN');
    expect(await readConversation()).toMatchObject({ answeredBy: 'ASSISTANT' });
  });

  it('rejects regenerateMessage during a handoff, and returns the handoff message for an edited question', async () => {
    const { gateway, replyId, sendAsAgent, sendAsVisitor } = await open();
    await sendAsAgent('Here');
    expect(await mutate(gateway, 'regenerateMessage', { id: replyId })).toMatchObject({ code: 'INVALID_INPUT' });
    const { userMessage } = await sendAsVisitor('So?');
    const selection = 'userMessage { id } reply { id } notice';
    expect(await mutate(gateway, 'editMessage', { id: userMessage.id, content: 'So!' }, { selection })).toMatchObject({
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
    const { conversation } = await mutate<SendResult>(
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
  it('escalates once, keeps the first escalation time, and lets the chatbot answer until a person does', async () => {
    const clock = createManualClock();
    const { gateway, conversationId, changeConversation, sendAsVisitor } = await open(clock);
    expect(await changeConversation('escalateConversation', { reason: ' No answer ' })).toMatchObject({
      status: 'ESCALATED',
      answeredBy: 'ASSISTANT',
      escalatedAt: '2026-03-15T10:30:00.000Z',
      escalationReason: 'No answer',
    });
    clock.advance(HOUR_MS);
    expect(await changeConversation('escalateConversation', { reason: 'Again' })).toMatchObject({
      escalationReason: 'No answer',
    });
    expect((await sendAsVisitor('Hello?')).reply).not.toBeNull();
    const countChanges = async () =>
      (await readGaplessLog(gateway, conversationId)).filter(({ type }) => type === 'ConversationChanged').length;
    expect(await countChanges()).toBe(1);
    await changeConversation('handBackConversation');
    expect(await changeConversation('escalateConversation')).toMatchObject({
      escalatedAt: '2026-03-15T10:30:00.000Z',
      escalationReason: null,
    });
    expect(await countChanges()).toBe(3);
  });

  it('reopens a closed conversation, and rejects a reason that is too long', async () => {
    const { changeConversation, gateway, conversationId } = await open();
    await changeConversation('closeConversation');
    expect(await changeConversation('escalateConversation')).toMatchObject({ status: 'ESCALATED' });
    const input = { id: conversationId, reason: 'x'.repeat(1_001) };
    expect(await mutate(gateway, 'escalateConversation', input)).toMatchObject({ code: 'INVALID_INPUT' });
  });
});

describe('a conversation in handoff', () => {
  it('can be assigned, handed back and closed, and emits one event for each change', async () => {
    const { gateway, conversationId, changeConversation, sendAsAgent, sendAsVisitor, engine } = await open();
    expect(await changeConversation('assignConversation', { assignee: 'ada@example.com' })).toMatchObject({
      assignee: 'ada@example.com',
    });
    await changeConversation('assignConversation', { assignee: 'ada@example.com' });
    await changeConversation('escalateConversation');
    await sendAsAgent('Here');
    expect(await changeConversation('handBackConversation')).toMatchObject({
      status: 'OPEN',
      answeredBy: 'ASSISTANT',
      silentUntil: null,
      assignee: null,
    });
    await changeConversation('handBackConversation');
    const { reply } = await sendAsVisitor('Chatbot?');
    engine.push(delta('Yes.'), finish);
    await webSocket.subscribe(gateway, { messageId: reply?.id ?? '' }).ended;
    expect(await changeConversation('closeConversation')).toMatchObject({ status: 'CLOSED' });
    await changeConversation('closeConversation');
    const log = await readGaplessLog(gateway, conversationId);
    expect(log.filter(({ type }) => type === 'ConversationChanged')).toHaveLength(5);
    expect((await sendAsVisitor('Again?')).conversation).toMatchObject({ status: 'OPEN' });
    const reopened = (await readGaplessLog(gateway, conversationId)).slice(log.length).map(({ type }) => type);
    expect(reopened).toEqual(['MessageCreated', 'ConversationChanged', 'MessageCreated']);
    expect(await changeConversation('assignConversation', { assignee: null })).toMatchObject({ assignee: null });
  });

  it.each(TRANSPORTS)(
    'streams its changes over $name to an inbox, which resumes after a reconnect',
    async ({ subscribe }) => {
      const { gateway, chatbotId, changeConversation } = await open();
      const inbox = subscribe(gateway, { chatbotId });
      await expect.poll(() => gateway.deps.bus.size).toBe(1);
      await changeConversation('escalateConversation');
      const { cursor } = await inbox.until(({ conversation }) => conversation?.status === 'ESCALATED');
      inbox.disconnect();
      await changeConversation('assignConversation', { assignee: 'Ada' });
      await changeConversation('closeConversation');
      const resumed = subscribe(gateway, { chatbotId, after: cursor });
      await expect.poll(() => resumed.events.length).toBe(2);
      expect(resumed.events.every(({ conversation }) => conversation?.status === 'CLOSED')).toBe(true);
      expect(resumed.events.map(({ __typename }) => __typename)).toEqual([
        'ConversationChanged',
        'ConversationChanged',
      ]);
      resumed.unsubscribe();
    },
  );

  it.each([
    'escalateConversation',
    'assignConversation',
    'handBackConversation',
    'closeConversation',
    'markConversationRead',
    'takeOverConversation',
    'sendAgentMessage',
    'setTyping',
  ])("%s returns the same error for another account's id as for an unknown id", async (name) => {
    const { gateway, conversationId, readConversation } = await open();
    const before = await readConversation();
    const otherFields = {
      assignConversation: { assignee: null },
      sendAgentMessage: { content: 'No' },
      setTyping: { isTyping: true },
    }[name];
    const answers = await runForForeignAndUnknownIds(gateway, {
      query: mutation(name),
      id: conversationId,
      kind: 'conversation',
      variables: (id) => ({ input: inputFor(name, id, otherFields) }),
    });
    expect(removeDuplicates(answers.map(({ data }) => data))).toHaveLength(1);
    expect(answers[0]?.data).toMatchObject({ [name]: { code: 'NOT_FOUND' } });
    expect(await readConversation()).toEqual(before);
  });
});

describe('a private note', () => {
  it.each(TRANSPORTS)('is streamed over $name to viewers with MANAGE only', async ({ subscribe }) => {
    const { gateway, chatbotId, conversationId, engine, sendAsAgent } = await open();
    const visitorKey = await gateway.createKey(gateway.accountId, ['READ', 'CHAT']);
    const subscribeBoth = (key: string) => [
      subscribe(gateway, { conversationId, key }),
      subscribe(gateway, { chatbotId, key }),
    ];
    const managerReaders = subscribeBoth(gateway.key);
    const visitorReaders = subscribeBoth(visitorKey);
    await expect.poll(() => gateway.deps.bus.size).toBe(4);
    // More notes than one read returns, so that the visitor's readers must skip a batch without visible events.
    const notes = [];
    for (let n = 0; n < 120; n++) notes.push((await sendAsAgent(`Note ${n}`, { isPrivate: true })).agentMessage.id);
    const { messageId, replyId } = await send(gateway, { conversationId, content: 'Hello?' });
    engine.push(delta('Yes.'), finish);
    for (const reader of [...managerReaders, ...visitorReaders]) {
      await waitForMessageEvent(reader, 'MessageCompleted', replyId);
    }
    const messageIdsOf = (reader: (typeof managerReaders)[number]) => [
      ...new Set(reader.events.flatMap(({ message }) => message?.id ?? [])),
    ];
    for (const reader of managerReaders) expect(messageIdsOf(reader)).toEqual([...notes, messageId, replyId]);
    for (const reader of visitorReaders) expect(messageIdsOf(reader)).toEqual([messageId, replyId]);

    const after = visitorReaders[0]?.events[0]?.cursor;
    const resumed = subscribe(gateway, { conversationId, key: visitorKey, after });
    await waitForMessageEvent(resumed, 'MessageCompleted', replyId);
    expect(messageIdsOf(resumed)).toEqual([replyId]);
    for (const reader of [...managerReaders, ...visitorReaders, resumed]) reader.unsubscribe();
  });

  it('is returned by every query to viewers with MANAGE only', async () => {
    const { gateway, conversationId, replyId, sendAsAgent } = await open();
    const { agentMessage: note } = await sendAsAgent('Difficult customer', { isPrivate: true });
    const query = `query ($conversation: ID!, $note: ID!, $reply: ID!) {
      node(id: $note) { id }
      nodes(ids: [$note]) { id }
      reply: node(id: $reply) { ... on Message { siblings { id } conversation { lastMessage(includeNotes: true) { id } } } }
      conversation(id: $conversation) { lastMessage(includeNotes: true) { id } messages { nodes { id isPrivate } } }
    }`;
    const countMentions = async (key: string) => {
      const variables = { conversation: conversationId, note: note.id, reply: replyId };
      return JSON.stringify((await gateway.graphql(query, variables, key)).data).split(note.id).length - 1;
    };
    expect(await countMentions(gateway.key)).toBe(5);
    const visitorKey = await gateway.createKey(gateway.accountId, ['READ', 'CHAT']);
    expect(await countMentions(visitorKey)).toBe(0);

    for (const [mutationName, otherFields] of [
      ['rateMessage', { rating: 'UP' }],
      ['stopMessage', {}],
      ['regenerateMessage', {}],
      ['editMessage', { content: 'No' }],
      ['selectBranch', {}],
    ] as const) {
      const ask = (id: string) => mutate(gateway, mutationName, { id, ...otherFields }, { key: visitorKey });
      expect(await ask(note.id)).toMatchObject({ code: 'NOT_FOUND' });
      expect(await ask(note.id)).toEqual(await ask(createId('message')));
    }
    const follower = webSocket.subscribe(gateway, { messageId: note.id, key: visitorKey });
    await follower.ended;
    expect(follower.errors).toEqual(['NOT_FOUND']);
  });

  it('belongs to no branch: it replaces nothing, is not in the history, and stays when a branch is selected', async () => {
    const { gateway, engine, conversationId, replyId, sendAsAgent } = await open();
    const reader = webSocket.subscribe(gateway, { conversationId });
    await waitForReaders(gateway, 1);
    const { agentMessage: note } = await sendAsAgent('A note', { isPrivate: true });
    expect((await waitForMessageEvent(reader, 'MessageCreated', note.id)).replaces).toBeNull();
    const { reply } = await mutate<{ reply: { id: string } }>(
      gateway,
      'regenerateMessage',
      { id: replyId },
      { selection: 'reply { id }' },
    );
    engine.push(delta('Again.'), finish);
    await webSocket.subscribe(gateway, { messageId: reply.id }).ended;
    const next = await send(gateway, { conversationId, content: 'Next?' });
    engine.push(finish);
    await webSocket.subscribe(gateway, { messageId: next.replyId }).ended;
    expect(engine.questions.at(-1)?.history.map(({ content }) => content)).toEqual(['Hi', 'Again.']);
    const { data } = await gateway.graphql<{
      conversation: { messages: { nodes: object[] } };
    }>(
      `query ($id: ID!) {
        conversation(id: $id) { messages { nodes { content parent { content } siblings { content } } } }
      }`,
      { id: conversationId },
    );
    expect(data.conversation.messages.nodes).toEqual([
      { content: 'Hi', parent: null, siblings: [{ content: 'Hi' }] },
      { content: 'A note', parent: null, siblings: [{ content: 'A note' }] },
      { content: 'Again.', parent: { content: 'Hi' }, siblings: [{ content: 'Hello.' }, { content: 'Again.' }] },
      { content: 'Next?', parent: { content: 'Again.' }, siblings: [{ content: 'Next?' }] },
      { content: '', parent: { content: 'Next?' }, siblings: [{ content: '' }] },
    ]);
  });
});
