import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { createMemoryBus, type LiveBus } from '../../src/coordination/live-bus.ts';
import { createChatbot } from '../helpers/chatbots.ts';
import {
  cite,
  collectTexts,
  describeMessageEvents,
  endsMessage,
  readLog,
  waitForReaders,
} from '../helpers/conversations.ts';
import { startGateway, type TestGateway } from '../helpers/gateway.ts';
import { createScriptedEngine, delta, finish } from '../helpers/models/engines.ts';
import { createRandom, type Random, writeText, yieldToEventLoop } from '../helpers/random.ts';
import { countResources, expectNothingLeft } from '../helpers/resources.ts';
import { restEvents } from '../helpers/rest-stream.ts';
import { type Reader, type StreamCitation, type StreamEvent, TRANSPORTS, webSocket } from '../helpers/streams.ts';
import { mutate } from '../schema/support.ts';

const READERS = 25;
const WAYS = [...TRANSPORTS, restEvents];

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

/** Starts a gateway with a lossy bus, and a conversation whose first reply is being generated. */
async function startTalk(percent: number, random: Random) {
  const engine = createScriptedEngine();
  const bus = createLossyBus(percent, random);
  const gateway = await startGateway({ replaced: { bus, engines: new Map([['builtin', engine]]) } });
  onTestFinished(() => gateway.close());
  const chatbotId = await createChatbot(gateway);
  const replies: string[] = [];

  async function say(whenBusy: string): Promise<void> {
    const sent = await mutate<Sent>(
      gateway,
      'sendMessage',
      { chatbotId, sessionId: 'one', content: 'And?', whenBusy },
      { selection: 'conversation { id } userMessage { id } reply { id }' },
    );
    if (sent.reply) replies.push(sent.reply.id);
    if (sent.conversation) conversationId = sent.conversation.id;
  }

  let conversationId = '';
  await say('ENQUEUE');
  return { gateway, engine, chatbotId, conversationId, replies, say };
}

interface Sent {
  readonly conversation?: { id: string };
  readonly reply?: { id: string };
}

/**
 * A reader that follows a conversation over an unreliable connection and any transport, and resumes at its last
 * position, or at an earlier one, as if it had not received the later events.
 */
function createVisitor(gateway: TestGateway, conversationId: string, random: Random) {
  const received: StreamEvent[] = [];
  let reader: Reader | undefined;

  function join(): Reader {
    const transport = WAYS[random.below(WAYS.length)] ?? webSocket;
    if (received.length > 0 && random.below(3) === 0) received.splice(1 + random.below(received.length));
    reader = transport.subscribe(gateway, { conversationId, after: received.at(-1)?.cursor });
    return reader;
  }

  function leave(): void {
    if (random.below(2) === 0) reader?.leave();
    else reader?.vanish();
    expect(reader?.errors).toEqual([]);
    received.push(...(reader?.events ?? []));
    reader = undefined;
  }

  return {
    received,
    /** Subscribes; or, if subscribed, unsubscribes or drops the connection. */
    toggle(): void {
      if (reader === undefined) join();
      else leave();
    },
    /** Subscribes unless it is subscribed. */
    stay(): void {
      if (reader === undefined) join();
    },
    /** Unsubscribes if it has received an event, so that it can resume. */
    pause(): void {
      if (reader?.events.length) leave();
    },
    /** Follows until a message has ended. */
    async finish(messageId: string): Promise<void> {
      const isEnd = (event: StreamEvent) => endsMessage(event, messageId);
      const current = reader ?? join();
      // The visitor may have received the end before it last unsubscribed.
      if (!received.some(isEnd)) await current.until(isEnd);
      leave();
    },
  };
}

/** Splits a text in two deltas, perhaps within a character. */
function cut(text: string, random: Random) {
  const end = random.below(text.length + 1);
  return [delta(text.slice(0, end)), delta(text.slice(end))];
}

/** Performs random operations while visitors subscribe and unsubscribe. */
async function talk(talking: Awaited<ReturnType<typeof startTalk>>, random: Random, steps: number, toggle: () => void) {
  const { gateway, engine, say, replies } = talking;
  for (let step = 0; step < steps; step++) {
    const dice = random.below(20);
    if (dice < 2) await say(['ENQUEUE', 'ENQUEUE', 'REJECT', 'INTERRUPT'][random.below(4)] ?? 'ENQUEUE');
    else if (dice < 3) await mutate(gateway, 'stopMessage', { messageId: replies[random.below(replies.length)] });
    else if (dice < 4) engine.fail(new Error('no more'));
    else if (dice < 6) engine.push(finish);
    else if (dice < 8) engine.push(cite(`${step}`, 0));
    else engine.push(...cut(writeText(random, 3), random));
    toggle();
    if (random.below(2) === 0) toggle();
    await yieldToEventLoop(random.below(8));
  }
}

