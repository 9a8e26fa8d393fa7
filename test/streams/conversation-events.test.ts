import { describe, expect, it, onTestFinished } from 'vitest';
import { publishEvents } from '../../src/coordination/topics.ts';
import type { Message } from '../../src/domain/entities.ts';
import { createId } from '../../src/domain/ids.ts';
import { toJson } from '../../src/domain/json.ts';
import { toTimestamp } from '../../src/domain/time.ts';
import { appendEvent } from '../../src/store/events.ts';
import { findMessage, insertMessage } from '../../src/store/messages.ts';
import { createChatbot, send } from '../helpers/chatbots.ts';
import {
  citationEvent,
  collectTexts,
  describeEvents,
  describeMessageEvents,
  readGaplessLog,
  startGatewayWithCompletedReply,
  startGatewayWithOpenReply,
  waitForMessageEvent,
  waitForReaders,
} from '../helpers/conversations.ts';
import { createDatabase, startGateway, type TestGateway } from '../helpers/gateway.ts';
import { createScriptedEngine, delta, finish } from '../helpers/models/engines.ts';
import { readMessage, type StreamEvent, TRANSPORTS, webSocket } from '../helpers/streams.ts';
import { mutate } from '../schema/support.ts';

const hasText = (text: string) => (event: StreamEvent) => event.text === text;

