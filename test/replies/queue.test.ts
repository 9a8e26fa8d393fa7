import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { AnswerEngine, AnswerEvent, Question } from '../../src/answer/engine.ts';
import { createChatbot, send } from '../helpers/chatbots.ts';
import { startGateway } from '../helpers/gateway.ts';
import { delta, finish } from '../helpers/models/engines.ts';
import { type Reader, readMessage, webSocket } from '../helpers/streams.ts';

/** Creates an engine that answers each question only when the test provides the answer. */
function createManualEngine() {
  const questions: Question[] = [];
  const answers = new Map<string, PromiseWithResolvers<readonly AnswerEvent[]>>();
  let isClosed = false;

  function pendingAnswerTo(content: string) {
    const pending = answers.get(content) ?? Promise.withResolvers<readonly AnswerEvent[]>();
    answers.set(content, pending);
    return pending;
  }

  const engine: AnswerEngine = {
    async *answer(question) {
      questions.push(question);
      yield* isClosed ? [finish] : await pendingAnswerTo(question.content).promise;
    },
  };
  return {
    engine,
    questions,
    answer: (content: string, text: string) => pendingAnswerTo(content).resolve([delta(text), finish]),
    fail(content: string): void {
      const { promise, reject } = pendingAnswerTo(content);
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

/** Opens a gateway with a chatbot whose questions the test answers. */
async function openWithManualEngine(env: Record<string, string> = {}) {
  const manual = createManualEngine();
  const gateway = await startGateway({ env, overrides: { engines: new Map([['builtin', manual.engine]]) } });
  onTestFinished(() => gateway.close());
  onTestFinished(() => manual.close());
  const chatbotId = await createChatbot(gateway);
  const ask = (content: string, sessionId = 'one') => send(gateway, { chatbotId, sessionId, content });
  const subscribe = (messageId: string, after?: string) => webSocket.subscribe(gateway, { messageId, after });
  return { manual, gateway, ask, subscribe };
}

const stagesOf = ({ events }: Reader) =>
  events.flatMap(({ __typename, message }) => (message ? [`${__typename} ${message.status}`] : []));

const textsOf = (questions: readonly Question[]) => questions.map(({ content }) => content);

describe('a conversation', () => {
  it('answers one message at a time: the second is queued, and emits MessageStarted when it starts', async () => {
    const { manual, gateway, ask, subscribe } = await openWithManualEngine();
    const first = await ask('First?');
    const second = await ask('Second?');
    expect([first.status, second.status]).toEqual(['STREAMING', 'QUEUED']);
    expect(second.conversationId).toBe(first.conversationId);

    const reader = subscribe(second.replyId);
    const { cursor } = await reader.until(({ message }) => message?.status === 'QUEUED');
    const late = subscribe(second.replyId, cursor);
    await vi.waitFor(() => expect(gateway.deps.bus.size).toBe(2));
    expect(textsOf(manual.questions)).toEqual(['First?']);
    manual.answer('First?', 'One.');
    await reader.until(({ __typename }) => __typename === 'MessageStarted');
    manual.answer('Second?', 'Two.');
    expect(await reader.ended).toBeUndefined();
    await late.ended;

    expect(stagesOf(reader)).toEqual([
      'MessageCreated QUEUED',
      'MessageStarted STREAMING',
      'MessageCompleted COMPLETED',
    ]);
    expect(stagesOf(late)).toEqual(stagesOf(reader).slice(1));
    expect([reader.text, late.text]).toEqual(['Two.', 'Two.']);
  });

  it('answers five concurrent messages in their order', async () => {
    const { manual, gateway, ask, subscribe } = await openWithManualEngine();
    await ask('0');
    const sent = await Promise.all(['1', '2', '3', '4', '5'].map((content) => ask(content)));
    expect(sent.map(({ status }) => status)).toEqual(Array(5).fill('QUEUED'));
    const order = sent
      .map(({ messageId }, index) => ({ messageId, content: `${index + 1}` }))
      .sort((a, b) => (a.messageId < b.messageId ? -1 : 1))
      .map(({ content }) => content);

    const readers = sent.map(({ replyId }) => subscribe(replyId));
    for (const [index, content] of ['0', ...order].entries()) {
      await vi.waitFor(() => expect(textsOf(manual.questions)).toEqual(['0', ...order].slice(0, index + 1)));
      expect(gateway.deps.liveReplies.size).toBe(1);
      manual.answer(content, `Answer ${content}`);
    }
    await Promise.all(readers.map((reader) => reader.ended));
    expect(readers.map(({ text }) => text)).toEqual([1, 2, 3, 4, 5].map((number) => `Answer ${number}`));
  });

  it('does not delay other conversations', async () => {
    const { manual, ask, subscribe } = await openWithManualEngine();
    await ask('Slow?');
    const other = await ask('Quick?', 'two');
    expect(other.status).toBe('STREAMING');
    manual.answer('Quick?', 'Yes.');
    const reader = subscribe(other.replyId);
    await reader.ended;
    expect(reader.text).toBe('Yes.');
  });

  it('continues with the next message when a reply fails', async () => {
    const { manual, gateway, ask, subscribe } = await openWithManualEngine();
    const first = await ask('First?');
    const second = await ask('Second?');
    const reader = subscribe(second.replyId);
    await reader.until(({ message }) => message?.status === 'QUEUED');
    manual.fail('First?');
    manual.answer('Second?', 'Two.');
    await reader.ended;
    expect(stagesOf(reader).at(-1)).toBe('MessageCompleted COMPLETED');
    expect(await readMessage(gateway, first.replyId)).toMatchObject({ status: 'FAILED' });
  });

  it('rejects the 101st queued message, and stores nothing for it', async () => {
    const { gateway, ask } = await openWithManualEngine();
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
  const describeHistory = (questions: readonly Question[]) =>
    questions.at(-1)?.history.map(({ role, content }) => `${role} ${content}`);

  it('contains the earlier messages, oldest first, without failed replies', async () => {
    const { manual, ask, subscribe } = await openWithManualEngine();
    for (const content of ['A', 'B', 'C']) {
      const { replyId } = await ask(content);
      if (content === 'B') manual.fail(content);
      else manual.answer(content, `Re ${content}`);
      await subscribe(replyId).ended;
    }
    await ask('D', 'elsewhere');
    await vi.waitFor(() => expect(manual.questions).toHaveLength(4));
    expect(describeHistory(manual.questions)).toEqual([]);
    await ask('E');
    await vi.waitFor(() => expect(manual.questions).toHaveLength(5));
    expect(describeHistory(manual.questions)).toEqual([
      'USER A',
      'ASSISTANT Re A',
      'USER B',
      'USER C',
      'ASSISTANT Re C',
    ]);
  });

  it('contains the replies before a queued message, and no message after it', async () => {
    const { manual, ask } = await openWithManualEngine();
    for (const content of ['A', 'B', 'C']) await ask(content);
    manual.answer('A', 'Re A');
    await vi.waitFor(() => expect(manual.questions).toHaveLength(2));
    expect(describeHistory(manual.questions)).toEqual(['USER A', 'ASSISTANT Re A']);
  });

  it.each([
    { turns: '0', history: [] },
    { turns: '1', history: ['USER C', 'ASSISTANT Re C'] },
    { turns: '2', history: ['USER B', 'ASSISTANT Re B', 'USER C', 'ASSISTANT Re C'] },
  ])('has at most $turns turns, as HISTORY_TURNS allows', async ({ turns, history }) => {
    const { manual, ask, subscribe } = await openWithManualEngine({ HISTORY_TURNS: turns });
    for (const content of ['A', 'B', 'C']) {
      const { replyId } = await ask(content);
      manual.answer(content, `Re ${content}`);
      await subscribe(replyId).ended;
    }
    await ask('D');
    await vi.waitFor(() => expect(manual.questions).toHaveLength(4));
    expect(describeHistory(manual.questions)).toEqual(history);
  });
});
