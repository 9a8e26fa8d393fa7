import { describe, expect, it } from 'vitest';
import { createId } from '../../src/domain/ids.ts';
import { send } from '../helpers/chatbots.ts';
import {
  citationEvent,
  collectCitations,
  collectTexts,
  describeMessageEvents,
  startGatewayWithCompletedReply,
  startGatewayWithOpenReply,
  waitForMessageEvent,
  waitForReaders,
} from '../helpers/conversations.ts';
import { createInvalidCursors } from '../helpers/invalid-cursors.ts';
import { delta, finish } from '../helpers/models/engines.ts';
import { type Reader, type StreamEvent, TRANSPORTS, type Transport } from '../helpers/streams.ts';
import { mutate } from '../schema/support.ts';

/** Checks that two event lists have the same stages, texts and citations, however the texts were split into deltas. */
function expectSameContent(actual: readonly StreamEvent[], expected: readonly StreamEvent[]): void {
  expect(describeMessageEvents(actual)).toEqual(describeMessageEvents(expected));
  expect(collectTexts(actual)).toEqual(collectTexts(expected));
  expect(collectCitations(actual)).toEqual(collectCitations(expected));
}

/** The events up to and including the first one about a message. */
function upTo(events: readonly StreamEvent[], messageId: string): readonly StreamEvent[] {
  return events.slice(0, events.findIndex(({ message }) => message?.id === messageId) + 1);
}

/** Produces a completed reply, a stopped reply, a reply that is stopped in the queue, and a failed reply. */
async function produceReplies(transport: Transport) {
  const { gateway, engine, conversationId } = await startGatewayWithCompletedReply();
  const reader = transport.subscribe(gateway, { conversationId });
  await waitForReaders(gateway, 1);
  const ask = async (content: string) => (await send(gateway, { conversationId, content })).replyId;
  const [streamed, stopped] = [await ask('1?'), await ask('2?')];
  const [stoppedInQueue, failed] = [await ask('3?'), await ask('4?')];
  for (const text of ['An ', '👍🏽 ', 'answer']) {
    engine.push(delta(text), citationEvent(text, 2));
    await reader.until(({ citation }) => citation?.title === text);
  }
  engine.push(finish, delta('A part'));
  await reader.until(({ text }) => text === 'A part');
  await mutate(gateway, 'stopMessage', { id: stoppedInQueue });
  await mutate(gateway, 'stopMessage', { id: stopped });
  engine.push(delta('Another part'));
  engine.fail(new Error('no more'));
  await waitForMessageEvent(reader, 'MessageFailed', failed);
  expect(collectTexts(reader.events)).toEqual({
    [streamed]: 'An 👍🏽 answer',
    [stopped]: 'A part',
    [failed]: 'Another part',
  });
  return { gateway, engine, conversationId, reader };
}