describe.each(TRANSPORTS)('conversationEvents over $name', ({ subscribe }) => {
  it('emits two messages sent at once, and their replies one after another', async () => {
    const { gateway, engine, conversationId } = await startGatewayWithCompletedReply();
    const reader = subscribe(gateway, { conversationId });
    await waitForReaders(gateway, 1);
    const first = await send(gateway, { conversationId, content: 'First?' });
    const second = await send(gateway, { conversationId, content: 'Second?' });
    const names = { [first.messageId]: 'Q1', [first.replyId]: 'A1', [second.messageId]: 'Q2', [second.replyId]: 'A2' };
    await waitForMessageEvent(reader, 'MessageCreated', second.replyId);
    for (const text of ['One ', 'two.']) {
      engine.push(delta(text));
      await reader.until(hasText(text));
    }
    engine.push(citationEvent('Handbook', 8), finish, delta('Three.'), finish);
    await waitForMessageEvent(reader, 'MessageCompleted', second.replyId);

    expect(describeEvents(reader.events, names)).toEqual([
      'MessageCreated Q1',
      'MessageCreated A1',
      'MessageCreated Q2',
      'MessageCreated A2',
      'MessageDelta A1 "One "',
      'MessageDelta A1 "two."',
      'CitationAdded A1 Handbook',
      'MessageCompleted A1',
      'MessageStarted A2',
      'MessageDelta A2 "Three."',
      'MessageCompleted A2',
    ]);
    expect(reader.events.every((event) => event.conversationId === conversationId)).toBe(true);
    expect(reader.events[0]?.message).toMatchObject({ status: 'COMPLETED', content: 'First?' });
    expect(reader.events[3]?.message).toMatchObject({ status: 'QUEUED', content: '' });
    expect(reader.events.at(-1)?.message).toEqual(await readMessage(gateway, second.replyId));
    reader.unsubscribe();
  });

  it('emits a reply that fails before its first text, one that fails later, and the replies after them', async () => {
    const { gateway, engine, conversationId } = await startGatewayWithCompletedReply();
    const reader = subscribe(gateway, { conversationId });
    await waitForReaders(gateway, 1);
    const [early, late, next] = [
      await send(gateway, { conversationId, content: 'Early?' }),
      await send(gateway, { conversationId, content: 'Late?' }),
      await send(gateway, { conversationId, content: 'Next?' }),
    ];
    engine.fail(new Error('secret reason'));
    engine.push(delta('A part'));
    engine.fail(new Error('secret reason'));
    engine.push(delta('Whole'), finish);
    await waitForMessageEvent(reader, 'MessageCompleted', next.replyId);
    const names = { [early.replyId]: 'early', [late.replyId]: 'late', [next.replyId]: 'next' };
    expect(describeEvents(reader.events.slice(6), names)).toEqual([
      'MessageFailed early',
      'MessageStarted late',
      'MessageDelta late "A part"',
      'MessageFailed late',
      'MessageStarted next',
      'MessageDelta next "Whole"',
      'MessageCompleted next',
    ]);
    expect(JSON.stringify(reader.events)).not.toContain('secret');
    reader.unsubscribe();
  });

  it('emits a stopped reply with all its text, and one that is stopped in the queue', async () => {
    const { gateway, engine, conversationId } = await startGatewayWithCompletedReply();
    const reader = subscribe(gateway, { conversationId });
    await waitForReaders(gateway, 1);
    const running = await send(gateway, { conversationId, content: 'Running?' });
    const waiting = await send(gateway, { conversationId, content: 'Waiting?' });
    engine.push(delta('A part'));
    await reader.until(hasText('A part'));
    await mutate(gateway, 'stopMessage', { id: waiting.replyId });
    await mutate(gateway, 'stopMessage', { id: running.replyId });
    await waitForMessageEvent(reader, 'MessageStopped', running.replyId);
    const names = { [running.replyId]: 'running', [waiting.replyId]: 'waiting' };
    expect(describeEvents(reader.events.slice(4), names)).toEqual([
      'MessageDelta running "A part"',
      'MessageStopped waiting',
      'MessageStopped running',
    ]);
    reader.unsubscribe();
  });

  it('begins with the text of the live reply in one delta, then continues live', async () => {
    const { gateway, engine, conversationId, replyId } = await startGatewayWithOpenReply();
    const early = subscribe(gateway, { conversationId });
    await waitForMessageEvent(early, 'MessageCreated', replyId);
    for (const text of ['One ', 'two ']) {
      engine.push(delta(text));
      await early.until(hasText(text));
    }
    const late = subscribe(gateway, { conversationId });
    await late.until(hasText('One two '));
    engine.push(delta('three'), finish);
    await Promise.all([early, late].map((reader) => waitForMessageEvent(reader, 'MessageCompleted', replyId)));
    expect(describeEvents(late.events, { [replyId]: 'A' })).toEqual([
      'MessageCreated A',
      'MessageDelta A "One two "',
      'MessageDelta A "three"',
      'MessageCompleted A',
    ]);
    expect(late.events[0]?.message).toMatchObject({ status: 'STREAMING', content: 'One two ' });
    expect(collectTexts(early.events)).toEqual(collectTexts(late.events));
    early.unsubscribe();
    late.unsubscribe();
  });

  it('requires CHAT or READ, and releases readers however they disconnect', async () => {
    const { gateway, engine, conversationId, replyId } = await startGatewayWithOpenReply();
    const keys = await Promise.all(
      (['CHAT', 'READ'] as const).map((scope) => gateway.createKey(gateway.accountId, [scope])),
    );
    const readers = [...keys, ...keys].map((key) => subscribe(gateway, { conversationId, key }));
    engine.push(delta('Hello'));
    await Promise.all(readers.map((reader) => reader.until(hasText('Hello'))));
    expect(gateway.deps.bus.size).toBe(4);
    for (const reader of readers.slice(0, 2)) reader.unsubscribe();
    for (const reader of readers.slice(2)) reader.disconnect();
    await waitForReaders(gateway, 0);
    expect(gateway.deps.liveReplies.has(replyId)).toBe(true);
  });

  it('ends when the conversation is deleted with its chatbot', async () => {
    const { gateway, chatbotId, conversationId } = await startGatewayWithCompletedReply();
    const reader = subscribe(gateway, { conversationId });
    await waitForReaders(gateway, 1);
    await mutate(gateway, 'deleteChatbot', { id: chatbotId });
    expect(await reader.ended).toBeUndefined();
    expect(reader.events.map(({ __typename }) => __typename)).toEqual(['ConversationDeleted']);
    expect(reader.errors).toEqual([]);
    await waitForReaders(gateway, 0);
  });
});

