import { randomUUID } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { createChatbot } from '../helpers/chatbots.ts';
import { type Cluster, type ClusterNode, fetchStatus, measureMsUntil, startCluster } from '../helpers/cluster.ts';
import { endsMessage, waitForMessageEvent } from '../helpers/conversations.ts';
import { hasPostgres } from '../helpers/databases.ts';
import type { FaultProxy } from '../helpers/network.ts';
import { hasRedis, startRedis } from '../helpers/nodes.ts';
import { isAlive } from '../helpers/process.ts';
import { createRandom } from '../helpers/random.ts';
import { restEvents } from '../helpers/rest-stream.ts';
import { joinDeltas, type StreamEvent, serverSentEvents, webSocket } from '../helpers/streams.ts';
import { mutation } from '../schema/support.ts';
import {
  expectAllReceived,
  expectAllStored,
  expectGaplessLog,
  expectStartedInOrder,
  hasReceivedAllEnds,
  indexState,
} from './conversation-checks.ts';
import { ANSWERS, FALLBACK, SOURCE } from './questions.ts';
import { keepSending, sendUntilAcknowledged, startConversation } from './resilient-client.ts';

/** The duration and the kind of the outages. A thorough run uses 30 seconds and `OUTAGE_KIND=stall`. */
const OUTAGE_MS = Number(process.env.OUTAGE_SECONDS ?? 8) * 1_000;
const OUTAGE_KIND = process.env.OUTAGE_KIND === 'stall' ? 'stall' : 'disconnect';
/** The latency of the proxies in the outage test. */
const OUTAGE_DELAY_MS = Number(process.env.OUTAGE_DELAY_MS ?? 0);
const SEED = Number(process.env.OUTAGE_SEED ?? Date.now() % 1_000_000);
const TEST_TIMEOUT = { timeout: 240_000 };
/** With latency, a send alone takes seconds, because sends to one chatbot wait for each other. */
const RECOVERED_WITHIN_MS = OUTAGE_DELAY_MS > 0 ? 30_000 : 5_000;
const CLEANED_UP_WITHIN_MS = 20_000;
/** The minimum number of deltas of a reply that is streamed live; a reply sent only at checkpoints has fewer deltas. */
const MIN_LIVE_DELTAS = 12;

const LONG_ANSWER_QUESTION = [...ANSWERS.keys()].at(-1) ?? '';

/** Starts two gateways with a chatbot that takes seconds for a long answer. */
async function startClusterWithChatbot(env: Readonly<Record<string, string>> = {}, options?: { delayMs: number }) {
  const cluster = await startCluster({ BUILTIN_DELAY_MS: '12', ...env }, options);
  const [a] = cluster.nodes;
  const chatbotId = await createChatbot({ ...cluster, ...a }, { fallbackMessage: FALLBACK, sources: [SOURCE] });
  const send = (
    node: ClusterNode,
    input: { conversationId?: string; content?: string; clientMessageId?: string } = {},
  ) =>
    sendUntilAcknowledged(clientOf(node), {
      ...(input.conversationId ? {} : { chatbotId, sessionId: randomUUID() }),
      ...{ content: LONG_ANSWER_QUESTION, clientMessageId: randomUUID(), whenBusy: 'ENQUEUE' as const },
      ...input,
    });
  return { cluster, a, b: cluster.nodes[1], chatbotId, send };
}

/** Creates a client that uses one node only. */
const clientOf = (node: ClusterNode) => ({ ...node, liveGateway: Promise.resolve(node), faultCount: 0 });

const countDeltas = (events: readonly StreamEvent[]) => events.filter(({ text }) => text !== undefined).length;

async function readStoredMessage(cluster: Cluster, id: string) {
  const { messages } = await cluster.readStore();
  return messages.find((message) => message.id === id);
}

/** Prints measurements if `OUTAGE_REPORT` is set. */
function report(what: string, figures: object): void {
  if (process.env.OUTAGE_REPORT) process.stderr.write(`${what}: ${JSON.stringify(figures)}\n`);
}

