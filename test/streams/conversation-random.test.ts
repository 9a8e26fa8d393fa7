import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { createMemoryBus, type LiveBus } from '../../src/coordination/live-bus.ts';
import { createChatbot } from '../helpers/chatbots.ts';
import { cite, collectTexts, endsMessage, listStages, readLog, waitForReaders } from '../helpers/conversations.ts';
import { startGateway, type TestGateway } from '../helpers/gateway.ts';
import { createScriptedEngine, delta, finish } from '../helpers/models/engines.ts';
import { createRandom, lookAround, type Random, writeText } from '../helpers/random.ts';
import { countResources, expectNothingLeft } from '../helpers/resources.ts';
import { restEvents } from '../helpers/rest-stream.ts';
import { type Reader, type StreamCitation, type StreamEvent, TRANSPORTS, webSocket } from '../helpers/streams.ts';
import { mutate } from '../schema/support.ts';

const READERS = 25;
const WAYS = [...TRANSPORTS, restEvents];

/** A bus that loses so many of a hundred signals, whichever they are. */
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

/** Starts a gateway with such a bus, and a conversation in which the first reply is under way. */
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
 * Someone who follows a conversation with a connection that fails, by any transport, and comes back to where it was, or
 * to an earlier place, as if it had not been told what came after that.
 */
function createVisitor(gateway: TestGateway, conversationId: string, random: Random) {
  const seen: StreamEvent[] = [];
  let reader: Reader | undefined;

  function join(): Reader {
    const transport = WAYS[random.below(WAYS.length)] ?? webSocket;
    if (seen.length > 0 && random.below(3) === 0) seen.splice(1 + random.below(seen.length));
    reader = transport.subscribe(gateway, { conversationId, after: seen.at(-1)?.cursor });
    return reader;
  }

  function leave(): void {
    if (random.below(2) === 0) reader?.leave();
    else reader?.vanish();
    expect(reader?.errors).toEqual([]);
    seen.push(...(reader?.events ?? []));
    reader = undefined;
  }

  return {
    seen,
    /** Joins; or leaves, politely or not. */
    toggle(): void {
      if (reader === undefined) join();
      else leave();
    },
    /** Is there, whether it was before or not. */
    stay(): void {
      if (reader === undefined) join();
    },
    /** Leaves, if it knows enough to come back to the same place. */
    pause(): void {
      if (reader?.events.length) leave();
    },
    /** Follows until a message has ended. */
    async finish(messageId: string): Promise<void> {
      const isEnd = (event: StreamEvent) => endsMessage(event, messageId);
      const current = reader ?? join();
      // It may have ended before the visitor has left the last time.
      if (!seen.some(isEnd)) await current.until(isEnd);
      leave();
    },
  };
}

/** Two pieces of a text, which may part a character. */
function cut(text: string, random: Random) {
  const end = random.below(text.length + 1);
  return [delta(text.slice(0, end)), delta(text.slice(end))];
}

/** Everything that happens while the visitors come and go. */
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
    await lookAround(random.below(8));
  }
}

/** Lets all end that waits. */
async function endReplies({ gateway, engine }: Awaited<ReturnType<typeof startTalk>>): Promise<void> {
  const isOver = async () => {
    const open = await gateway.deps.db.read
      .selectFrom('messages')
      .select('id')
      .where('status', 'in', ['QUEUED', 'STREAMING'])
      .execute();
    if (open.length > 0) engine.push(finish);
    expect(open).toEqual([]);
  };
  await vi.waitFor(isOver, { timeout: 10_000, interval: 5 });
}

/** What is stored of a conversation: its log, and the messages by id. */
async function readStored(gateway: TestGateway, conversationId: string) {
  const log = (await readLog(gateway, conversationId)).map((row) => `${row.type} ${row.message_id}`);
  const rows = await gateway.deps.db.read.selectFrom('messages').selectAll().execute();
  return { log, messages: new Map(rows.map((row) => [row.id, row])) };
}

/**
 * Checks what one was told who came at some moment: the log from there to its end, each stage once and in order, and
 * every text and citation of the replies that were written in that time, as they are stored.
 */
function expectTold(seen: readonly StreamEvent[], { log, messages }: Awaited<ReturnType<typeof readStored>>): void {
  const stages = listStages(seen);
  const [first] = stages;
  // One who comes while a reply is written is told of that first, wherever it stands in the log.
  const isUnderWay = !log.slice(-stages.length).includes(first ?? '');
  const rest = log.slice(log.length - stages.length + (isUnderWay ? 1 : 0));
  expect(stages.slice(isUnderWay ? 1 : 0)).toEqual(rest);

  const begun = stages.flatMap((stage) => {
    const [type = '', id = ''] = stage.split(' ');
    const isReply = messages.get(id)?.role === 'ASSISTANT';
    return isReply && (type === 'MessageCreated' || type === 'MessageStarted') ? [id] : [];
  });
  const texts = collectTexts(seen);
  for (const id of begun) {
    const stored = messages.get(id);
    expect(texts[id] ?? '').toBe(stored?.content);
    const citations = seen.flatMap(({ messageId, citation }) => (messageId === id ? (citation ?? []) : []));
    expect(citations).toEqual(JSON.parse(stored?.citations ?? '[]').map(toTold));
  }
  const told = new Set(seen.flatMap(({ messageId }) => messageId ?? []));
  expect([...told].filter((id) => !begun.includes(id))).toEqual([]);
  expect(new Set(seen.map(({ cursor }) => cursor)).size).toBe(seen.length);
  // The end of a text is told before anything is said of what comes after it.
  for (const [index, { messageId }] of seen.entries()) {
    if (messageId === undefined) continue;
    expect(seen.slice(0, index).some((event) => endsMessage(event, messageId))).toBe(false);
  }
}

/** A citation as readers are told of it. */
const toTold = ({ title, quote, start, end }: StreamCitation): StreamCitation => ({ title, quote, start, end });

describe('conversationEvents', () => {
  it.each([
    ...[1, 2, 3, 4, 5, 6].map((seed) => ({ seed, percent: 0, steps: 120 })),
    ...[7, 8, 9, 10].map((seed) => ({ seed, percent: 30, steps: 80 })),
    ...[11, 12].map((seed) => ({ seed, percent: 100, steps: 40 })),
  ])(
    'gives 25 readers that disconnect and resume at random all that is stored, when $percent % of the hints are lost (seed $seed)',
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
      for (const seen of [stayed.events, ...visitors.map((visitor) => visitor.seen)]) expectTold(seen, stored);
      expect(listStages(inbox.events)).toEqual(stored.log.slice(-inbox.events.length));
      expect(follower.text).toBe(stored.messages.get(last)?.content);
      await expectNothingLeft(gateway, before);
    },
  );
});
