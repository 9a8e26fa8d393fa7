import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { AnswerEngine } from '../../src/answer/engine.ts';
import { createChatbot, send } from '../helpers/chatbots.ts';
import {
  describeEvents,
  readGaplessLog,
  startGatewayWithCompletedReply,
  startGatewayWithOpenReply,
  waitForMessageEvent,
} from '../helpers/conversations.ts';
import { startGateway, type TestGateway } from '../helpers/gateway.ts';
import { delta, finish } from '../helpers/models/engines.ts';
import { readMessage, type StreamMessage, TRANSPORTS, webSocket } from '../helpers/streams.ts';
import { mutate } from '../schema/support.ts';

interface StopResult {
  readonly __typename: string;
  readonly reply: Pick<StreamMessage, 'id' | 'status' | 'content' | 'finishReason'> & { completedAt: string | null };
}

async function stop(gateway: TestGateway, messageId: string, key = gateway.key): Promise<StopResult> {
  const selection = 'reply { id status content finishReason completedAt }';
  return mutate<StopResult>(gateway, 'stopMessage', { id: messageId }, { selection, key });
}

async function messagesUsed(gateway: TestGateway): Promise<number> {
  const { data } = await gateway.graphql<{ viewer: { account: { usage: { messages: number } } } }>(
    '{ viewer { account { usage { messages } } } }',
  );
  return data.viewer.account.usage.messages;
}

