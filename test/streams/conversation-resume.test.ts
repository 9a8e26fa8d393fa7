import { describe, expect, it } from 'vitest';
import { createId } from '../../src/domain/ids.ts';
import { send } from '../helpers/chatbots.ts';
import {
  cite,
  collectCitations,
  collectTexts,
  describeMessageEvents,
  stageOf,
  startConversation,
  waitForReaders,
} from '../helpers/conversations.ts';
import { delta, finish } from '../helpers/models/engines.ts';
import { type Reader, type StreamEvent, startReply, TRANSPORTS, type Transport } from '../helpers/streams.ts';
import { gatherWrongCursors } from '../helpers/wrong-cursors.ts';
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

/** Produces a streamed reply, a stopped one, a failed one, and one that is stopped in the queue. */
async function tellStory(transport: Transport) {
  const { gateway, engine, conversationId } = await startConversation();
  const reader = transport.subscribe(gateway, { conversationId });
  await waitForReaders(gateway, 1);
  const ask = async (content: string) => (await send(gateway, { conversationId, content })).replyId;
  const [allEvents, stopped, never, failed] = [await ask('1?'), await ask('2?'), await ask('3?'), await ask('4?')];
  for (const text of ['An ', '👍🏽 ', 'answer']) {
    engine.push(delta(text), cite(text, 2));
    await reader.until(({ citation }) => citation?.title === text);
  }
  engine.push(finish, delta('A part'));
  await reader.until(({ text }) => text === 'A part');
  await mutate(gateway, 'stopMessage', { messageId: never });
  await mutate(gateway, 'stopMessage', { messageId: stopped });
  engine.push(delta('Another part'));
  engine.fail(new Error('no more'));
  await stageOf(reader, 'MessageFailed', failed);
  expect(collectTexts(reader.events)).toEqual({
    [allEvents]: 'An 👍🏽 answer',
    [stopped]: 'A part',
    [failed]: 'Another part',
  });
  return { gateway, engine, conversationId, reader };
}

describe.each(TRANSPORTS)('conversationEvents over $name, resumed', (transport) => {
  it('emits exactly the events after any cursor of ended replies, and continues', async () => {
    const { gateway, engine, conversationId, reader } = await tellStory(transport);
    const readers = reader.events.map(({ cursor }) => transport.subscribe(gateway, { conversationId, after: cursor }));
    await waitForReaders(gateway, readers.length + 1);
    engine.push(finish);
    const { messageId } = await send(gateway, { conversationId, content: 'Last?' });
    await stageOf(reader, 'MessageCreated', messageId);
    const allEvents = upTo(reader.events, messageId);
    for (const [index, late] of readers.entries()) {
      await stageOf(late, 'MessageCreated', messageId);
      expectSameContent([...allEvents.slice(0, index + 1), ...upTo(late.events, messageId)], allEvents);
    }
    for (const late of [reader, ...readers]) late.leave();
    await waitForReaders(gateway, 0);
  });

  it('emits exactly the events after any cursor while replies are generated', async () => {
    const { gateway, engine, conversationId } = await startConversation();
    const reader = transport.subscribe(gateway, { conversationId });
    await waitForReaders(gateway, 1);
    const first = await send(gateway, { conversationId, content: '1?' });
    const second = await send(gateway, { conversationId, content: '2?' });
    const late: { seen: StreamEvent[]; reader: Reader }[] = [];
    const join = () => {
      for (let count = late.length; count < reader.events.length; count++) {
        const seen = reader.events.slice(0, count + 1);
        const after = seen.at(-1)?.cursor;
        late.push({ seen, reader: transport.subscribe(gateway, { conversationId, after }) });
      }
    };
    await stageOf(reader, 'MessageCreated', second.replyId);
    for (const { replyId } of [first, second]) {
      for (const text of ['An ', 'answer ', '👍🏽']) {
        join();
        engine.push(delta(text), cite(text, 2));
        await reader.until(({ messageId, citation }) => messageId === replyId && citation?.title === text);
      }
      join();
      engine.push(finish);
      await stageOf(reader, 'MessageCompleted', replyId);
    }
    expect(late.length).toBeGreaterThan(15);
    for (const { seen, reader: one } of late) {
      await stageOf(one, 'MessageCompleted', second.replyId);
      expectSameContent([...seen, ...one.events], reader.events);
      one.leave();
    }
    reader.leave();
  });

  it('emits hundreds of missed events in order to a reader that resumes', async () => {
    const { gateway, engine, conversationId } = await startConversation();
    const away = transport.subscribe(gateway, { conversationId });
    await waitForReaders(gateway, 1);
    engine.push(delta('0'), finish);
    const first = await send(gateway, { conversationId, content: '0?' });
    const { cursor } = await stageOf(away, 'MessageCreated', first.messageId);
    const stayed = transport.subscribe(gateway, { conversationId, after: cursor });
    away.vanish();
    engine.push(...Array.from({ length: 70 }, (_, index) => [delta(`${index + 1}`), finish]).flat());
    const sent = [first];
    for (let index = 1; index <= 70; index++) sent.push(await send(gateway, { conversationId, content: `${index}?` }));
    const { replyId } = sent.at(-1) ?? first;
    await stageOf(stayed, 'MessageCompleted', replyId);

    const back = transport.subscribe(gateway, { conversationId, after: cursor });
    await stageOf(back, 'MessageCompleted', replyId);
    expect(describeMessageEvents(back.events).length).toBeGreaterThan(210);
    expectSameContent(back.events, stayed.events);
    const texts = Object.fromEntries(sent.map((one, index) => [one.replyId, `${index}`]));
    expect(collectTexts(back.events)).toEqual(texts);
    stayed.leave();
    back.leave();
  });
});

describe.each(TRANSPORTS)('the start of conversationEvents over $name', ({ subscribe }) => {
  it('rejects every cursor that is not of this stream before the first event', async () => {
    const { gateway, conversationId, right: cursor, wrong } = await gatherWrongCursors();
    const codes: Record<string, readonly string[]> = {};
    for (const [what, after] of Object.entries(wrong)) {
      const reader = subscribe(gateway, { conversationId, after });
      await reader.ended;
      expect(reader.events).toEqual([]);
      codes[what] = reader.errors;
    }
    expect(codes).toEqual(Object.fromEntries(Object.keys(wrong).map((what) => [what, ['BAD_USER_INPUT']])));
    expect(gateway.deps.bus.size).toBe(0);

    const right = subscribe(gateway, { conversationId, after: cursor });
    await waitForReaders(gateway, 1);
    right.leave();
  });

  it.each<[string, (given: { foreign: string; messageId: string }) => string]>([
    ['an unknown', () => createId('conversation')],
    ['a malformed', () => 'nonsense'],
    ['an empty', () => ''],
    ["another account's", ({ foreign }) => foreign],
    ["a message's", (given) => given.messageId],
  ])('rejects %s id with NOT_FOUND before the first event', async (_what, choose) => {
    const { gateway, messageId, conversationId: foreign } = await startReply();
    const { key } = await gateway.createTenant();
    const conversationId = choose({ foreign, messageId });
    const reader = subscribe(gateway, { conversationId, ...(conversationId === foreign && { key }) });
    await reader.ended;
    expect([reader.events, reader.errors]).toEqual([[], ['NOT_FOUND']]);
    expect(gateway.deps.bus.size).toBe(0);
  });
});
