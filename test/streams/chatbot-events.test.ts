import { describe, expect, it } from 'vitest';
import { createId } from '../../src/domain/ids.ts';
import { createChatbot, send } from '../helpers/chatbots.ts';
import {
  describeEvents,
  readGaplessLog,
  startGatewayWithCompletedReply,
  waitForMessageEvent,
  waitForReaders,
} from '../helpers/conversations.ts';
import { encodeUnsignedCursor } from '../helpers/cursors.ts';
import { delta, finish } from '../helpers/models/engines.ts';
import { TRANSPORTS, webSocket } from '../helpers/streams.ts';
import { mutate } from '../schema/support.ts';

/** Produces two conversations, one with a queued reply and one with a stopped reply, and a reader of both. */
async function produceEvents(subscribe: (typeof TRANSPORTS)[number]['subscribe']) {
  const { gateway, engine, chatbotId, conversationId } = await startGatewayWithCompletedReply();
  const reader = subscribe(gateway, { chatbotId });
  await waitForReaders(gateway, 1);
  const first = await send(gateway, { conversationId, content: '1?' });
  const second = await send(gateway, { conversationId, content: '2?' });
  engine.push(delta('One.'), finish, delta('Two.'), finish);
  await waitForMessageEvent(reader, 'MessageCompleted', second.replyId);
  const other = await send(gateway, { chatbotId, sessionId: 'other', content: '3?' });
  await mutate(gateway, 'stopMessage', { id: other.replyId });
  await waitForMessageEvent(reader, 'MessageStopped', other.replyId);
  const names = {
    ...{ [first.messageId]: 'Q1', [first.replyId]: 'A1', [second.messageId]: 'Q2', [second.replyId]: 'A2' },
    ...{ [other.messageId]: 'Q3', [other.replyId]: 'A3' },
  };
  return { gateway, engine, chatbotId, conversationId, other, reader, names };
}