describe('stopMessage', () => {
  it.each(TRANSPORTS)(
    'stops a reply that is being generated, keeps its text, and emits MessageStopped over $name',
    async ({ subscribe }) => {
      const { gateway, engine, replyId, conversationId } = await startGatewayWithOpenReply();
      const reader = subscribe(gateway, { messageId: replyId });
      const conversationReader = subscribe(gateway, { conversationId });
      engine.push(delta('A part'));
      for (const subscriber of [reader, conversationReader]) await subscriber.until(({ text }) => text === 'A part');
      const { reply } = await stop(gateway, replyId);
      expect(reply).toMatchObject({ id: replyId, status: 'STOPPED', content: 'A part', finishReason: 'ABORTED' });
      expect(reply.completedAt).not.toBeNull();

      expect(await reader.ended).toBeUndefined();
      await waitForMessageEvent(conversationReader, 'MessageStopped', replyId);
      const expected = ['MessageCreated A', 'MessageDelta A "A part"', 'MessageStopped A'];
      expect(describeEvents(reader.events, { [replyId]: 'A' })).toEqual(expected);
      expect(describeEvents(conversationReader.events, { [replyId]: 'A' })).toEqual(expected);
      expect(reader.events.at(-1)?.message).toEqual(await readMessage(gateway, replyId));
      expect(await messagesUsed(gateway)).toBe(1);
      expect(gateway.deps.liveReplies.size).toBe(0);
      conversationReader.unsubscribe();

      const late = subscribe(gateway, { messageId: replyId, after: reader.events[1]?.cursor });
      await late.ended;
      expect(describeEvents(late.events, { [replyId]: 'A' })).toEqual(['MessageStopped A']);
    },
  );

  it('refunds the quota of a reply without text', async () => {
    const { gateway, replyId } = await startGatewayWithOpenReply();
    expect(await messagesUsed(gateway)).toBe(1);
    expect((await stop(gateway, replyId)).reply).toMatchObject({ status: 'STOPPED', content: '' });
    expect(await messagesUsed(gateway)).toBe(0);
  });

  it.each(['listens to', 'ignores'])(
    'aborts the engine and resolves at once when the engine %s the signal',
    async (reaction) => {
      const signals: AbortSignal[] = [];
      const end = Promise.withResolvers<void>();
      const engine: AnswerEngine = {
        async *answer(_question, signal) {
          signals.push(signal);
          yield delta('A part');
          if (reaction === 'listens to') signal.addEventListener('abort', () => end.reject(signal.reason));
          await end.promise;
          yield delta(' too late');
          yield finish;
        },
      };
      const gateway = await startGateway({ overrides: { engines: new Map([['builtin', engine]]) } });
      onTestFinished(() => gateway.close());
      const { replyId } = await send(gateway, { chatbotId: await createChatbot(gateway), content: 'Well?' });
      const reader = webSocket.subscribe(gateway, { messageId: replyId });
      await reader.until(({ text }) => text === 'A part');
      expect((await stop(gateway, replyId)).reply).toMatchObject({ status: 'STOPPED', content: 'A part' });
      expect(signals.map(({ aborted }) => aborted)).toEqual([true]);
      await reader.ended;
      end.resolve();
      await vi.waitFor(() => expect(gateway.deps.background.size).toBe(0));
      expect(await readMessage(gateway, replyId)).toMatchObject({ status: 'STOPPED', content: 'A part' });
      expect(gateway.logs.filter(({ level }) => Number(level) >= 50)).toEqual([]);
    },
  );

  it('starts the next queued reply', async () => {
    const { gateway, engine, replyId, conversationId } = await startGatewayWithOpenReply();
    const next = await send(gateway, { conversationId, content: 'Next?' });
    await stop(gateway, replyId);
    engine.push(delta('Its turn.'), finish);
    const reader = webSocket.subscribe(gateway, { messageId: next.replyId });
    await reader.ended;
    expect(reader.text).toBe('Its turn.');
    await readGaplessLog(gateway, conversationId);
  });

  it('stops a queued reply: it is never generated, costs nothing, and the next reply starts', async () => {
    const { gateway, engine, conversationId } = await startGatewayWithOpenReply();
    const waiting = await send(gateway, { conversationId, content: 'Waiting?' });
    const last = await send(gateway, { conversationId, content: 'Last?' });
    const reader = webSocket.subscribe(gateway, { messageId: waiting.replyId });
    await waitForMessageEvent(reader, 'MessageCreated', waiting.replyId);
    expect(await messagesUsed(gateway)).toBe(3);
    const { reply } = await stop(gateway, waiting.replyId);
    expect(reply).toMatchObject({ status: 'STOPPED', content: '', finishReason: 'ABORTED' });
    expect((await stop(gateway, waiting.replyId)).reply).toEqual(reply);
    expect(await reader.ended).toBeUndefined();
    expect(reader.events.map(({ __typename }) => __typename)).toEqual(['MessageCreated', 'MessageStopped']);
    expect(await messagesUsed(gateway)).toBe(2);

    engine.push(delta('One.'), finish, delta('Three.'), finish);
    const follower = webSocket.subscribe(gateway, { messageId: last.replyId });
    await follower.ended;
    expect(follower.text).toBe('Three.');
    expect(engine.questionCount).toBe(2);
    expect(await readMessage(gateway, waiting.replyId)).toMatchObject({ status: 'STOPPED', content: '' });
    await readGaplessLog(gateway, conversationId);
  });

  it('stops a reply that has just left the queue', async () => {
    const { gateway, engine, conversationId } = await startGatewayWithCompletedReply();
    for (let round = 0; round < 8; round++) {
      const first = await send(gateway, { conversationId, content: 'First?' });
      const second = await send(gateway, { conversationId, content: 'Second?' });
      const reader = webSocket.subscribe(gateway, { messageId: first.replyId });
      engine.push(finish);
      if (round % 2 === 0) await reader.ended;
      expect((await stop(gateway, second.replyId)).reply.status).toBe('STOPPED');
      await reader.ended;
    }
    await readGaplessLog(gateway, conversationId);
  });

  it('does not change a message that is stopped, completed or failed, nor a user message', async () => {
    const { gateway, engine, conversationId, messageId, replyId } = await startGatewayWithOpenReply();
    const [first, second] = await Promise.all([stop(gateway, replyId), stop(gateway, replyId)]);
    expect(first).toEqual(second);
    expect(await stop(gateway, replyId)).toEqual(first);

    const completed = await send(gateway, { conversationId, content: 'Whole?' });
    engine.push(delta('Yes.'), finish);
    await webSocket.subscribe(gateway, { messageId: completed.replyId }).ended;
    const failed = await send(gateway, { conversationId, content: 'Failed?' });
    engine.fail(new Error('no'));
    await webSocket.subscribe(gateway, { messageId: failed.replyId }).ended;
    const log = await readGaplessLog(gateway, conversationId);
    const used = await messagesUsed(gateway);
    for (const [id, status] of [
      [completed.replyId, 'COMPLETED'],
      [failed.replyId, 'FAILED'],
      [messageId, 'COMPLETED'],
    ] as const) {
      const before = await readMessage(gateway, id);
      expect((await stop(gateway, id)).reply).toMatchObject({ id, status, content: before.content });
      expect(await readMessage(gateway, id)).toEqual(before);
    }
    expect(await readGaplessLog(gateway, conversationId)).toEqual(log);
    expect(await messagesUsed(gateway)).toBe(used);
  });
});
