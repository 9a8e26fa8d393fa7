import { describe, expect, it } from 'vitest';
import {
  describeEvents,
  readGaplessLog,
  startGatewayWithCompletedReply,
  startGatewayWithOpenReply,
  waitForMessageEvent,
} from '../helpers/conversations.ts';
import type { TestGateway } from '../helpers/gateway.ts';
import { delta, finish } from '../helpers/models/engines.ts';
import { readMessage, webSocket } from '../helpers/streams.ts';
import { mutate } from '../schema/support.ts';

interface SendResult {
  readonly __typename: string;
  readonly userMessage: { id: string };
  readonly reply: { id: string; status: string };
}

/** Sends a message with a value for `whenBusy`. */
function sendMessage(
  gateway: TestGateway,
  input: { conversationId: string; whenBusy?: string | null; content?: string },
) {
  const selection = 'userMessage { id } reply { id status }';
  return mutate<SendResult>(gateway, 'sendMessage', { content: 'And?', ...input }, { selection });
}

/** Reads all rows that a send could change. */
async function readRows({ deps }: TestGateway) {
  const { read } = deps.db;
  const tables = ['conversations', 'messages', 'conversation_events', 'usage', 'idempotency_keys', 'chatbots'] as const;
  return Promise.all(tables.map((table) => read.selectFrom(table).selectAll().execute()));
}

describe('a message to a conversation with a live reply', () => {
  it.each([
    ['ENQUEUE', { whenBusy: 'ENQUEUE' }],
    ['absent', {}],
    ['null', { whenBusy: null }],
  ])('is queued when whenBusy is %s', async (_what, input) => {
    const { gateway, engine, conversationId, replyId } = await startGatewayWithOpenReply();
    const { reply } = await sendMessage(gateway, { conversationId, ...input });
    expect(reply.status).toBe('QUEUED');
    expect(await readMessage(gateway, replyId)).toMatchObject({ status: 'STREAMING' });
    engine.push(delta('One.'), finish, delta('Two.'), finish);
    await webSocket.subscribe(gateway, { messageId: reply.id }).ended;
    expect(await readMessage(gateway, replyId)).toMatchObject({ status: 'COMPLETED', content: 'One.' });
    expect(await readMessage(gateway, reply.id)).toMatchObject({ status: 'COMPLETED', content: 'Two.' });
  });

  it('is rejected with ConversationBusyError if whenBusy is REJECT, and accepted after the reply', async () => {
    const { gateway, engine, conversationId, replyId } = await startGatewayWithOpenReply();
    const before = await readRows(gateway);
    for (let time = 0; time < 2; time++) {
      expect(await sendMessage(gateway, { conversationId, whenBusy: 'REJECT' })).toEqual({
        __typename: 'ConversationBusyError',
        code: 'CONVERSATION_BUSY',
        reason: 'The conversation is busy.',
      });
    }
    expect(await readRows(gateway)).toEqual(before);

    engine.push(delta('One.'), finish, delta('Two.'), finish);
    await webSocket.subscribe(gateway, { messageId: replyId }).ended;
    expect(await readMessage(gateway, replyId)).toMatchObject({ status: 'COMPLETED', content: 'One.' });
    const { reply } = await sendMessage(gateway, { conversationId, whenBusy: 'REJECT' });
    expect(reply.status).toBe('STREAMING');
    await webSocket.subscribe(gateway, { messageId: reply.id }).ended;
    expect(await readMessage(gateway, reply.id)).toMatchObject({ status: 'COMPLETED', content: 'Two.' });
  });

  it('stops that reply if whenBusy is INTERRUPT, keeps its text, and is answered next', async () => {
    const { gateway, engine, conversationId, replyId } = await startGatewayWithOpenReply();
    const listener = webSocket.subscribe(gateway, { conversationId });
    engine.push(delta('A part'));
    await listener.until(({ text }) => text === 'A part');
    const { userMessage, reply } = await sendMessage(gateway, { conversationId, whenBusy: 'INTERRUPT' });
    expect(reply.status).toBe('QUEUED');
    await waitForMessageEvent(listener, 'MessageStarted', reply.id);
    engine.push(delta('Instead.'), finish);
    await waitForMessageEvent(listener, 'MessageCompleted', reply.id);
    expect(describeEvents(listener.events, { [replyId]: 'A1', [userMessage.id]: 'Q2', [reply.id]: 'A2' })).toEqual([
      'MessageCreated A1',
      'MessageDelta A1 "A part"',
      'MessageCreated Q2',
      'MessageCreated A2',
      'MessageStopped A1',
      'MessageStarted A2',
      'MessageDelta A2 "Instead."',
      'MessageCompleted A2',
    ]);
    expect(await readMessage(gateway, replyId)).toMatchObject({
      status: 'STOPPED',
      content: 'A part',
      finishReason: 'ABORTED',
    });
    await readGaplessLog(gateway, conversationId);
    listener.unsubscribe();
  });

  it('is rejected if whenBusy has an unknown value', async () => {
    const { gateway, conversationId } = await startGatewayWithOpenReply();
    const before = await readRows(gateway);
    await expect(sendMessage(gateway, { conversationId, whenBusy: 'LATER' })).rejects.toThrow('BAD_USER_INPUT');
    expect(await readRows(gateway)).toEqual(before);
  });
});

describe('a message to a conversation without an open reply', () => {
  it.each(['ENQUEUE', 'REJECT', 'INTERRUPT'])('is answered at once with %s', async (whenBusy) => {
    const { gateway, engine, conversationId } = await startGatewayWithCompletedReply();
    const { reply } = await sendMessage(gateway, { conversationId, whenBusy });
    expect(reply.status).toBe('STREAMING');
    engine.push(delta('Yes.'), finish);
    await webSocket.subscribe(gateway, { messageId: reply.id }).ended;
    expect(await readMessage(gateway, reply.id)).toMatchObject({ status: 'COMPLETED', content: 'Yes.' });
  });
});
