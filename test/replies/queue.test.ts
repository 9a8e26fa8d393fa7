import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { AnswerEngine, AnswerEvent, Question } from '../../src/answer/engine.ts';
import { createChatbot, send } from '../helpers/chatbots.ts';
import { startGateway } from '../helpers/gateway.ts';
import { delta, finish } from '../helpers/models/engines.ts';
import { type Reader, readMessage, webSocket } from '../helpers/streams.ts';

/** An engine that holds each question until the test answers it by its text. */
function createDesk() {
  const questions: Question[] = [];
  const answers = new Map<string, PromiseWithResolvers<readonly AnswerEvent[]>>();
  let isClosed = false;

  function answerTo(content: string) {
    const pending = answers.get(content) ?? Promise.withResolvers<readonly AnswerEvent[]>();
    answers.set(content, pending);
    return pending;
  }

  const engine: AnswerEngine = {
    async *answer(question) {
      questions.push(question);
      yield* isClosed ? [finish] : await answerTo(question.content).promise;
    },
  };
  return {
    engine,
    asked: questions,
    say: (content: string, text: string) => answerTo(content).resolve([delta(text), finish]),
    fail(content: string): void {
      const { promise, reject } = answerTo(content);
      reject(new Error('no answer'));
      // The engine may not have received the question yet.
      promise.catch(() => {});
    },
    /** Answers all current and future questions. */
    close(): void {
      isClosed = true;
      for (const { resolve } of answers.values()) resolve([finish]);
    },
  };
}

/** A gateway with a chatbot, and the engine that holds its questions. */
async function openDesk(env: Record<string, string> = {}) {
  const desk = createDesk();
  const gateway = await startGateway({ env, replaced: { engines: new Map([['builtin', desk.engine]]) } });
  onTestFinished(() => gateway.close());
  onTestFinished(() => desk.close());
  const chatbotId = await createChatbot(gateway);
  const ask = (content: string, sessionId = 'one') => send(gateway, { chatbotId, sessionId, content });
  const subscribe = (messageId: string, after?: string) => webSocket.subscribe(gateway, { messageId, after });
  return { desk, gateway, ask, subscribe };
}

const stages = ({ events }: Reader) =>
  events.flatMap(({ __typename, message }) => (message ? [`${__typename} ${message.status}`] : []));

const textsOf = (questions: readonly Question[]) => questions.map(({ content }) => content);

