import { describe, expect, it, vi } from 'vitest';
import type { AnswerEvent } from '../../src/answer/engine.ts';
import { createId } from '../../src/domain/ids.ts';
import { subscribeToMessage } from '../../src/streams/message-stream.ts';
import { startGatewayWithOpenReply } from '../helpers/conversations.ts';
import type { TestGateway } from '../helpers/gateway.ts';
import { delta, finish } from '../helpers/models/engines.ts';
import { joinDeltas, readMessage, type StreamEvent, TRANSPORTS, webSocket } from '../helpers/streams.ts';

const typesOf = (events: readonly StreamEvent[]) => events.map((event) => event.__typename);
const isDelta = ({ __typename }: StreamEvent) => __typename === 'MessageDelta';
const hasContent = (content: string) => (event: StreamEvent) => event.content === content;

/** A citation of the first `length` characters. */
const cite = (length: number): AnswerEvent => ({
  type: 'citation',
  citation: {
    passageId: createId('passage'),
    sourceId: createId('source'),
    title: 'Handbook',
    url: null,
    quote: 'Words.',
    start: 0,
    end: length,
  },
});

async function messagesUsed(gateway: TestGateway): Promise<number> {
  const { data } = await gateway.graphql<{ viewer: { account: { usage: { messages: number } } } }>(
    '{ viewer { account { usage { messages } } } }',
  );
  return data.viewer.account.usage.messages;
}

