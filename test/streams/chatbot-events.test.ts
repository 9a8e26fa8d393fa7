import { describe, expect, it } from 'vitest';
import { createId } from '../../src/domain/ids.ts';
import { createChatbot, send } from '../helpers/chatbots.ts';
import { describeEvents, readLog, stageOf, startConversation, waitForReaders } from '../helpers/conversations.ts';
import { writeUnsigned } from '../helpers/cursors.ts';
import { delta, finish } from '../helpers/models/engines.ts';
import { TRANSPORTS, webSocket } from '../helpers/streams.ts';
import { mutate } from '../schema/support.ts';

/** Two conversations with a chatbot, one with a queued reply, one with a stopped reply, and a reader of both. */
async function tellStory(subscribe: (typeof TRANSPORTS)[number]['subscribe']) {
  const { gateway, engine, chatbotId, conversationId } = await startConversation();
  const reader = subscribe(gateway, { chatbotId });
  await waitForReaders(gateway, 1);
  const first = await send(gateway, { conversationId, content: '1?' });
  const second = await send(gateway, { conversationId, content: '2?' });
  engine.push(delta('One.'), finish, delta('Two.'), finish);
  await stageOf(reader, 'MessageCompleted', second.replyId);
  const other = await send(gateway, { chatbotId, sessionId: 'other', content: '3?' });
  await mutate(gateway, 'stopMessage', { messageId: other.replyId });
  await stageOf(reader, 'MessageStopped', other.replyId);
  const names = {
    ...{ [first.messageId]: 'Q1', [first.replyId]: 'A1', [second.messageId]: 'Q2', [second.replyId]: 'A2' },
    ...{ [other.messageId]: 'Q3', [other.replyId]: 'A3' },
  };
  return { gateway, engine, chatbotId, conversationId, other, reader, names };
}

