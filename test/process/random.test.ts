import { setTimeout } from 'node:timers/promises';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { describeMessageEvents } from '../helpers/conversations.ts';
import { hasPostgres, POSTGRES, SQLITE } from '../helpers/databases.ts';
import { hasRedis } from '../helpers/nodes.ts';
import { createRandom } from '../helpers/random.ts';
import { readAllRows, startChaosCluster } from './chaos-cluster.ts';
import { findContradictions } from './consistency-checks.ts';
import { createRandomClient } from './random-client.ts';

/** A long run takes minutes instead of seconds. The seed repeats a run as far as process timing allows. */
const MINUTES = Number(process.env.RANDOM_MINUTES ?? 0.1);
const SEED = Number(process.env.RANDOM_SEED ?? Date.now() % 1_000_000);
const CLIENTS = 3;
const MAX_FAULT_PAUSE_MS = 2_500;
const SETTLED_WITHIN_MS = 60_000;

const STACKS = [
  { name: 'one gateway on SQLite', engine: SQLITE, count: 1, isPossible: true },
  { name: 'two gateways on Postgres and Redis', engine: POSTGRES, count: 2, isPossible: hasPostgres && hasRedis },
];

describe.each(STACKS.filter(({ isPossible }) => isPossible))('$name', ({ name, engine, count }) => {
  const title = `no message is lost or duplicated despite kills, stops, lost connections and clock changes (seed ${SEED})`;
  it(title, { timeout: MINUTES * 60_000 + 240_000 }, async () => {
    const random = createRandom(SEED);
    const cluster = await startChaosCluster(engine, count, random);
    const acting = new AbortController();
    onTestFinished(() => {
      acting.abort();
      for (const { conversations } of clients) for (const { unsubscribe } of conversations) unsubscribe();
    });
    const clients = Array.from({ length: CLIENTS }, (_, index) =>
      createRandomClient(cluster, createRandom(SEED + index + 1)),
    );
    const actionsDone = Promise.all(clients.map((client) => client.performActions(acting.signal)));
    const until = performance.now() + MINUTES * 60_000;
    while (performance.now() < until) {
      await Promise.race([setTimeout(random.below(MAX_FAULT_PAUSE_MS)), actionsDone]);
      await cluster.injectFault();
    }
    acting.abort();
    await actionsDone;

    const conversations = clients.flatMap((client) => client.conversations);
    const expectSettled = async () => {
      const { messages, chatbots } = await readAllRows(cluster.databaseUrl);
      expect(messages.filter(({ status }) => status === 'QUEUED' || status === 'STREAMING')).toEqual([]);
      expect(chatbots.filter(({ deleted_at }) => deleted_at !== null)).toEqual([]);
    };
    await vi.waitFor(expectSettled, { timeout: SETTLED_WITHIN_MS, interval: 500 });
    const rows = await readAllRows(cluster.databaseUrl);
    const lastEvents = new Map(
      rows.events.flatMap(({ conversation_id, type, message_id }) =>
        message_id === null ? [] : [[conversation_id, `${type} ${message_id}`]],
      ),
    );
    const expectLastEventsReceived = () => {
      for (const { id, readers } of clients.flatMap(({ openConversations }) => openConversations)) {
        for (const { events, errors } of readers) {
          const lastReceived = describeMessageEvents(events).at(-1);
          expect(lastReceived, `${id}: ${describeMessageEvents(events).slice(-4)} ${errors}`).toBe(
            lastReceived && lastEvents.get(id),
          );
        }
      }
    };
    await vi.waitFor(expectLastEventsReceived, { timeout: SETTLED_WITHIN_MS, interval: 100 });
    for (const { unsubscribe, readers } of conversations) {
      unsubscribe();
      await Promise.all(readers.map(({ done }) => done));
    }
    cluster.recordRemainingErrors();
    if (process.env.RANDOM_REPORT) {
      const figures = {
        seed: SEED,
        minutes: MINUTES,
        messages: rows.messages.length,
        deletedReplies: rows.deletedReplyCount,
      };
      process.stderr.write(`${name}: ${JSON.stringify({ ...figures, ...cluster.counts }, null, 1)}\n`);
    }
    expect([...cluster.problems, ...findContradictions(rows, conversations)]).toEqual([]);
  });
});