describe.each(TRANSPORTS)('messageStream over $name', ({ subscribe }) => {
  it('streams a reply from its first delta to completion', async () => {
    const { gateway, engine, replyId } = await startGatewayWithOpenReply();
    const reader = subscribe(gateway, { messageId: replyId });
    await reader.until(({ message }) => message?.status === 'STREAMING');
    engine.push(delta('One '));
    await reader.until(hasContent('One '));
    engine.push(delta('two'), cite(7));
    await reader.until(({ citation }) => citation !== undefined);
    engine.push(delta('.'), finish);
    expect(await reader.ended).toBeUndefined();

    expect(typesOf(reader.events)).toEqual([
      'MessageCreated',
      'MessageDelta',
      'MessageDelta',
      'CitationAdded',
      'MessageDelta',
      'MessageCompleted',
    ]);
    expect(reader.events.filter(isDelta)).toMatchObject([
      { messageId: replyId, offset: 0, text: 'One ', content: 'One ' },
      { messageId: replyId, offset: 4, text: 'two', content: 'One two' },
      { messageId: replyId, offset: 7, text: '.', content: 'One two.' },
    ]);
    const stored = await readMessage(gateway, replyId);
    expect(stored).toMatchObject({ status: 'COMPLETED', content: 'One two.', finishReason: 'STOP' });
    expect(stored.citations).toEqual([{ title: 'Handbook', quote: 'Words.', start: 0, end: 7 }]);
    expect(reader.events.at(-1)?.message).toEqual(stored);
  });

  it('emits the rest, and nothing twice, after any cursor of a completed reply', async () => {
    const { gateway, engine, replyId } = await startGatewayWithOpenReply();
    const uninterrupted = subscribe(gateway, { messageId: replyId });
    for (const [index, word] of ['An ', 'answer ', '👍 ', 'in pieces'].entries()) {
      engine.push(delta(word), cite(index));
      await uninterrupted.until(({ content }) => content?.endsWith(word) === true);
    }
    engine.push(finish);
    await uninterrupted.ended;
    expect(joinDeltas(uninterrupted.events)).toBe((await readMessage(gateway, replyId)).content);

    for (const [index, { cursor }] of uninterrupted.events.entries()) {
      const late = subscribe(gateway, { messageId: replyId, after: cursor });
      expect(await late.ended).toBeUndefined();
      expect(joinDeltas([...uninterrupted.events.slice(0, index + 1), ...late.events])).toBe(uninterrupted.text);
      expect(countCitations(uninterrupted.events.slice(0, index + 1)) + countCitations(late.events)).toBe(4);
      const stages = [...uninterrupted.events.slice(0, index + 1), ...late.events].filter(({ message }) => message);
      expect(typesOf(stages)).toEqual(['MessageCreated', 'MessageCompleted']);
    }
  });

  it('emits the rest, and nothing twice, after any cursor of a live reply', async () => {
    const { gateway, engine, replyId } = await startGatewayWithOpenReply();
    const uninterrupted = subscribe(gateway, { messageId: replyId });
    await uninterrupted.until(({ message }) => message?.status === 'STREAMING');
    const late = [];
    for (const word of ['An ', 'answer ', 'in pieces']) {
      const earlierEvents = [...uninterrupted.events];
      const after = earlierEvents.at(-1)?.cursor;
      late.push({ earlierEvents, reader: subscribe(gateway, { messageId: replyId, after }) });
      engine.push(delta(word), cite(2));
      await uninterrupted.until(({ content }) => content?.endsWith(word) === true);
    }
    engine.push(finish);
    for (const { earlierEvents, reader } of late) {
      expect(await reader.ended).toBeUndefined();
      expect(joinDeltas([...earlierEvents, ...reader.events])).toBe('An answer in pieces');
      expect(countCitations(earlierEvents) + countCitations(reader.events)).toBe(3);
      expect(typesOf(reader.events)).not.toContain('MessageCreated');
    }
  });

  it('emits the whole text in one delta to a late reader', async () => {
    const { gateway, engine, replyId } = await startGatewayWithOpenReply();
    const first = subscribe(gateway, { messageId: replyId });
    engine.push(delta('All '));
    await first.until(hasContent('All '));
    engine.push(delta('of it.'));
    await first.until(hasContent('All of it.'));
    const late = subscribe(gateway, { messageId: replyId });
    await late.until(isDelta);
    expect(late.events.filter(isDelta)).toMatchObject([{ offset: 0, text: 'All of it.' }]);
    engine.push(finish);
    await late.ended;
    expect(typesOf(late.events)).toEqual(['MessageCreated', 'MessageDelta', 'MessageCompleted']);
  });

  it('emits the same events to several readers, and continues when some disconnect', async () => {
    const { gateway, engine, replyId } = await startGatewayWithOpenReply();
    const readers = Array.from({ length: 5 }, () => subscribe(gateway, { messageId: replyId }));
    engine.push(delta('Hello '));
    await Promise.all(readers.map((reader) => reader.until(hasContent('Hello '))));
    for (const reader of readers.slice(0, 2)) reader.unsubscribe();
    for (const reader of readers.slice(2, 4)) reader.disconnect();
    engine.push(delta('there.'), finish);
    expect(await readers[4]?.ended).toBeUndefined();
    expect(readers[4]?.text).toBe('Hello there.');
    expect(await readMessage(gateway, replyId)).toMatchObject({ status: 'COMPLETED', content: 'Hello there.' });
  });

  it('releases readers however they disconnect, while the reply continues', async () => {
    const { gateway, engine, replyId } = await startGatewayWithOpenReply();
    const { bus, liveReplies } = gateway.deps;
    const readers = Array.from({ length: 4 }, () => subscribe(gateway, { messageId: replyId }));
    engine.push(delta('Hello '));
    await Promise.all(readers.map((reader) => reader.until(hasContent('Hello '))));
    expect(bus.size).toBe(4);
    for (const reader of readers.slice(0, 2)) reader.unsubscribe();
    for (const reader of readers.slice(2, 4)) reader.disconnect();
    await vi.waitFor(() => expect(bus.size).toBe(0));
    expect(liveReplies.size).toBe(1);
    engine.push(finish);
    await vi.waitFor(async () => expect(await readMessage(gateway, replyId)).toMatchObject({ status: 'COMPLETED' }));
    await vi.waitFor(() => expect(liveReplies.size).toBe(0));
  });

  it('never splits a character, and emits the stored text, however the model splits it', async () => {
    const { gateway, engine, replyId } = await startGatewayWithOpenReply();
    const reader = subscribe(gateway, { messageId: replyId });
    await reader.until(({ message }) => message?.status === 'STREAMING');
    const units = 'a👍🏽b👨‍👩‍👧c'.split('');
    for (const unit of units) {
      engine.push(delta(unit));
      await new Promise((resolve) => setImmediate(resolve));
    }
    // Unpaired surrogates, within the text and at its end.
    engine.push(delta('\udc4d!'), delta('?\ud83d'), finish);
    await reader.ended;
    for (const { text, content } of reader.events.filter(isDelta)) {
      expect(text?.isWellFormed()).toBe(true);
      expect(content?.isWellFormed()).toBe(true);
    }
    expect(reader.text).toBe('a👍🏽b👨‍👩‍👧c\ufffd!?');
    expect((await readMessage(gateway, replyId)).content).toBe(reader.text);
  });

  it('ends with MessageFailed, and refunds the quota, when the engine fails before its first text', async () => {
    const { gateway, engine, replyId } = await startGatewayWithOpenReply();
    expect(await messagesUsed(gateway)).toBe(1);
    const reader = subscribe(gateway, { messageId: replyId });
    engine.fail(new Error('secret reason'));
    expect(await reader.ended).toBeUndefined();
    expect(typesOf(reader.events)).toEqual(['MessageCreated', 'MessageFailed']);
    expect(reader.events.at(-1)?.message).toMatchObject({
      status: 'FAILED',
      content: '',
      finishReason: 'ERROR',
      error: { code: 'ANSWER_FAILED', message: 'The answer could not be produced.' },
    });
    expect(await messagesUsed(gateway)).toBe(0);
  });

  it('ends with MessageFailed, and keeps the text, when the engine fails later', async () => {
    const { gateway, engine, replyId } = await startGatewayWithOpenReply();
    const reader = subscribe(gateway, { messageId: replyId });
    engine.push(delta('A part'));
    await reader.until(isDelta);
    engine.fail(new Error('secret reason'));
    expect(await reader.ended).toBeUndefined();
    expect(reader.events.at(-1)).toMatchObject({ __typename: 'MessageFailed', message: { content: 'A part' } });
    expect(await readMessage(gateway, replyId)).toMatchObject({ status: 'FAILED', content: 'A part' });
    expect(await messagesUsed(gateway)).toBe(1);
  });
});