/** Counts a node's warnings and errors, by message. */
function countWarnings({ process }: ClusterNode): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const line of process.stderr.split('\n')) {
    const { level = 0, msg = '', task } = line.startsWith('{') ? JSON.parse(line) : {};
    const what = task === undefined ? msg : `${msg}: ${task}`;
    if (level >= 40) counts[what] = (counts[what] ?? 0) + 1;
  }
  return counts;
}

/** Sends a message to a node, and resolves when the other node streams the reply live. */
async function expectLiveStream(
  from: ClusterNode,
  to: ClusterNode,
  send: Awaited<ReturnType<typeof startClusterWithChatbot>>['send'],
) {
  const { replyId } = await send(from);
  const reader = webSocket.subscribe(to, { messageId: replyId });
  try {
    await reader.until(() => countDeltas(reader.events) >= MIN_LIVE_DELTAS);
  } finally {
    reader.unsubscribe();
  }
}

describe.runIf(hasPostgres && hasRedis)('two gateways on one Postgres and one Redis', () => {
  it.each([
    { network: 'without latency', delayMs: 0 },
    { network: 'with a latency of 50 ms and split chunks', delayMs: 50 },
  ])("stream each other's replies as they are generated, $network", TEST_TIMEOUT, async ({ delayMs }) => {
    const { cluster, a, b, send } = await startClusterWithChatbot({}, { delayMs });
    const { replyId, conversationId } = await send(a);
    const readers = [
      webSocket.subscribe(b, { messageId: replyId }),
      serverSentEvents.subscribe(b, { messageId: replyId }),
      webSocket.subscribe(b, { conversationId }),
      serverSentEvents.subscribe(b, { conversationId }),
      restEvents.subscribe(b, { conversationId }),
    ];
    // Another reader alternates between the nodes, and resumes from its last cursor.
    const received: StreamEvent[] = [];
    for (let attempt = 0; !received.some((event) => endsMessage(event, replyId)); attempt++) {
      const node = [b, a][attempt % 2] ?? a;
      const reader = webSocket.subscribe(node, { messageId: replyId, after: received.at(-1)?.cursor });
      await Promise.race([reader.until(() => countDeltas(reader.events) >= 5).catch(() => {}), reader.ended]);
      reader.unsubscribe();
      received.push(...reader.events);
    }
    await Promise.all(readers.map((reader) => waitForMessageEvent(reader, 'MessageCompleted', replyId)));
    const stored = await readStoredMessage(cluster, replyId);
    expect(stored).toMatchObject({ status: 'COMPLETED', content: FALLBACK });
    for (const { events } of [...readers, { events: received }]) {
      expect(joinDeltas(events)).toBe(FALLBACK);
      expect(countDeltas(events)).toBeGreaterThan(MIN_LIVE_DELTAS);
    }
    report('follow', { delayMs, pieces: readers.map(({ events }) => countDeltas(events)) });
    for (const reader of readers) reader.unsubscribe();
  });

  it('end the replies of a killed gateway within 20 seconds, and start the queued ones', TEST_TIMEOUT, async () => {
    const { cluster, a, b, chatbotId, send } = await startClusterWithChatbot();
    const first = await send(a);
    const { conversationId, replyId } = first;
    const second = await send(b, { conversationId, content: [...ANSWERS.keys()][0] ?? '' });
    const readers = [
      webSocket.subscribe(b, { conversationId }),
      serverSentEvents.subscribe(b, { messageId: replyId }),
      restEvents.subscribe(b, { conversationId }),
    ];
    await Promise.all(readers.map((reader) => reader.until(({ offset = 0 }) => offset > FALLBACK.length / 2)));
    // When the node dies, some of these messages fail, some are committed but not acknowledged, and some acknowledged.
    const inputs = Array.from({ length: 40 }, (_, index) => ({
      ...{ chatbotId, sessionId: `${index % 20}`, content: 'Who pays the postage of a returned parcel?' },
      ...{ clientMessageId: `${index}`, whenBusy: 'ENQUEUE' as const },
    }));
    let acknowledged = 0;
    const requests = inputs.map(async (input) => {
      await a.graphql(mutation('sendMessage'), { input });
      acknowledged++;
    });
    const requestsDone = Promise.allSettled(requests);
    await vi.waitFor(() => expect(acknowledged).toBeGreaterThan(inputs.length / 4), { timeout: 5_000, interval: 1 });
    const killedAt = Date.now();
    await cluster.kill(a);
    await requestsDone;
    const resent = await Promise.all(inputs.map((input) => sendUntilAcknowledged(cluster, input)));

    await Promise.all(readers.map((reader) => waitForMessageEvent(reader, 'MessageInterrupted', replyId)));
    const tookMs = Date.now() - killedAt;
    expect(tookMs).toBeLessThan(CLEANED_UP_WITHIN_MS);
    const [overWebSocket, , overRest] = readers;
    for (const reader of [overWebSocket, overRest])
      if (reader) await waitForMessageEvent(reader, 'MessageCompleted', second.replyId);
    const interruptedReply = await readStoredMessage(cluster, replyId);
    const saved = interruptedReply?.content ?? '';
    expect([interruptedReply?.status, FALLBACK.startsWith(saved), saved.length > 0]).toEqual([
      'INTERRUPTED',
      true,
      true,
    ]);
    for (const { events } of readers) {
      const text = joinDeltas(events.filter(({ messageId }) => messageId === replyId));
      expect(FALLBACK.startsWith(text)).toBe(true);
      expect(text.startsWith(saved)).toBe(true);
      expect(events.find((event) => endsMessage(event, replyId))?.message?.content).toBe(saved);
    }
    for (const reader of readers) reader.unsubscribe();

    const regenerated = await b.graphql<{ regenerateMessage: { reply: { id: string } } }>(
      mutation('regenerateMessage', 'reply { id }'),
      { input: { id: replyId } },
    );
    const { id: newId } = regenerated.data.regenerateMessage.reply;
    await webSocket.subscribe(b, { messageId: newId }).ended;
    expect(await readStoredMessage(cluster, newId)).toMatchObject({ status: 'COMPLETED', content: FALLBACK });

    // Every message that was sent twice is stored once, and its reply has ended.
    for (const { replyId: messageId } of resent) await webSocket.subscribe(b, { messageId }).ended;
    const state = indexState(await cluster.readStore());
    expectGaplessLog(state);
    expectStartedInOrder(state);
    const { messages } = state;
    const sent = messages.filter(({ content, role }) => role === 'USER' && content === inputs[0]?.content);
    expect(sent.map(({ id }) => id).sort()).toEqual(resent.map(({ messageId }) => messageId).sort());
    expect(messages.filter(({ status }) => status === 'STREAMING' || status === 'QUEUED')).toEqual([]);
    const interrupted = messages.filter(({ status }) => status === 'INTERRUPTED').length;
    report('kill', { tookMs, acknowledged, of: inputs.length, interrupted, saved: saved.length });
  });

  const outage = `while Redis, then Postgres, is unavailable for ${OUTAGE_MS / 1_000} s`;
  const title = `lose nothing ${outage}, and recover within ${RECOVERED_WITHIN_MS / 1_000} s (seed ${SEED})`;
  it(title, TEST_TIMEOUT, async () => {
    const env = { BUILTIN_DELAY_MS: '15' };
    const { cluster, a, b, chatbotId, send } = await startClusterWithChatbot(env, { delayMs: OUTAGE_DELAY_MS });
    const sending = new AbortController();
    const reading = new AbortController();
    onTestFinished(() => {
      sending.abort();
      reading.abort();
    });
    const questions = [...ANSWERS.keys()];
    const conversations = await Promise.all(
      [1, 2, 3, 4].map((n) =>
        startConversation(cluster, { chatbotId, questions, random: createRandom(SEED + n) }, reading.signal),
      ),
    );
    const sendingDone = Promise.all(
      conversations.map((conversation) => keepSending(cluster, conversation, sending.signal)),
    );
    const countSent = () => conversations.reduce((count, { sent }) => count + sent.length, 0);

    /** Simulates an outage of a server under load, runs `check` meanwhile, and measures the recovery. */
    async function measureOutage(proxy: FaultProxy, check: () => Promise<void>): Promise<object> {
      const before = countSent();
      const outageDone = cluster.simulateOutage(proxy, OUTAGE_KIND, OUTAGE_MS);
      await Promise.race([setTimeout(OUTAGE_MS / 4), sendingDone]);
      await check();
      await Promise.race([outageDone, sendingDone]);
      const sent = countSent() - before;
      const recoveryMs = await measureMsUntil(RECOVERED_WITHIN_MS, async () => {
        await Promise.all([expectLiveStream(a, b, send), expectLiveStream(b, a, send)]);
        for (const node of [a, b]) expect(await fetchStatus(node, '/ready')).toBe(200);
      });
      return { sent, recoveryMs };
    }

    /** Requests several paths of both nodes concurrently, because requests that wait for a server take long to fail. */
    const fetchStatuses = (paths: readonly string[]) =>
      Promise.all([a, b].map((node) => Promise.all(paths.map((path) => fetchStatus(node, path)))));
    const withoutRedis = await measureOutage(cluster.redisProxy, async () => {
      const served = [200, 200];
      expect(await fetchStatuses(['/ready', '/v1/chatbots'])).toEqual([served, served]);
    });
    const withoutPostgres = await measureOutage(cluster.postgresProxy, async () => {
      const [statuses, ...refusals] = await Promise.all([
        fetchStatuses(['/health', '/ready', '/v1/chatbots']),
        ...[a, b].map((node) => node.graphql('{ chatbots { nodes { id } } }')),
      ]);
      const unavailable = [200, 503, 503];
      expect(statuses).toEqual([unavailable, unavailable]);
      for (const { errors } of refusals) expect(errors?.[0]?.extensions.code).toBe('SERVICE_UNAVAILABLE');
    });
    sending.abort();
    await sendingDone;
    await vi.waitFor(() => expect(conversations.map(hasReceivedAllEnds)).not.toContain(false), 30_000);
    reading.abort();
    for (const { readers, replyReaders } of conversations) {
      await Promise.all([...readers, ...replyReaders.values()].map(({ done }) => done));
    }
    for (const { process } of [a, b]) expect(isAlive(process.pid)).toBe(true);

    const state = indexState(await cluster.readStore());
    expectGaplessLog(state);
    expectStartedInOrder(state);
    for (const conversation of conversations) {
      expectAllStored(state, conversation);
      expectAllReceived(state, conversation, () => 0);
    }
    expect(state.replies.filter(({ status }) => status === 'INTERRUPTED')).toEqual([]);
    expect(state.usedMessages).toBe(state.replies.filter(({ content }) => content !== '').length);
    const logged = [a, b].map(countWarnings);
    report('outages', {
      ...{ kind: OUTAGE_KIND, withoutRedis, withoutPostgres, messages: state.replies.length },
      logged,
    });
    for (const counts of logged) {
      expect(counts['Redis is unavailable; continuing without it']).toBe(1);
      expect(counts['cannot check open replies; retrying']).toBe(1);
      expect(counts['background task failed: save checkpoints'] ?? 0).toBeLessThanOrEqual(1);
    }
  });

  it('allow exactly 60 of 180 concurrent requests of a key, and at most 60 without Redis', TEST_TIMEOUT, async () => {
    const redis = await startRedis();
    const { a, b } = await startClusterWithChatbot({ RATE_LIMIT_PER_MINUTE: '60', REDIS_URL: redis.url });
    const createKey = async () => {
      const created = await a.graphql<{ createApiKey: { key: string } }>(mutation('createApiKey', 'key'), {
        input: { name: 'Test key' },
      });
      return created.data.createApiKey.key;
    };
    const countAccepted = async (key: string) => {
      const requests = Array.from({ length: 180 }, (_, i) =>
        fetchStatus({ url: (i % 2 ? a : b).url, key }, '/v1/chatbots'),
      );
      const statuses = await Promise.all(requests);
      expect(statuses.filter((status) => status !== 200 && status !== 429)).toEqual([]);
      return statuses.filter((status) => status === 200).length;
    };
    const [key, otherKey] = [await createKey(), await createKey()];
    expect(await countAccepted(key)).toBe(60);
    await redis.stop();
    expect(await countAccepted(key)).toBe(0);
    const accepted = await countAccepted(otherKey);
    expect(accepted).toBeGreaterThan(0);
    expect(accepted).toBeLessThanOrEqual(60);
  });
});