describe.each(TRANSPORTS)('chatbotEvents over $name', ({ subscribe }) => {
  it('emits the logged events of every conversation, without deltas', async () => {
    const { gateway, conversationId, other, reader, names } = await produceEvents(subscribe);
    expect(describeEvents(reader.events, names)).toEqual([
      'MessageCreated Q1',
      'MessageCreated A1',
      'MessageCreated Q2',
      'MessageCreated A2',
      'MessageCompleted A1',
      'MessageStarted A2',
      'MessageCompleted A2',
      'MessageCreated Q3',
      'MessageCreated A3',
      'MessageStopped A3',
    ]);
    expect(reader.events.map((event) => event.conversationId)).toEqual([
      ...Array(7).fill(conversationId),
      ...Array(3).fill(other.conversationId),
    ]);
    expect(reader.events[6]?.message).toMatchObject({ status: 'COMPLETED', content: 'Two.' });
    await readGaplessLog(gateway, conversationId);
    reader.unsubscribe();
    await waitForReaders(gateway, 0);
  });

  it('emits exactly the events after any cursor, and continues', async () => {
    const { gateway, engine, chatbotId, reader } = await produceEvents(subscribe);
    const allEvents = [...reader.events];
    const readers = allEvents.map(({ cursor }) => subscribe(gateway, { chatbotId, after: cursor }));
    await waitForReaders(gateway, readers.length + 1);
    engine.push(finish);
    const last = await send(gateway, { chatbotId, content: 'Last?' });
    for (const [index, late] of readers.entries()) {
      await waitForMessageEvent(late, 'MessageCompleted', last.replyId);
      expect(describeEvents(late.events)).toEqual([
        ...describeEvents(allEvents.slice(index + 1)),
        `MessageCreated ${last.messageId}`,
        `MessageCreated ${last.replyId}`,
        `MessageCompleted ${last.replyId}`,
      ]);
      late.unsubscribe();
    }
    reader.unsubscribe();
    await waitForReaders(gateway, 0);
  });

  it('emits hundreds of missed events in order to a reader that resumes', async () => {
    const { gateway, engine, chatbotId } = await startGatewayWithCompletedReply();
    const disconnected = subscribe(gateway, { chatbotId });
    await waitForReaders(gateway, 1);
    engine.push(finish);
    const first = await send(gateway, { chatbotId, content: 'First?' });
    const { cursor } = await waitForMessageEvent(disconnected, 'MessageCompleted', first.replyId);
    const uninterrupted = subscribe(gateway, { chatbotId, after: cursor });
    disconnected.unsubscribe();
    const count = 84;
    engine.push(...Array.from({ length: count }, () => [delta('Yes.'), finish]).flat());
    for (let index = 0; index < count; index++) {
      await send(gateway, { chatbotId, sessionId: `${index % 7}`, content: `${index}?` });
    }
    const ends = () => uninterrupted.events.filter(({ __typename }) => __typename === 'MessageCompleted').length;
    await uninterrupted.until(() => ends() === count);

    const resumed = subscribe(gateway, { chatbotId, after: cursor });
    await resumed.until(() => resumed.events.length === uninterrupted.events.length);
    expect(resumed.events.length).toBeGreaterThanOrEqual(3 * count);
    expect(resumed.events.map((event) => event.cursor)).toEqual(uninterrupted.events.map((event) => event.cursor));
    expect(describeEvents(resumed.events)).toEqual(describeEvents(uninterrupted.events));
    uninterrupted.unsubscribe();
    resumed.unsubscribe();
  });

  it('emits nothing of other chatbots or accounts, and ends when its chatbot is deleted', async () => {
    const { gateway, engine, chatbotId } = await startGatewayWithCompletedReply();
    const { key } = await gateway.createTenant();
    const others = [
      { chatbotId: await createChatbot(gateway, { name: 'Other' }), key: gateway.key },
      { chatbotId: await createChatbot(gateway, { key, name: 'Helper' }), key },
    ];
    const readers = others.map((other) => subscribe(gateway, other));
    const ownReader = subscribe(gateway, { chatbotId });
    await waitForReaders(gateway, 3);
    engine.push(...Array.from({ length: 3 }, () => finish));
    const sent = await send(gateway, { chatbotId, content: 'Mine?' });
    await waitForMessageEvent(ownReader, 'MessageCompleted', sent.replyId);
    for (const [index, other] of others.entries()) {
      const { replyId } = await send(gateway, { chatbotId: other.chatbotId, content: 'Theirs?' }, other.key);
      const reader = readers[index];
      if (reader) await waitForMessageEvent(reader, 'MessageCompleted', replyId);
      expect(reader?.events).toHaveLength(3);
      await mutate(gateway, 'deleteChatbot', { id: other.chatbotId }, { key: other.key });
      expect(await reader?.ended).toBeUndefined();
      expect(reader?.events.at(-1)).toMatchObject({
        ...{ __typename: 'ConversationDeleted', chatbotId: other.chatbotId, conversationId: null },
        reason: 'The chatbot was deleted.',
      });
    }
    expect(ownReader.events).toHaveLength(3);
    ownReader.unsubscribe();
    await waitForReaders(gateway, 0);
  });

  it.each<[string, (given: { foreignId: string; conversationId: string }) => string]>([
    ['an unknown', () => createId('chatbot')],
    ['a malformed', () => 'nonsense'],
    ['an empty', () => ''],
    ["another account's", ({ foreignId }) => foreignId],
    ["a conversation's", (ids) => ids.conversationId],
  ])('rejects %s id with NOT_FOUND before the first event', async (_what, choose) => {
    const { gateway, chatbotId: foreignId, conversationId } = await startGatewayWithCompletedReply();
    const { key } = await gateway.createTenant();
    const chatbotId = choose({ foreignId, conversationId });
    const reader = subscribe(gateway, { chatbotId, ...(chatbotId === foreignId && { key }) });
    await reader.ended;
    expect([reader.events, reader.errors]).toEqual([[], ['NOT_FOUND']]);
  });

  it('rejects every cursor that is invalid for this stream before the first event', async () => {
    const { gateway, engine, chatbotId, conversationId, replyId } = await startGatewayWithCompletedReply();
    const { key } = await gateway.createTenant();
    const [other, foreignId] = [await createChatbot(gateway), await createChatbot(gateway, { key })];
    const readers = [
      webSocket.subscribe(gateway, { messageId: replyId }),
      webSocket.subscribe(gateway, { conversationId }),
      webSocket.subscribe(gateway, { chatbotId: other }),
      webSocket.subscribe(gateway, { chatbotId: foreignId, key }),
    ];
    await readers[0]?.ended;
    await waitForReaders(gateway, 3);
    engine.push(...Array.from({ length: 3 }, () => finish));
    await send(gateway, { conversationId, content: 'Here?' });
    await send(gateway, { chatbotId: other, content: 'There?' });
    await send(gateway, { chatbotId: foreignId, content: 'Elsewhere?' }, key);
    for (const reader of readers) {
      await reader.until(({ __typename }) => __typename === 'MessageCompleted');
      reader.unsubscribe();
    }
    await waitForReaders(gateway, 0);
    const cursors = [
      ...['', 'nonsense', '🙂%00', ...readers.map(({ events }) => events.at(-1)?.cursor ?? 'none')],
      ...[`b:${chatbotId}:0`, `b:${chatbotId}:999`].map(encodeUnsignedCursor),
      gateway.deps.cursors.forStream('chatbot', gateway.accountId, chatbotId).write('-1_'),
    ];
    expect(new Set(cursors).size).toBe(10);
    for (const after of cursors) {
      const reader = subscribe(gateway, { chatbotId, after });
      await reader.ended;
      expect([after, reader.events, reader.errors]).toEqual([after, [], ['BAD_USER_INPUT']]);
    }
    expect(gateway.deps.bus.size).toBe(0);
  });

  it('requires READ', async () => {
    const { gateway, chatbotId } = await startGatewayWithCompletedReply();
    const key = await gateway.createKey(gateway.accountId, ['CHAT', 'MANAGE']);
    const reader = subscribe(gateway, { chatbotId, key });
    await reader.ended;
    expect([reader.events, reader.errors]).toEqual([[], ['FORBIDDEN']]);
  });
});