describe('the log of conversations', () => {
  it('numbers the events of each conversation and of each chatbot without gaps', async () => {
    const { gateway, engine, conversationId, chatbotId } = await startGatewayWithCompletedReply();
    const other = await createChatbot(gateway, { name: 'Other' });
    engine.push(...Array.from({ length: 24 }, () => [delta('Yes.'), finish]).flat());
    const sent = await Promise.all(
      Array.from({ length: 24 }, (_, index) => {
        const target = [{ conversationId }, { chatbotId, sessionId: 'two' }, { chatbotId: other, sessionId: 'one' }];
        return send(gateway, { ...target[index % 3], content: `${index}?` });
      }),
    );
    await Promise.all(sent.map(({ replyId }) => webSocket.subscribe(gateway, { messageId: replyId }).ended));

    for (const id of new Set(sent.map((result) => result.conversationId))) {
      const log = await readGaplessLog(gateway, id);
      for (const { messageId, replyId, status } of sent.filter((result) => result.conversationId === id)) {
        const loggedEvents = log.flatMap((row) => (row.message_id === replyId ? [`${row.type} ${row.status}`] : []));
        const startEvent = status === 'QUEUED' ? ['MessageStarted STREAMING'] : [];
        expect(loggedEvents).toEqual([`MessageCreated ${status}`, ...startEvent, 'MessageCompleted COMPLETED']);
        expect(log.filter((row) => row.message_id === messageId).map(({ type }) => type)).toEqual(['MessageCreated']);
      }
    }
  });

  it.each([
    { saved: 'A part', what: 'all' },
    { saved: 'A p', what: 'part' },
  ])(
    'resumes without loss or repetition after a crash, when $what of the emitted text was saved',
    async ({ saved }) => {
      const database = await createDatabase();
      const before = await startGateway({ database });
      const chatbotId = await createChatbot(before);
      const { conversationId, replyId } = await send(before, { chatbotId, content: 'Well?' });
      await webSocket.subscribe(before, { messageId: replyId }).ended;
      const first = webSocket.subscribe(before, { conversationId });
      await waitForReaders(before, 1);
      const running = await storeOpenReply(before, conversationId, 'STREAMING', 'A part');
      const waiting = await storeOpenReply(before, conversationId, 'QUEUED', '');
      await waitForMessageEvent(first, 'MessageCreated', waiting);
      await first.until(hasText('A part'));
      // A killed process loses the text that it has not saved.
      await before.deps.db.transaction((trx) =>
        trx.updateTable('messages').set({ content: saved }).where('id', '=', running).execute(),
      );
      await before.close();

      const engine = createScriptedEngine();
      const engines = new Map([['builtin', engine]]);
      const gateway = Object.assign(await startGateway({ database, overrides: { engines } }), { key: before.key });
      onTestFinished(() => gateway.close());
      const names = { [running]: 'running', [waiting]: 'waiting' };
      const start = first.events.findIndex(({ message }) => message?.id === running);
      const readers = first.events.slice(start).map(({ cursor }, index) => ({
        index,
        reader: webSocket.subscribe(gateway, { conversationId, after: cursor }),
      }));
      engine.push(delta('Its turn.'), finish);
      for (const { index, reader } of readers) {
        await waitForMessageEvent(reader, 'MessageCompleted', waiting);
        const received = [...first.events.slice(start, start + index + 1), ...reader.events];
        expect(describeMessageEvents(received, names)).toEqual([
          'MessageCreated running',
          'MessageCreated waiting',
          'MessageInterrupted running',
          'MessageStarted waiting',
          'MessageCompleted waiting',
        ]);
        const wasReceived = received.some(hasText('A part'));
        expect(collectTexts(received)).toEqual({ [running]: wasReceived ? 'A part' : saved, [waiting]: 'Its turn.' });
        const end = await waitForMessageEvent(reader, 'MessageInterrupted', running);
        expect(end.message).toMatchObject({ content: saved, finishReason: 'ABORTED' });
        reader.unsubscribe();
      }
      await readGaplessLog(gateway, conversationId);
    },
  );
});

/** Stores a reply that no process generates, as a killed process leaves it, and notifies its readers. */
async function storeOpenReply(
  { deps, accountId }: TestGateway,
  conversationId: string,
  status: Message['status'],
  content: string,
): Promise<string> {
  const { db } = deps;
  const at = toTimestamp(deps.clock.now());
  const { id: parentId } = await db.read
    .selectFrom('messages')
    .select('id')
    .where('conversation_id', '=', conversationId)
    .where('role', '=', 'USER')
    .executeTakeFirstOrThrow();
  const question = await findMessage(db.read, accountId, parentId);
  if (question === undefined) throw new Error('There is no question.');
  const id = createId('message');
  const event = await db.transaction(async (trx) => {
    const reply = { id, role: 'ASSISTANT', status, content, parentId, createdAt: at, completedAt: null } as const;
    await insertMessage(trx, { ...question, ...reply, metadata: toJson({}) });
    return appendEvent(trx, accountId, { conversationId, messageId: id, type: 'MessageCreated', status, at });
  });
  publishEvents(deps.bus, [event]);
  return id;
}
