import { randomUUID } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { createChatbot } from '../helpers/chatbots.ts';
import { type Cluster, type ClusterNode, measure, startCluster, statusOf } from '../helpers/cluster.ts';
import { endsMessage, stageOf } from '../helpers/conversations.ts';
import { hasPostgres } from '../helpers/databases.ts';
import type { Wire } from '../helpers/network.ts';
import { hasRedis, startRedis } from '../helpers/nodes.ts';
import { isAlive } from '../helpers/process.ts';
import { createRandom } from '../helpers/random.ts';
import { restEvents } from '../helpers/rest-stream.ts';
import { type StreamEvent, serverSentEvents, textOf, webSocket } from '../helpers/streams.ts';
import { mutation } from '../schema/support.ts';
import {
  arrange,
  expectAllReceived,
  expectAllStored,
  expectGaplessLog,
  expectStartedInOrder,
  hasReceivedAllEnds,
} from './aftermath.ts';
import { ANSWERS, FALLBACK, SOURCE } from './questions.ts';
import { begin, goOn, send } from './talk.ts';

/** How long a server is unreachable, and how: `cut` or `silence`. A thorough run uses 30 seconds and `silence`. */
const OUTAGE_MS = Number(process.env.OUTAGE_SECONDS ?? 8) * 1_000;
const OUTAGE = process.env.OUTAGE_KIND === 'silence' ? 'silence' : 'cut';
/** The latency of the wires during the outages. */
const OUTAGE_DELAY_MS = Number(process.env.OUTAGE_DELAY_MS ?? 0);
const SEED = Number(process.env.OUTAGE_SEED ?? Date.now() % 1_000_000);
const LIMIT = { timeout: 240_000 };
/** Over slow wires a send alone takes seconds, because sends to one chatbot wait for each other. */
const RECOVERED_WITHIN_MS = OUTAGE_DELAY_MS > 0 ? 30_000 : 5_000;
const CLEANED_UP_WITHIN_MS = 20_000;
/** The least number of deltas of a live answer; one sent at its end, or at each checkpoint, has fewer. */
const MANY_PIECES = 12;

const LONG = [...ANSWERS.keys()].at(-1) ?? '';

/** Starts two gateways with a chatbot that takes seconds for a long answer. */
async function open(env: Readonly<Record<string, string>> = {}, options?: { delayMs: number }) {
  const cluster = await startCluster({ BUILTIN_DELAY_MS: '12', ...env }, options);
  const [a] = cluster.nodes;
  const chatbotId = await createChatbot({ ...cluster, ...a }, { fallbackMessage: FALLBACK, sources: [SOURCE] });
  const say = (node: ClusterNode, what: { conversationId?: string; content?: string; clientMessageId?: string } = {}) =>
    send(hostOf(node), {
      ...(what.conversationId ? {} : { chatbotId, sessionId: randomUUID() }),
      ...{ content: LONG, clientMessageId: randomUUID(), whenBusy: 'ENQUEUE' as const },
      ...what,
    });
  return { cluster, a, b: cluster.nodes[1], chatbotId, say };
}

/** A host that uses one node only. */
const hostOf = (node: ClusterNode) => ({ ...node, current: Promise.resolve(node), breaks: 0 });

const countPieces = (events: readonly StreamEvent[]) => events.filter(({ text }) => text !== undefined).length;

async function storedOf(cluster: Cluster, id: string) {
  const { messages } = await cluster.readStore();
  return messages.find((message) => message.id === id);
}

/** Prints measurements if `OUTAGE_REPORT` is set. */
function report(what: string, figures: object): void {
  if (process.env.OUTAGE_REPORT) process.stderr.write(`${what}: ${JSON.stringify(figures)}\n`);
}