describe('messageStream', () => {
  it('emits the cited text before each citation, even to a slow reader', async () => {
    const { gateway, engine, replyId } = await startGatewayWithOpenReply();
    const { accountId, deps } = gateway;
    const viewer = { accountId, scopes: new Set(), revoked: new AbortController().signal } as unknown as Parameters<
      typeof subscribeToMessage
    >[1];
    const events = await subscribeToMessage(deps, viewer, { messageId: replyId }, new AbortController().signal);
    await events.next();
    const ahead = webSocket.subscribe(gateway, { messageId: replyId });
    engine.push(delta('One. '));
    await ahead.until(hasContent('One. '));
    await events.next();
    // The second sentence is generated while the slow reader handles the first.
    engine.push(delta('Two.'), cite(9), finish);
    await ahead.ended;
    const remaining: string[] = [];
    for await (const { type } of events) remaining.push(type);
    expect(remaining).toEqual(['MessageDelta', 'CitationAdded', 'MessageCompleted']);
  });

  it('ends for all its readers when the key is revoked', async () => {
    const { gateway, engine, replyId } = await startGatewayWithOpenReply();
    const key = await gateway.createKey(gateway.accountId, ['CHAT']);
    const readers = TRANSPORTS.map((transport) => transport.subscribe(gateway, { messageId: replyId, key }));
    engine.push(delta('Hello'));
    await Promise.all(readers.map((reader) => reader.until(isDelta)));
    await gateway.graphql(`mutation ($id: ID!) { revokeApiKey(input: { id: $id }) { __typename } }`, {
      id: await readKeyId(gateway, key),
    });
    await Promise.all(readers.map((reader) => reader.ended));
    await vi.waitFor(() => expect(gateway.deps.bus.size).toBe(0));
    expect(typesOf(readers.flatMap((reader) => reader.events))).not.toContain('MessageCompleted');
  });
});

const countCitations = (events: readonly StreamEvent[]) =>
  events.filter(({ citation }) => citation !== undefined).length;

async function readKeyId(gateway: TestGateway, key: string): Promise<string> {
  const { data } = await gateway.graphql<{ viewer: { apiKey: { id: string } } }>(
    '{ viewer { apiKey { id } } }',
    {},
    key,
  );
  return data.viewer.apiKey.id;
}
