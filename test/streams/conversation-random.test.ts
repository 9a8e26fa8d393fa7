import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { createMemoryBus, type LiveBus } from '../../src/coordination/live-bus.ts';
import { createChatbot } from '../helpers/chatbots.ts';
import {
  citationEvent,
  collectTexts,
  describeMessageEvents,
  endsMessage,
  readGaplessLog,
  waitForReaders,
} from '../helpers/conversations.ts';
import { startGateway, type TestGateway } from '../helpers/gateway.ts';
import { createScriptedEngine, delta, finish } from '../helpers/models/engines.ts';
import { createRandom, createRandomText, type Random, yieldToEventLoop } from '../helpers/random.ts';
import { countResources, expectNoLeaks } from '../helpers/resources.ts';
import { restEvents } from '../helpers/rest-stream.ts';
import { type Reader, type StreamCitation, type StreamEvent, TRANSPORTS, webSocket } from '../helpers/streams.ts';
import { mutate } from '../schema/support.ts';

const READER_COUNT = 25;
/** The runs for each rate of lost signals; `SEEDS=20` makes a long run. */
const SEEDS = Number(process.env.SEEDS ?? 2);
const ALL_TRANSPORTS = [...TRANSPORTS, restEvents];

/** A bus that loses a percentage of its signals, at random. */
function createLossyBus(percent: number, random: Random): LiveBus {
  const bus = createMemoryBus();
  return {
    publish(topic) {
      if (random.below(100) >= percent) bus.publish(topic);
    },
    subscribe: (topic, listener) => bus.subscribe(topic, listener),
    maxWaitMs: bus.maxWaitMs,
    get size() {
      return bus.size;
    },
  };
}

/** Starts a gateway with a lossy bus, and a conversation whose first reply is in progress. */
async function startLossyConversation(percent: number, random: Random) {
  const engine = createScriptedEngine();
  const bus = createLossyBus(percent, random);
  const gateway = await startGateway({ overrides: { bus, engines: new Map([['builtin', engine]]) } });
  onTestFinished(() => gateway.close());
  const chatbotId = await createChatbot(gateway);
  const replies: string[] = [];

  async function sendMessage(whenBusy: string): Promise<void> {
    const sent = await mutate<SendResult>(
      gateway,
      'sendMessage',
      { chatbotId, sessionId: 'one', content: 'And?', whenBusy },
      { selection: 'conversation { id } userMessage { id } reply { id }' },
    );
    if (sent.reply) replies.push(sent.reply.id);
    if (sent.conversation) conversationId = sent.conversation.id;
  }

  let conversationId = '';
  await sendMessage('ENQUEUE');
  return { gateway, engine, chatbotId, conversationId, replies, sendMessage };
}

interface SendResult {
  readonly conversation?: { id: string };
  readonly reply?: { id: string };
}

/**
 * A reader that follows a conversation over an unreliable connection and any transport, and resumes at its last
 * position, or at an earlier one, as if it had not received the later events.
 */
function createUnreliableReader(gateway: TestGateway, conversationId: string, random: Random) {
  const received: StreamEvent[] = [];
  let reader: Reader | undefined;

  function subscribe(): Reader {
    const transport = ALL_TRANSPORTS[random.below(ALL_TRANSPORTS.length)] ?? webSocket;
    if (received.length > 0 && random.below(3) === 0) received.splice(1 + random.below(received.length));
    reader = transport.subscribe(gateway, { conversationId, after: received.at(-1)?.cursor });
    return reader;
  }

  function leave(): void {
    if (random.below(2) === 0) reader?.unsubscribe();
    else reader?.disconnect();
    expect(reader?.errors).toEqual([]);
    received.push(...(reader?.events ?? []));
    reader = undefined;
  }

  return {
    received,
    /** Subscribes; or, if subscribed, unsubscribes or drops the connection. */
    toggle(): void {
      if (reader === undefined) subscribe();
      else leave();
    },
    /** Subscribes unless it is subscribed. */
    ensureSubscribed(): void {
      if (reader === undefined) subscribe();
    },
    /** Unsubscribes if it has received an event, so that it can resume. */
    pause(): void {
      if (reader?.events.length) leave();
    },
    /** Follows until a message has ended. */
    async finish(messageId: string): Promise<void> {
      const isEnd = (event: StreamEvent) => endsMessage(event, messageId);
      const current = reader ?? subscribe();
      // The reader may have received the end before it last unsubscribed.
      if (!received.some(isEnd)) await current.until(isEnd);
      leave();
    },
  };
}

/** Splits a text in two deltas, perhaps within a character. */
function splitInTwo(text: string, random: Random) {
  const end = random.below(text.length + 1);
  return [delta(text.slice(0, end)), delta(text.slice(end))];
}

/** Performs random operations while readers subscribe and unsubscribe. */
async function runRandomOperations(
  setup: Awaited<ReturnType<typeof startLossyConversation>>,
  random: Random,
  steps: number,
  toggle: () => void,
) {
  const { gateway, engine, sendMessage, replies } = setup;
  for (let step = 0; step < steps; step++) {
    const dice = random.below(20);
    if (dice < 2) await sendMessage(['ENQUEUE', 'ENQUEUE', 'REJECT', 'INTERRUPT'][random.below(4)] ?? 'ENQUEUE');
    else if (dice < 3) await mutate(gateway, 'stopMessage', { id: replies[random.below(replies.length)] });
    else if (dice < 4) engine.fail(new Error('no more'));
    else if (dice < 6) engine.push(finish);
    else if (dice < 8) engine.push(citationEvent(`${step}`, 0));
    else engine.push(...splitInTwo(createRandomText(random, 3), random));
    toggle();
    if (random.below(2) === 0) toggle();
    await yieldToEventLoop(random.below(8));
  }
}

