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
import { arrange, expectAllStored, expectAllTold, expectBegunInOrder, expectWholeLog, isAllTold } from './aftermath.ts';
import { ANSWERS, FALLBACK, SOURCE } from './questions.ts';
import { begin, goOn, send } from './talk.ts';

/** How long a server is away, and how: who has time gives it 30 seconds, and lets it swallow what is said to it. */
const OUTAGE_MS = Number(process.env.OUTAGE_SECONDS ?? 8) * 1_000;
const OUTAGE = process.env.OUTAGE_KIND === 'silence' ? 'silence' : 'cut';
/** How slow the wires are while that is tried. */
const OUTAGE_DELAY_MS = Number(process.env.OUTAGE_DELAY_MS ?? 0);
const SEED = Number(process.env.OUTAGE_SEED ?? Date.now() % 1_000_000);
const LIMIT = { timeout: 240_000 };
/** Over slow wires a send alone takes seconds, as those of one chatbot wait for each other. */
const WHOLE_WITHIN_MS = OUTAGE_DELAY_MS > 0 ? 30_000 : 5_000;
const BURIED_WITHIN_MS = 20_000;
/** Of an answer that comes when it is whole, or once a second when it is saved, there would be fewer. */
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

/** One who talks to a node and to no other. */
const hostOf = (node: ClusterNode) => ({ ...node, current: Promise.resolve(node), breaks: 0 });

const countPieces = (events: readonly StreamEvent[]) => events.filter(({ text }) => text !== undefined).length;

async function storedOf(cluster: Cluster, id: string) {
  const { messages } = await cluster.readStore();
  return messages.find((message) => message.id === id);
}

/** Says what was measured, to who asks for it. */
function report(what: string, figures: object): void {
  if (process.env.OUTAGE_REPORT) process.stderr.write(`${what}: ${JSON.stringify(figures)}\n`);
}

/** What a node has logged that is worth a look, and how often. */
function countLogged({ process }: ClusterNode): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const line of process.stderr.split('\n')) {
    const { level = 0, msg = '', task } = line.startsWith('{') ? JSON.parse(line) : {};
    const what = task === undefined ? msg : `${msg}: ${task}`;
    if (level >= 40) counts[what] = (counts[what] ?? 0) + 1;
  }
  return counts;
}

