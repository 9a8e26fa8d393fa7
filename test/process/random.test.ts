import { setTimeout } from 'node:timers/promises';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { describeMessageEvents } from '../helpers/conversations.ts';
import { hasPostgres, POSTGRES, SQLITE } from '../helpers/databases.ts';
import { hasRedis } from '../helpers/nodes.ts';
import { createRandom } from '../helpers/random.ts';
import { readAll, startFleet } from './fleet.ts';
import { createTalker } from './talkers.ts';
import { findProblems } from './verdict.ts';

/** A long run takes minutes instead of seconds. The seed repeats a run as far as process timing allows. */
const MINUTES = Number(process.env.RANDOM_MINUTES ?? 0.1);
const SEED = Number(process.env.RANDOM_SEED ?? Date.now() % 1_000_000);
const TALKERS = 3;
const BREAK_PAUSE_MS = 2_500;
const SETTLED_WITHIN_MS = 60_000;

const STACKS = [
  { name: 'a gateway on SQLite', engine: SQLITE, count: 1, isPossible: true },
  { name: 'two gateways on Postgres and Redis', engine: POSTGRES, count: 2, isPossible: hasPostgres && hasRedis },
];

describe.each(STACKS.filter(({ isPossible }) => isPossible))('$name', ({ name, engine, count }) => {
  const title = `lose and duplicate nothing despite kills, stops, cut connections and clock changes (seed ${SEED})`;
  it(title, { timeout: MINUTES * 60_000 + 240_000 }, async () => {
    const random = createRandom(SEED);
    const fleet = await startFleet(engine, count, random);
    const over = new AbortController();
    onTestFinished(() => {
      over.abort();
      for (const { talks } of talkers) for (const { leave } of talks) leave();
    });
    const talkers = Array.from({ length: TALKERS }, (_, index) => createTalker(fleet, createRandom(SEED + index + 1)));
    const acting = Promise.all(talkers.map((talker) => talker.act(over.signal)));
    const until = performance.now() + MINUTES * 60_000;
    while (performance.now() < until) {
      await Promise.race([setTimeout(random.below(BREAK_PAUSE_MS)), acting]);
      await fleet.breakSomething();
    }
    over.abort();
    await acting;

    const talks = talkers.flatMap((talker) => talker.talks);
    const isSettled = async () => {
      const { messages, chatbots } = await readAll(fleet.databaseUrl);
      expect(messages.filter(({ status }) => status === 'QUEUED' || status === 'STREAMING')).toEqual([]);
      expect(chatbots.filter(({ deleted_at }) => deleted_at !== null)).toEqual([]);
    };
    await vi.waitFor(isSettled, { timeout: SETTLED_WITHIN_MS, interval: 500 });
    const all = await readAll(fleet.databaseUrl);
    const last = new Map(
      all.events.flatMap(({ conversation_id, type, message_id }) =>
        message_id === null ? [] : [[conversation_id, `${type} ${message_id}`]],
      ),
    );
    const haveReceivedEnds = () => {
      for (const { id, readers } of talkers.flatMap(({ open }) => open)) {
        for (const { events, errors } of readers) {
          const stage = describeMessageEvents(events).at(-1);
          expect(stage, `${id}: ${describeMessageEvents(events).slice(-4)} ${errors}`).toBe(stage && last.get(id));
        }
      }
    };
    await vi.waitFor(haveReceivedEnds, { timeout: SETTLED_WITHIN_MS, interval: 100 });
    for (const { leave, readers } of talks) {
      leave();
      await Promise.all(readers.map(({ done }) => done));
    }
    fleet.finish();
    if (process.env.RANDOM_REPORT) {
      const figures = { seed: SEED, minutes: MINUTES, messages: all.messages.length, removed: all.removed };
      process.stderr.write(`${name}: ${JSON.stringify({ ...figures, ...fleet.counts }, null, 1)}\n`);
    }
    expect([...fleet.problems, ...findProblems(all, talks)]).toEqual([]);
  });
});