describe('a conversation', () => {
  it('answers one message at a time: the second is queued, and emits MessageStarted when it starts', async () => {
    const { desk, gateway, ask, subscribe } = await openDesk();
    const first = await ask('First?');
    const second = await ask('Second?');
    expect([first.status, second.status]).toEqual(['STREAMING', 'QUEUED']);
    expect(second.conversationId).toBe(first.conversationId);

    const reader = subscribe(second.replyId);
    const { cursor } = await reader.until(({ message }) => message?.status === 'QUEUED');
    const late = subscribe(second.replyId, cursor);
    await vi.waitFor(() => expect(gateway.deps.bus.size).toBe(2));
    expect(textsOf(desk.asked)).toEqual(['First?']);
    desk.say('First?', 'One.');
    await reader.until(({ __typename }) => __typename === 'MessageStarted');
    desk.say('Second?', 'Two.');
    expect(await reader.ended).toBeUndefined();
    await late.ended;

    expect(stages(reader)).toEqual(['MessageCreated QUEUED', 'MessageStarted STREAMING', 'MessageCompleted COMPLETED']);
    expect(stages(late)).toEqual(stages(reader).slice(1));
    expect([reader.text, late.text]).toEqual(['Two.', 'Two.']);
  });

  it('answers five concurrent messages in their order', async () => {
    const { desk, gateway, ask, subscribe } = await openDesk();
    await ask('0');
    const sent = await Promise.all(['1', '2', '3', '4', '5'].map((content) => ask(content)));
    expect(sent.map(({ status }) => status)).toEqual(Array(5).fill('QUEUED'));
    const order = sent
      .map(({ messageId }, index) => ({ messageId, content: `${index + 1}` }))
      .sort((a, b) => (a.messageId < b.messageId ? -1 : 1))
      .map(({ content }) => content);

    const readers = sent.map(({ replyId }) => subscribe(replyId));
    for (const [index, content] of ['0', ...order].entries()) {
      await vi.waitFor(() => expect(textsOf(desk.asked)).toEqual(['0', ...order].slice(0, index + 1)));
      expect(gateway.deps.liveReplies.size).toBe(1);
      desk.say(content, `Answer ${content}`);
    }
    await Promise.all(readers.map((reader) => reader.ended));
    expect(readers.map(({ text }) => text)).toEqual([1, 2, 3, 4, 5].map((number) => `Answer ${number}`));
  });

  it('delays no other conversation', async () => {
    const { desk, ask, subscribe } = await openDesk();
    await ask('Slow?');
    const other = await ask('Quick?', 'two');
    expect(other.status).toBe('STREAMING');
    desk.say('Quick?', 'Yes.');
    const reader = subscribe(other.replyId);
    await reader.ended;
    expect(reader.text).toBe('Yes.');
  });

  it('continues with the next message when a reply fails', async () => {
    const { desk, gateway, ask, subscribe } = await openDesk();
    const first = await ask('First?');
    const second = await ask('Second?');
    const reader = subscribe(second.replyId);
    await reader.until(({ message }) => message?.status === 'QUEUED');
    desk.fail('First?');
    desk.say('Second?', 'Two.');
    await reader.ended;
    expect(stages(reader).at(-1)).toBe('MessageCompleted COMPLETED');
    expect(await readMessage(gateway, first.replyId)).toMatchObject({ status: 'FAILED' });
  });

  it('rejects the 101st queued message, and stores nothing of it', async () => {
    const { gateway, ask } = await openDesk();
    const { conversationId } = await ask('Well?');
    await Promise.all(Array.from({ length: 100 }, (_, index) => ask(`And ${index}?`)));
    const count = async () => {
      const { read } = gateway.deps.db;
      const messages = await read.selectFrom('messages').select('id').execute();
      const { messages: used } = await read.selectFrom('usage').select('messages').executeTakeFirstOrThrow();
      return { messages: messages.length, used };
    };
    expect(await count()).toEqual({ messages: 202, used: 101 });

    const { data, errors } = await gateway.graphql(
      'mutation ($input: SendMessageInput!) { sendMessage(input: $input) { __typename } }',
      { input: { conversationId, content: 'One more?' } },
    );
    expect(data).toBeNull();
    expect(errors?.map(({ message, extensions }) => [message, extensions.code])).toEqual([
      ['Too many messages are waiting in this conversation.', 'SERVICE_UNAVAILABLE'],
    ]);
    expect(await count()).toEqual({ messages: 202, used: 101 });
  });
});

describe('the history given to an engine', () => {
  const turnsOf = (questions: readonly Question[]) =>
    questions.at(-1)?.history.map(({ role, content }) => `${role} ${content}`);

  it('contains the earlier messages, oldest first, without failed replies', async () => {
    const { desk, ask, subscribe } = await openDesk();
    for (const content of ['A', 'B', 'C']) {
      const { replyId } = await ask(content);
      if (content === 'B') desk.fail(content);
      else desk.say(content, `Re ${content}`);
      await subscribe(replyId).ended;
    }
    await ask('D', 'elsewhere');
    await vi.waitFor(() => expect(desk.asked).toHaveLength(4));
    expect(turnsOf(desk.asked)).toEqual([]);
    await ask('E');
    await vi.waitFor(() => expect(desk.asked).toHaveLength(5));
    expect(turnsOf(desk.asked)).toEqual(['USER A', 'ASSISTANT Re A', 'USER B', 'USER C', 'ASSISTANT Re C']);
  });

  it('contains the replies before a queued message, and no message after it', async () => {
    const { desk, ask } = await openDesk();
    for (const content of ['A', 'B', 'C']) await ask(content);
    desk.say('A', 'Re A');
    await vi.waitFor(() => expect(desk.asked).toHaveLength(2));
    expect(turnsOf(desk.asked)).toEqual(['USER A', 'ASSISTANT Re A']);
  });

  it.each([
    { turns: '0', history: [] },
    { turns: '1', history: ['USER C', 'ASSISTANT Re C'] },
    { turns: '2', history: ['USER B', 'ASSISTANT Re B', 'USER C', 'ASSISTANT Re C'] },
  ])('has at most $turns turns, as HISTORY_TURNS allows', async ({ turns, history }) => {
    const { desk, ask, subscribe } = await openDesk({ HISTORY_TURNS: turns });
    for (const content of ['A', 'B', 'C']) {
      const { replyId } = await ask(content);
      desk.say(content, `Re ${content}`);
      await subscribe(replyId).ended;
    }
    await ask('D');
    await vi.waitFor(() => expect(desk.asked).toHaveLength(4));
    expect(turnsOf(desk.asked)).toEqual(history);
  });
});