/** Resolves when a node is asked and another tells the answer live. */
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
    { wires: 'at once', delayMs: 0 },
    { wires: '50 ms later and in pieces', delayMs: 50 },
  ])("send each other's replies as they are generated, with Redis state: $wires", LIMIT, async ({ delayMs }) => {
    const { cluster, a, b, say } = await open({}, { delayMs });
    const { replyId, conversationId } = await say(a);
    const readers = [
      webSocket.subscribe(b, { messageId: replyId }),
      serverSentEvents.subscribe(b, { messageId: replyId }),
      webSocket.subscribe(b, { conversationId }),
      serverSentEvents.subscribe(b, { conversationId }),
      restEvents.subscribe(b, { conversationId }),
    ];
    // One goes from node to node with the same cursor.
    const seen: StreamEvent[] = [];
    for (let turn = 0; !seen.some((event) => endsMessage(event, replyId)); turn++) {
      const reader = webSocket.subscribe([b, a][turn % 2] ?? a, { messageId: replyId, after: seen.at(-1)?.cursor });
      await Promise.race([reader.until(() => countPieces(reader.events) >= 5).catch(() => {}), reader.ended]);
      reader.leave();
      seen.push(...reader.events);
    }
    await Promise.all(readers.map((reader) => stageOf(reader, 'MessageCompleted', replyId)));
    const stored = await storedOf(cluster, replyId);
    expect(stored).toMatchObject({ status: 'COMPLETED', content: FALLBACK });
    for (const { events } of [...readers, { events: seen }]) {
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
    // Of these some are refused, some committed and not answered, and some answered when it dies.
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
    expect(tookMs).toBeLessThan(BURIED_WITHIN_MS);
    const [whole, , overRest] = readers;
    for (const reader of [whole, overRest]) if (reader) await stageOf(reader, 'MessageCompleted', second.replyId);
    const cut = await storedOf(cluster, replyId);
    const saved = cut?.content ?? '';
    expect([cut?.status, FALLBACK.startsWith(saved), saved.length > 0]).toEqual(['INTERRUPTED', true, true]);
    for (const { events } of readers) {
      const told = textOf(events.filter(({ messageId }) => messageId === replyId));
      expect(FALLBACK.startsWith(told)).toBe(true);
      expect(told.startsWith(saved)).toBe(true);
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

    // What was sent and sent again was written once, and has ended.
    for (const { replyId: messageId } of resent) await webSocket.subscribe(b, { messageId }).ended;
    const arranged = arrange(await cluster.readStore());
    expectWholeLog(arranged);
    expectBegunInOrder(arranged);
    const { messages } = arranged;
    const sent = messages.filter(({ content, role }) => role === 'USER' && content === inputs[0]?.content);
    expect(sent.map(({ id }) => id).sort()).toEqual(resent.map(({ messageId }) => messageId).sort());
    expect(messages.filter(({ status }) => status === 'STREAMING' || status === 'QUEUED')).toEqual([]);
    const interrupted = messages.filter(({ status }) => status === 'INTERRUPTED').length;
    report('kill', { tookMs, answered, of: inputs.length, interrupted, saved: saved.length });
  });

  const title = `lose nothing while Redis, then Postgres, is away for ${OUTAGE_MS / 1_000} s, and are whole 5 s later (seed ${SEED})`;
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

    /** Takes a server away under load, looks around meanwhile, and says how long it took until all was whole again. */
    async function takeAway(wire: Wire, look: () => Promise<void>): Promise<object> {
      const before = countSent();
      const gone = cluster.away(wire, OUTAGE, OUTAGE_MS);
      await Promise.race([setTimeout(OUTAGE_MS / 4), going]);
      await look();
      await Promise.race([gone, going]);
      const sent = countSent() - before;
      const wholeMs = await measure(WHOLE_WITHIN_MS, async () => {
        await Promise.all([serveLive(a, b, say), serveLive(b, a, say)]);
        for (const node of [a, b]) expect(await statusOf(node, '/ready')).toBe(200);
      });
      return { sent, wholeMs };
    }

    /** Asks both for several things, all at the same time: what is silent takes its time to refuse. */
    const askBoth = (paths: readonly string[]) =>
      Promise.all([a, b].map((node) => Promise.all(paths.map((path) => statusOf(node, path)))));
    const withoutRedis = await takeAway(cluster.redis, async () => {
      const served = [200, 200];
      expect(await askBoth(['/ready', '/v1/chatbots'])).toEqual([served, served]);
    });
    const withoutPostgres = await takeAway(cluster.postgres, async () => {
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
    await vi.waitFor(() => expect(conversations.map(isAllTold)).not.toContain(false), 30_000);
    over.abort();
    for (const { readers, followers } of conversations) {
      await Promise.all([...readers, ...followers.values()].map(({ done }) => done));
    }
    for (const { process } of [a, b]) expect(isAlive(process.pid)).toBe(true);

    const arranged = arrange(await cluster.readStore());
    expectWholeLog(arranged);
    expectBegunInOrder(arranged);
    for (const conversation of conversations) {
      expectAllStored(arranged, conversation);
      expectAllTold(arranged, conversation, () => 0);
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

  it('allow exactly 60 of 180 concurrent requests, and no more without Redis', LIMIT, async () => {
    const redis = await startRedis();
    const { a, b } = await open({ RATE_LIMIT_PER_MINUTE: '60', REDIS_URL: redis.url });
    const createKey = async () => {
      const made = await a.graphql<{ createApiKey: { key: string } }>(mutation('createApiKey', 'key'), {
        input: { name: 'Test key' },
      });
      return made.data.createApiKey.key;
    };
    const askAll = async (key: string) => {
      const asked = Array.from({ length: 180 }, (_, i) => statusOf({ url: (i % 2 ? a : b).url, key }, '/v1/chatbots'));
      const statuses = await Promise.all(asked);
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