/** Completes all open replies. */
async function endReplies({ gateway, engine }: Awaited<ReturnType<typeof startTalk>>): Promise<void> {
  const haveEnded = async () => {
    const open = await gateway.deps.db.read
      .selectFrom('messages')
      .select('id')
      .where('status', 'in', ['QUEUED', 'STREAMING'])
      .execute();
    if (open.length > 0) engine.push(finish);
    expect(open).toEqual([]);
  };
  await vi.waitFor(haveEnded, { timeout: 10_000, interval: 5 });
}

/** Reads the log of a conversation, and the messages by id. */
async function readStored(gateway: TestGateway, conversationId: string) {
  const log = (await readLog(gateway, conversationId)).map((row) => `${row.type} ${row.message_id}`);
  const rows = await gateway.deps.db.read.selectFrom('messages').selectAll().execute();
  return { log, messages: new Map(rows.map((row) => [row.id, row])) };
}

/**
 * Checks the events of a reader that subscribed at any time: the log from then to its end, each stage once and in
 * order, and the stored texts and citations of all replies generated since then.
 */
function expectReceived(received: readonly StreamEvent[], state: Awaited<ReturnType<typeof readStored>>): void {
  const { log, messages } = state;
  const stages = describeMessageEvents(received);
  const [first] = stages;
  // A reader that subscribes during a reply receives that reply first, wherever it is in the log.
  const isUnderWay = !log.slice(-stages.length).includes(first ?? '');
  const expected = log.slice(log.length - stages.length + (isUnderWay ? 1 : 0));
  expect(stages.slice(isUnderWay ? 1 : 0)).toEqual(expected);

  const started = stages.flatMap((stage) => {
    const [type = '', id = ''] = stage.split(' ');
    const isReply = messages.get(id)?.role === 'ASSISTANT';
    return isReply && (type === 'MessageCreated' || type === 'MessageStarted') ? [id] : [];
  });
  const texts = collectTexts(received);
  for (const id of started) {
    const stored = messages.get(id);
    expect(texts[id] ?? '').toBe(stored?.content);
    const citations = received.flatMap(({ messageId, citation }) => (messageId === id ? (citation ?? []) : []));
    expect(citations).toEqual(JSON.parse(stored?.citations ?? '[]').map(toCitation));
  }
  const withText = new Set(received.flatMap(({ messageId }) => messageId ?? []));
  expect([...withText].filter((id) => !started.includes(id))).toEqual([]);
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
  it.each([
    ...[1, 2, 3, 4, 5, 6].map((seed) => ({ seed, percent: 0, steps: 120 })),
    ...[7, 8, 9, 10].map((seed) => ({ seed, percent: 30, steps: 80 })),
    ...[11, 12].map((seed) => ({ seed, percent: 100, steps: 40 })),
  ])(
    'emits all stored events to 25 readers that resume at random, with $percent % lost signals (seed $seed)',
    async ({ seed, percent, steps }) => {
      const random = createRandom(seed);
      const before = countResources();
      const talking = await startTalk(percent, random);
      const { gateway, chatbotId, conversationId } = talking;
      const visitors = Array.from({ length: READERS }, () => createVisitor(gateway, conversationId, random));
      const stayed = webSocket.subscribe(gateway, { conversationId });
      const inbox = webSocket.subscribe(gateway, { chatbotId });
      await waitForReaders(gateway, 2);
      await talk(talking, random, steps, () => visitors[random.below(visitors.length)]?.toggle());
      await endReplies(talking);

      for (const visitor of visitors) visitor.stay();
      await waitForReaders(gateway, visitors.length + 2);
      await talking.say('REJECT');
      talking.engine.push(delta('The '), delta('end.'), finish);
      const last = talking.replies.at(-1) ?? '';
      const follower = webSocket.subscribe(gateway, { messageId: last });
      for (const visitor of visitors.slice(5)) visitor.pause();
      await Promise.all(visitors.map((visitor) => visitor.finish(last)));
      for (const reader of [stayed, inbox]) {
        await reader.until((event) => endsMessage(event, last));
        reader.leave();
      }
      await follower.ended;

      const stored = await readStored(gateway, conversationId);
      const eventLists = [stayed.events, ...visitors.map((visitor) => visitor.received)];
      for (const events of eventLists) expectReceived(events, stored);
      expect(describeMessageEvents(inbox.events)).toEqual(stored.log.slice(-inbox.events.length));
      expect(follower.text).toBe(stored.messages.get(last)?.content);
      await expectNothingLeft(gateway, before);
    },
  );
});