describe.each(TRANSPORTS)('chatbotEvents over $name', ({ subscribe }) => {
  it('emits the logged events of every conversation, without deltas', async () => {
    const { gateway, conversationId, other, reader, names } = await tellStory(subscribe);
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
    await readLog(gateway, conversationId);
    reader.leave();
    await waitForReaders(gateway, 0);
  });

  it('emits exactly the events after any cursor, and continues', async () => {
    const { gateway, engine, chatbotId, reader } = await tellStory(subscribe);
    const allEvents = [...reader.events];
    const readers = allEvents.map(({ cursor }) => subscribe(gateway, { chatbotId, after: cursor }));
    await waitForReaders(gateway, readers.length + 1);
    engine.push(finish);
    const last = await send(gateway, { chatbotId, content: 'Last?' });
    for (const [index, late] of readers.entries()) {
      await stageOf(late, 'MessageCompleted', last.replyId);
      expect(describeEvents(late.events)).toEqual([
        ...describeEvents(allEvents.slice(index + 1)),
        `MessageCreated ${last.messageId}`,
        `MessageCreated ${last.replyId}`,
        `MessageCompleted ${last.replyId}`,
      ]);
      late.leave();
    }
    reader.leave();
    await waitForReaders(gateway, 0);
  });

  it('emits hundreds of missed events in order to a reader that resumes', async () => {
    const { gateway, engine, chatbotId } = await startConversation();
    const away = subscribe(gateway, { chatbotId });
    await waitForReaders(gateway, 1);
    engine.push(finish);
    const first = await send(gateway, { chatbotId, content: 'First?' });
    const { cursor } = await stageOf(away, 'MessageCompleted', first.replyId);
    const stayed = subscribe(gateway, { chatbotId, after: cursor });
    away.leave();
    const count = 84;
    engine.push(...Array.from({ length: count }, () => [delta('Yes.'), finish]).flat());
    for (let index = 0; index < count; index++) {
      await send(gateway, { chatbotId, sessionId: `${index % 7}`, content: `${index}?` });
    }
    const ends = () => stayed.events.filter(({ __typename }) => __typename === 'MessageCompleted').length;
    await stayed.until(() => ends() === count);

    const back = subscribe(gateway, { chatbotId, after: cursor });
    await back.until(() => back.events.length === stayed.events.length);
    expect(back.events.length).toBeGreaterThanOrEqual(3 * count);
    expect(back.events.map((event) => event.cursor)).toEqual(stayed.events.map((event) => event.cursor));
    expect(describeEvents(back.events)).toEqual(describeEvents(stayed.events));
    stayed.leave();
    back.leave();
  });

  it('emits nothing of other chatbots or accounts, and ends when its chatbot is deleted', async () => {
    const { gateway, engine, chatbotId } = await startConversation();
    const { key } = await gateway.createTenant();
    const others = [
      { chatbotId: await createChatbot(gateway, { name: 'Other' }), key: gateway.key },
      { chatbotId: await createChatbot(gateway, { key, name: 'Helper' }), key },
    ];
    const readers = others.map((other) => subscribe(gateway, other));
    const mine = subscribe(gateway, { chatbotId });
    await waitForReaders(gateway, 3);
    engine.push(...Array.from({ length: 3 }, () => finish));
    const sent = await send(gateway, { chatbotId, content: 'Mine?' });
    await stageOf(mine, 'MessageCompleted', sent.replyId);
    for (const [index, other] of others.entries()) {
      const { replyId } = await send(gateway, { chatbotId: other.chatbotId, content: 'Theirs?' }, other.key);
      const reader = readers[index];
      if (reader) await stageOf(reader, 'MessageCompleted', replyId);
      expect(reader?.events).toHaveLength(3);
      await mutate(gateway, 'deleteChatbot', { id: other.chatbotId }, { key: other.key });
      expect(await reader?.ended).toBeUndefined();
      expect(reader?.events.at(-1)).toMatchObject({
        ...{ __typename: 'ConversationDeleted', conversationId: other.chatbotId, reason: 'The chatbot was deleted.' },
      });
    }
    expect(mine.events).toHaveLength(3);
    mine.leave();
    await waitForReaders(gateway, 0);
  });

  it.each<[string, (given: { foreign: string; conversationId: string }) => string]>([
    ['an unknown', () => createId('chatbot')],
    ['a malformed', () => 'nonsense'],
    ['an empty', () => ''],
    ["another account's", ({ foreign }) => foreign],
    ["a conversation's", (given) => given.conversationId],
  ])('rejects %s id with NOT_FOUND before the first event', async (_what, choose) => {
    const { gateway, chatbotId: foreign, conversationId } = await startConversation();
    const { key } = await gateway.createTenant();
    const chatbotId = choose({ foreign, conversationId });
    const reader = subscribe(gateway, { chatbotId, ...(chatbotId === foreign && { key }) });
    await reader.ended;
    expect([reader.events, reader.errors]).toEqual([[], ['NOT_FOUND']]);
  });

  it('rejects every cursor that is not of this stream before the first event', async () => {
    const { gateway, engine, chatbotId, conversationId, replyId } = await startConversation();
    const { key } = await gateway.createTenant();
    const [other, foreign] = [await createChatbot(gateway), await createChatbot(gateway, { key })];
    const readers = [
      webSocket.subscribe(gateway, { messageId: replyId }),
      webSocket.subscribe(gateway, { conversationId }),
      webSocket.subscribe(gateway, { chatbotId: other }),
      webSocket.subscribe(gateway, { chatbotId: foreign, key }),
    ];
    await readers[0]?.ended;
    await waitForReaders(gateway, 3);
    engine.push(...Array.from({ length: 3 }, () => finish));
    await send(gateway, { conversationId, content: 'Here?' });
    await send(gateway, { chatbotId: other, content: 'There?' });
    await send(gateway, { chatbotId: foreign, content: 'Elsewhere?' }, key);
    for (const reader of readers) {
      await reader.until(({ __typename }) => __typename === 'MessageCompleted');
      reader.leave();
    }
    await waitForReaders(gateway, 0);
    const cursors = [
      ...['', 'nonsense', '🙂%00', ...readers.map(({ events }) => events.at(-1)?.cursor ?? 'none')],
      ...[`b:${chatbotId}:0`, `b:${chatbotId}:999`].map(writeUnsigned),
      gateway.deps.cursors.of('chatbot', gateway.accountId, chatbotId).write('-1_'),
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
    const { gateway, chatbotId } = await startConversation();
    const key = await gateway.createKey(gateway.accountId, ['CHAT', 'MANAGE']);
    const reader = subscribe(gateway, { chatbotId, key });
    await reader.ended;
    expect([reader.events, reader.errors]).toEqual([[], ['FORBIDDEN']]);
  });
});