/** Counts a node's warnings and errors, by message. */
function countLogged({ process }: ClusterNode): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const line of process.stderr.split('\n')) {
    const { level = 0, msg = '', task } = line.startsWith('{') ? JSON.parse(line) : {};
    const what = task === undefined ? msg : `${msg}: ${task}`;
    if (level >= 40) counts[what] = (counts[what] ?? 0) + 1;
  }
  return counts;
}

/** Sends a message to one node, and resolves when the other streams its reply live. */
async function serveLive(from: ClusterNode, to: ClusterNode, say: Awaited<ReturnType<typeof open>>['say']) {
  const { replyId } = await say(from);
  const reader = webSocket.subscribe(to, { messageId: replyId });
  try {
    await reader.until(() => countPieces(reader.events) >= MANY_PIECES);
  } finally {
    reader.leave();
  }
}

describe.runIf(hasPostgres && hasRedis)('two gateways on one Postgres and one Redis', () => {
  it.each([
    { wires: 'fast wires', delayMs: 0 },
    { wires: 'wires that delay by 50 ms and split chunks', delayMs: 50 },
  ])("stream each other's replies as they are generated, over $wires", LIMIT, async ({ delayMs }) => {
    const { cluster, a, b, say } = await open({}, { delayMs });
    const { replyId, conversationId } = await say(a);
    const readers = [
      webSocket.subscribe(b, { messageId: replyId }),
      serverSentEvents.subscribe(b, { messageId: replyId }),
      webSocket.subscribe(b, { conversationId }),
      serverSentEvents.subscribe(b, { conversationId }),
      restEvents.subscribe(b, { conversationId }),
    ];
    // One reader alternates between the nodes, and resumes from its last cursor.
    const received: StreamEvent[] = [];
    for (let attempt = 0; !received.some((event) => endsMessage(event, replyId)); attempt++) {
      const node = [b, a][attempt % 2] ?? a;
      const reader = webSocket.subscribe(node, { messageId: replyId, after: received.at(-1)?.cursor });
      await Promise.race([reader.until(() => countPieces(reader.events) >= 5).catch(() => {}), reader.ended]);
      reader.leave();
      received.push(...reader.events);
    }
    await Promise.all(readers.map((reader) => stageOf(reader, 'MessageCompleted', replyId)));
    const stored = await storedOf(cluster, replyId);
    expect(stored).toMatchObject({ status: 'COMPLETED', content: FALLBACK });
    for (const { events } of [...readers, { events: received }]) {
      expect(textOf(events)).toBe(FALLBACK);
      expect(countPieces(events)).toBeGreaterThan(MANY_PIECES);
    }
    report('follow', { delayMs, pieces: readers.map(({ events }) => countPieces(events)) });
    for (const reader of readers) reader.leave();
  });

  it('end the replies of a killed gateway within 20 seconds, and start the queued ones', LIMIT, async () => {
    const { cluster, a, b, chatbotId, say } = await open();
    const first = await say(a);
    const { conversationId, replyId } = first;
    const second = await say(b, { conversationId, content: [...ANSWERS.keys()][0] ?? '' });
    const readers = [
      webSocket.subscribe(b, { conversationId }),
      serverSentEvents.subscribe(b, { messageId: replyId }),
      restEvents.subscribe(b, { conversationId }),
    ];
    await Promise.all(readers.map((reader) => reader.until(({ offset = 0 }) => offset > FALLBACK.length / 2)));
    // When the node dies, some of these are rejected, some committed but not acknowledged, and some acknowledged.
    const inputs = Array.from({ length: 40 }, (_, index) => ({
      ...{ chatbotId, sessionId: `${index % 20}`, content: 'Who pays the postage of a returned parcel?' },
      ...{ clientMessageId: `${index}`, whenBusy: 'ENQUEUE' as const },
    }));
    let answered = 0;
    const sending = inputs.map(async (input) => {
      await a.graphql(mutation('sendMessage'), { input });
      answered++;
    });
    const sendings = Promise.allSettled(sending);
    await vi.waitFor(() => expect(answered).toBeGreaterThan(inputs.length / 4), { timeout: 5_000, interval: 1 });
    const killedAt = Date.now();
    await cluster.kill(a);
    await sendings;
    const resent = await Promise.all(inputs.map((input) => send(cluster, input)));

    await Promise.all(readers.map((reader) => stageOf(reader, 'MessageInterrupted', replyId)));
    const tookMs = Date.now() - killedAt;
    expect(tookMs).toBeLessThan(CLEANED_UP_WITHIN_MS);
    const [whole, , overRest] = readers;
    for (const reader of [whole, overRest]) if (reader) await stageOf(reader, 'MessageCompleted', second.replyId);
    const cut = await storedOf(cluster, replyId);
    const saved = cut?.content ?? '';
    expect([cut?.status, FALLBACK.startsWith(saved), saved.length > 0]).toEqual(['INTERRUPTED', true, true]);
    for (const { events } of readers) {
      const text = textOf(events.filter(({ messageId }) => messageId === replyId));
      expect(FALLBACK.startsWith(text)).toBe(true);
      expect(text.startsWith(saved)).toBe(true);
      expect(events.find((event) => endsMessage(event, replyId))?.message?.content).toBe(saved);
    }
    for (const reader of readers) reader.leave();

    const again = await b.graphql<{ regenerateMessage: { reply: { id: string } } }>(
      mutation('regenerateMessage', 'reply { id }'),
      { input: { messageId: replyId } },
    );
    const { id: newId } = again.data.regenerateMessage.reply;
    await webSocket.subscribe(b, { messageId: newId }).ended;
    expect(await storedOf(cluster, newId)).toMatchObject({ status: 'COMPLETED', content: FALLBACK });

    // Every message that was sent twice is stored once, and its reply has ended.
    for (const { replyId: messageId } of resent) await webSocket.subscribe(b, { messageId }).ended;
    const arranged = arrange(await cluster.readStore());
    expectGaplessLog(arranged);
    expectStartedInOrder(arranged);
    const { messages } = arranged;
    const sent = messages.filter(({ content, role }) => role === 'USER' && content === inputs[0]?.content);
    expect(sent.map(({ id }) => id).sort()).toEqual(resent.map(({ messageId }) => messageId).sort());
    expect(messages.filter(({ status }) => status === 'STREAMING' || status === 'QUEUED')).toEqual([]);
    const interrupted = messages.filter(({ status }) => status === 'INTERRUPTED').length;
    report('kill', { tookMs, answered, of: inputs.length, interrupted, saved: saved.length });
  });

  const outage = `while Redis, then Postgres, is unavailable for ${OUTAGE_MS / 1_000} s`;
  const title = `lose nothing ${outage}, and recover within 5 s (seed ${SEED})`;
  it(title, LIMIT, async () => {
    const env = { BUILTIN_DELAY_MS: '15' };
    const { cluster, a, b, chatbotId, say } = await open(env, { delayMs: OUTAGE_DELAY_MS });
    const sending = new AbortController();
    const over = new AbortController();
    onTestFinished(() => {
      sending.abort();
      over.abort();
    });
    const questions = [...ANSWERS.keys()];
    const conversations = await Promise.all(
      [1, 2, 3, 4].map((n) => begin(cluster, { chatbotId, questions, random: createRandom(SEED + n) }, over.signal)),
    );
    const going = Promise.all(conversations.map((conversation) => goOn(cluster, conversation, sending.signal)));
    const countSent = () => conversations.reduce((count, { sent }) => count + sent.length, 0);

    /** Interrupts a server under load, runs `look` meanwhile, and measures how long the nodes take to recover. */
    async function interrupt(wire: Wire, look: () => Promise<void>): Promise<object> {
      const before = countSent();
      const gone = cluster.away(wire, OUTAGE, OUTAGE_MS);
      await Promise.race([setTimeout(OUTAGE_MS / 4), going]);
      await look();
      await Promise.race([gone, going]);
      const sent = countSent() - before;
      const recoveryMs = await measure(RECOVERED_WITHIN_MS, async () => {
        await Promise.all([serveLive(a, b, say), serveLive(b, a, say)]);
        for (const node of [a, b]) expect(await statusOf(node, '/ready')).toBe(200);
      });
      return { sent, recoveryMs };
    }

    /** Requests several paths of both nodes concurrently, because requests to a silent server take long to fail. */
    const askBoth = (paths: readonly string[]) =>
      Promise.all([a, b].map((node) => Promise.all(paths.map((path) => statusOf(node, path)))));
    const withoutRedis = await interrupt(cluster.redis, async () => {
      const served = [200, 200];
      expect(await askBoth(['/ready', '/v1/chatbots'])).toEqual([served, served]);
    });
    const withoutPostgres = await interrupt(cluster.postgres, async () => {
      const [statuses, ...refusals] = await Promise.all([
        askBoth(['/health', '/ready', '/v1/chatbots']),
        ...[a, b].map((node) => node.graphql('{ chatbots { nodes { id } } }')),
      ]);
      const away = [200, 503, 503];
      expect(statuses).toEqual([away, away]);
      for (const { errors } of refusals) expect(errors?.[0]?.extensions.code).toBe('SERVICE_UNAVAILABLE');
    });
    sending.abort();
    await going;
    await vi.waitFor(() => expect(conversations.map(hasReceivedAllEnds)).not.toContain(false), 30_000);
    over.abort();
    for (const { readers, followers } of conversations) {
      await Promise.all([...readers, ...followers.values()].map(({ done }) => done));
    }
    for (const { process } of [a, b]) expect(isAlive(process.pid)).toBe(true);

    const arranged = arrange(await cluster.readStore());
    expectGaplessLog(arranged);
    expectStartedInOrder(arranged);
    for (const conversation of conversations) {
      expectAllStored(arranged, conversation);
      expectAllReceived(arranged, conversation, () => 0);
    }
    expect(arranged.replies.filter(({ status }) => status === 'INTERRUPTED')).toEqual([]);
    expect(arranged.used).toBe(arranged.replies.filter(({ content }) => content !== '').length);
    const logged = [a, b].map(countLogged);
    report('outages', {
      ...{ kind: OUTAGE, withoutRedis, withoutPostgres, messages: arranged.replies.length },
      logged,
    });
    for (const counts of logged) {
      expect(counts['Redis is unavailable; continuing without it']).toBe(1);
      expect(counts['cannot check open replies; retrying']).toBe(1);
      expect(counts['background task failed: save checkpoints'] ?? 0).toBeLessThanOrEqual(1);
    }
  });

  it('allow exactly 60 of 180 concurrent requests of a key, and at most as many without Redis', LIMIT, async () => {
    const redis = await startRedis();
    const { a, b } = await open({ RATE_LIMIT_PER_MINUTE: '60', REDIS_URL: redis.url });
    const createKey = async () => {
      const created = await a.graphql<{ createApiKey: { key: string } }>(mutation('createApiKey', 'key'), {
        input: { name: 'Test key' },
      });
      return created.data.createApiKey.key;
    };
    const askAll = async (key: string) => {
      const requests = Array.from({ length: 180 }, (_, i) =>
        statusOf({ url: (i % 2 ? a : b).url, key }, '/v1/chatbots'),
      );
      const statuses = await Promise.all(requests);
      expect(statuses.filter((status) => status !== 200 && status !== 429)).toEqual([]);
      return statuses.filter((status) => status === 200).length;
    };
    const [one, other] = [await createKey(), await createKey()];
    expect(await askAll(one)).toBe(60);
    await redis.stop();
    expect(await askAll(one)).toBe(0);
    const passed = await askAll(other);
    expect(passed).toBeGreaterThan(0);
    expect(passed).toBeLessThanOrEqual(60);
  });
});