describe.each(TRANSPORTS)('conversationEvents over $name, resumed', (transport) => {
  it('emits exactly the events after any cursor of ended replies, and continues', async () => {
    const { gateway, engine, conversationId, reader } = await produceReplies(transport);
    const readers = reader.events.map(({ cursor }) => transport.subscribe(gateway, { conversationId, after: cursor }));
    await waitForReaders(gateway, readers.length + 1);
    engine.push(finish);
    const { messageId } = await send(gateway, { conversationId, content: 'Last?' });
    await waitForMessageEvent(reader, 'MessageCreated', messageId);
    const allEvents = upTo(reader.events, messageId);
    for (const [index, late] of readers.entries()) {
      await waitForMessageEvent(late, 'MessageCreated', messageId);
      expectSameContent([...allEvents.slice(0, index + 1), ...upTo(late.events, messageId)], allEvents);
    }
    for (const late of [reader, ...readers]) late.unsubscribe();
    await waitForReaders(gateway, 0);
  });

  it('emits exactly the events after any cursor while replies are generated', async () => {
    const { gateway, engine, conversationId } = await startGatewayWithCompletedReply();
    const reader = transport.subscribe(gateway, { conversationId });
    await waitForReaders(gateway, 1);
    const first = await send(gateway, { conversationId, content: '1?' });
    const second = await send(gateway, { conversationId, content: '2?' });
    const late: { earlierEvents: StreamEvent[]; reader: Reader }[] = [];
    const subscribeAtNewCursors = () => {
      for (let count = late.length; count < reader.events.length; count++) {
        const earlierEvents = reader.events.slice(0, count + 1);
        const after = earlierEvents.at(-1)?.cursor;
        late.push({ earlierEvents, reader: transport.subscribe(gateway, { conversationId, after }) });
      }
    };
    await waitForMessageEvent(reader, 'MessageCreated', second.replyId);
    for (const { replyId } of [first, second]) {
      for (const text of ['An ', 'answer ', '👍🏽']) {
        subscribeAtNewCursors();
        engine.push(delta(text), citationEvent(text, 2));
        await reader.until(({ messageId, citation }) => messageId === replyId && citation?.title === text);
      }
      subscribeAtNewCursors();
      engine.push(finish);
      await waitForMessageEvent(reader, 'MessageCompleted', replyId);
    }
    expect(late.length).toBeGreaterThan(15);
    for (const { earlierEvents, reader: lateReader } of late) {
      await waitForMessageEvent(lateReader, 'MessageCompleted', second.replyId);
      expectSameContent([...earlierEvents, ...lateReader.events], reader.events);
      lateReader.unsubscribe();
    }
    reader.unsubscribe();
  });

  it('emits hundreds of missed events in order to a reader that resumes', async () => {
    const { gateway, engine, conversationId } = await startGatewayWithCompletedReply();
    const disconnected = transport.subscribe(gateway, { conversationId });
    await waitForReaders(gateway, 1);
    engine.push(delta('0'), finish);
    const first = await send(gateway, { conversationId, content: '0?' });
    const { cursor } = await waitForMessageEvent(disconnected, 'MessageCreated', first.messageId);
    const uninterrupted = transport.subscribe(gateway, { conversationId, after: cursor });
    disconnected.disconnect();
    engine.push(...Array.from({ length: 70 }, (_, index) => [delta(`${index + 1}`), finish]).flat());
    const sent = [first];
    for (let index = 1; index <= 70; index++) sent.push(await send(gateway, { conversationId, content: `${index}?` }));
    const { replyId } = sent.at(-1) ?? first;
    await waitForMessageEvent(uninterrupted, 'MessageCompleted', replyId);

    const resumed = transport.subscribe(gateway, { conversationId, after: cursor });
    await waitForMessageEvent(resumed, 'MessageCompleted', replyId);
    expect(describeMessageEvents(resumed.events).length).toBeGreaterThan(210);
    expectSameContent(resumed.events, uninterrupted.events);
    const texts = Object.fromEntries(sent.map((one, index) => [one.replyId, `${index}`]));
    expect(collectTexts(resumed.events)).toEqual(texts);
    uninterrupted.unsubscribe();
    resumed.unsubscribe();
  });
});

describe.each(TRANSPORTS)('the start of conversationEvents over $name', ({ subscribe }) => {
  it('rejects every cursor that is invalid for this stream before the first event', async () => {
    const { gateway, conversationId, validCursor, invalidCursors } = await createInvalidCursors();
    const codes: Record<string, readonly string[]> = {};
    for (const [description, after] of Object.entries(invalidCursors)) {
      const reader = subscribe(gateway, { conversationId, after });
      await reader.ended;
      expect(reader.events).toEqual([]);
      codes[description] = reader.errors;
    }
    expect(codes).toEqual(
      Object.fromEntries(Object.keys(invalidCursors).map((description) => [description, ['BAD_USER_INPUT']])),
    );
    expect(gateway.deps.bus.size).toBe(0);

    const reader = subscribe(gateway, { conversationId, after: validCursor });
    await waitForReaders(gateway, 1);
    reader.unsubscribe();
  });

  it.each<[string, (given: { foreignId: string; messageId: string }) => string]>([
    ['an unknown', () => createId('conversation')],
    ['a malformed', () => 'nonsense'],
    ['an empty', () => ''],
    ["another account's", ({ foreignId }) => foreignId],
    ["a message's", (ids) => ids.messageId],
  ])('rejects %s id with NOT_FOUND before the first event', async (_what, choose) => {
    const { gateway, messageId, conversationId: foreignId } = await startGatewayWithOpenReply();
    const { key } = await gateway.createTenant();
    const conversationId = choose({ foreignId, messageId });
    const reader = subscribe(gateway, { conversationId, ...(conversationId === foreignId && { key }) });
    await reader.ended;
    expect([reader.events, reader.errors]).toEqual([[], ['NOT_FOUND']]);
    expect(gateway.deps.bus.size).toBe(0);
  });
});