/** Completes all open replies. */
async function completeReplies({ gateway, engine }: Awaited<ReturnType<typeof startLossyConversation>>): Promise<void> {
  const expectNoOpenReply = async () => {
    const openReplies = await gateway.deps.db.read
      .selectFrom('messages')
      .select('id')
      .where('status', 'in', ['QUEUED', 'STREAMING'])
      .execute();
    if (openReplies.length > 0) engine.push(finish);
    expect(openReplies).toEqual([]);
  };
  await vi.waitFor(expectNoOpenReply, { timeout: 10_000, interval: 5 });
}

/** Reads the log of a conversation, and the messages by id. */
async function readStored(gateway: TestGateway, conversationId: string) {
  const log = (await readGaplessLog(gateway, conversationId)).map((row) => `${row.type} ${row.message_id}`);
  const rows = await gateway.deps.db.read.selectFrom('messages').selectAll().execute();
  return { log, messages: new Map(rows.map((row) => [row.id, row])) };
}

/**
 * Checks the events of a reader, which may have subscribed at any time. Their stages must be those of the log from that
 * time to its end, each once and in order. Their texts and citations must be those stored for the replies that began
 * since then.
 */
function expectReceived(received: readonly StreamEvent[], state: Awaited<ReturnType<typeof readStored>>): void {
  const { log, messages } = state;
  const stages = describeMessageEvents(received);
  const [first] = stages;
  // A reader that subscribes during a reply receives that reply first, wherever it is in the log.
  const startsMidReply = !log.slice(-stages.length).includes(first ?? '');
  const expected = log.slice(log.length - stages.length + (startsMidReply ? 1 : 0));
  expect(stages.slice(startsMidReply ? 1 : 0)).toEqual(expected);

  const startedIds = stages.flatMap((stage) => {
    const [type = '', id = ''] = stage.split(' ');
    const isReply = messages.get(id)?.role === 'ASSISTANT';
    return isReply && (type === 'MessageCreated' || type === 'MessageStarted') ? [id] : [];
  });
  const texts = collectTexts(received);
  for (const id of startedIds) {
    const stored = messages.get(id);
    expect(texts[id] ?? '').toBe(stored?.content);
    const citations = received.flatMap(({ messageId, citation }) => (messageId === id ? (citation ?? []) : []));
    expect(citations).toEqual(JSON.parse(stored?.citations ?? '[]').map(toCitation));
  }
  const idsWithText = new Set(received.flatMap(({ messageId }) => messageId ?? []));
  expect([...idsWithText].filter((id) => !startedIds.includes(id))).toEqual([]);
  expect(new Set(received.map(({ cursor }) => cursor)).size).toBe(received.length);
  // After the end of a message, no further delta or citation of it is emitted.
  for (const [index, { messageId }] of received.entries()) {
    if (messageId === undefined) continue;
    expect(received.slice(0, index).some((event) => endsMessage(event, messageId))).toBe(false);
  }
}

/** Converts a stored citation to the emitted one. */
const toCitation = ({ title, quote, start, end }: StreamCitation): StreamCitation => ({ title, quote, start, end });

describe('conversationEvents', () => {
  const rates = [
    { percent: 0, steps: 120 },
    { percent: 30, steps: 80 },
    { percent: 100, steps: 40 },
  ];
  it.each(rates.flatMap((rate) => Array.from({ length: SEEDS }, (_, index) => ({ ...rate, seed: index + 1 }))))(
    'emits all stored events to 25 readers that resume at random, with $percent % lost signals (seed $seed)',
    async ({ seed, percent, steps }) => {
      const random = createRandom(seed);
      const before = countResources();
      const setup = await startLossyConversation(percent, random);
      const { gateway, chatbotId, conversationId } = setup;
      const readers = Array.from({ length: READER_COUNT }, () =>
        createUnreliableReader(gateway, conversationId, random),
      );
      const uninterrupted = webSocket.subscribe(gateway, { conversationId });
      const inbox = webSocket.subscribe(gateway, { chatbotId });
      await waitForReaders(gateway, 2);
      await runRandomOperations(setup, random, steps, () => readers[random.below(readers.length)]?.toggle());
      await completeReplies(setup);

      for (const unreliable of readers) unreliable.ensureSubscribed();
      await waitForReaders(gateway, readers.length + 2);
      await setup.sendMessage('REJECT');
      setup.engine.push(delta('The '), delta('end.'), finish);
      const last = setup.replies.at(-1) ?? '';
      const follower = webSocket.subscribe(gateway, { messageId: last });
      for (const unreliable of readers.slice(5)) unreliable.pause();
      await Promise.all(readers.map((unreliable) => unreliable.finish(last)));
      for (const reader of [uninterrupted, inbox]) {
        await reader.until((event) => endsMessage(event, last));
        reader.unsubscribe();
      }
      await follower.ended;

      const stored = await readStored(gateway, conversationId);
      const eventLists = [uninterrupted.events, ...readers.map((unreliable) => unreliable.received)];
      for (const events of eventLists) expectReceived(events, stored);
      expect(describeMessageEvents(inbox.events)).toEqual(stored.log.slice(-inbox.events.length));
      expect(follower.text).toBe(stored.messages.get(last)?.content);
      await expectNoLeaks(gateway, before);
    },
  );
});
