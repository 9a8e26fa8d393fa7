import { describe, expect, it, vi } from 'vitest';
import { createMemoryTexts } from '../../src/coordination/live-texts.ts';
import type { Citation } from '../../src/domain/entities.ts';
import { createId } from '../../src/domain/ids.ts';
import { hasRedis, type Node, openClient, openNodes, startRedis } from '../helpers/nodes.ts';
import { createRandom, type Random, writeText, yieldToEventLoop } from '../helpers/random.ts';
import { createPrefix } from '../helpers/redis.ts';

/** An answer that a node is generating. */
function startAnswer({ liveTexts }: Pick<Node, 'liveTexts'>, id: string = createId('message')) {
  const written = { content: '', citations: [] as Citation[] };
  return {
    id,
    written,
    say(text: string): void {
      written.content += text;
      liveTexts.update(id, written);
    },
    cite(title: string): void {
      const { length } = written.content;
      written.citations.push({ title, url: null, quote: '👍', start: 0, end: length } as unknown as Citation);
      liveTexts.update(id, written);
    },
    end: () => liveTexts.end(id),
  };
}

type Answer = ReturnType<typeof startAnswer>;

/** Appends random text, in complete characters. */
function goOn(answer: Answer, random: Random, step: number): void {
  if (random.below(6) === 0) answer.cite(`${step}`);
  else answer.say(writeText(random, 1 + random.below(3)));
}

/** Reads an answer as a follower does, and checks that each read returns a prefix of it that never shrinks. */
function createReader({ liveTexts }: Node, { id, written }: Answer) {
  let lastRead = { content: '', citations: [] as readonly Citation[] };
  return async () => {
    const { content, citations } = liveTexts.peek(id) ?? (await liveTexts.read(id, 'topic')) ?? lastRead;
    expect(written.content.slice(0, content.length)).toBe(content);
    expect(written.citations.slice(0, citations.length)).toEqual(citations);
    expect(content.isWellFormed()).toBe(true);
    for (const { end } of citations) expect(end).toBeLessThanOrEqual(content.length);
    expect(content.length).toBeGreaterThanOrEqual(lastRead.content.length);
    lastRead = { content, citations };
    return lastRead;
  };
}

/** Reads until the whole text has arrived. */
const catchUp = (read: ReturnType<typeof createReader>, { written }: Answer) =>
  vi.waitFor(async () => expect(await read()).toEqual(written), 5_000);

it('shares no texts within a single process', async () => {
  const texts = createMemoryTexts();
  const { id, say, end } = startAnswer({ liveTexts: texts });
  say('Hello');
  expect([texts.peek(id), await texts.read(id, 'topic')]).toEqual([undefined, undefined]);
  end();
});

describe.runIf(hasRedis)('texts that share a Redis', () => {
  it('return what another node generates, whenever the read starts, and signal later text', async () => {
    const [a, b] = (await openNodes(2)) as [Node, Node];
    const answer = startAnswer(a);
    answer.say('One 👍🏽');
    answer.cite('first');
    const read = createReader(b, answer);
    await catchUp(read, answer);
    const onNews = vi.fn();
    b.bus.subscribe('topic', onNews);
    answer.say(' two');
    await vi.waitFor(() => expect(b.liveTexts.peek(answer.id)).toEqual(answer.written));
    expect(onNews).toHaveBeenCalled();
    expect(b.liveTexts.peek(createId('message'))).toBeUndefined();
  });

  it('neither return nor store anything of an ended answer', async () => {
    const prefix = createPrefix();
    const [a, b] = (await openNodes(2, { prefix })) as [Node, Node];
    const client = openClient();
    const answer = startAnswer(a);
    answer.say('All');
    await catchUp(createReader(b, answer), answer);
    answer.say('.');
    await vi.waitFor(() => expect(b.liveTexts.peek(answer.id)).toEqual(answer.written));
    answer.end();
    await vi.waitFor(() => expect(b.liveTexts.peek(answer.id)).toBeUndefined());
    expect(await client.keys(`${prefix}*`)).toEqual([]);
    const isHeard = async () => expect(await client.pubsub('CHANNELS', `${prefix}delta:*`)).toEqual([]);
    await vi.waitFor(isHeard, 5_000);
  });

  it('are unknown after a second without an update', async () => {
    const [a, b] = (await openNodes(2)) as [Node, Node];
    const answer = startAnswer(a);
    answer.say('Well');
    await catchUp(createReader(b, answer), answer);
    answer.say(', ');
    await vi.waitFor(() => expect(b.liveTexts.peek(answer.id)).toEqual(answer.written));
    await vi.waitFor(() => expect(b.liveTexts.peek(answer.id)).toBeUndefined(), 3_000);
    expect(await b.liveTexts.read(answer.id, 'topic')).toEqual(answer.written);
  });

  it('keep the known text while Redis is unavailable, and continue when it is back', async () => {
    const redis = await startRedis();
    const [a, b] = (await openNodes(2, redis)) as [Node, Node];
    const answer = startAnswer(a);
    answer.say('Before. ');
    const read = createReader(b, answer);
    await catchUp(read, answer);
    await redis.stop();
    await vi.waitFor(() => expect([a, b].some(({ isUp }) => isUp?.())).toBe(false));
    answer.say('Meanwhile. ');
    expect(b.liveTexts.peek(answer.id)).toBeUndefined();
    expect((await read()).content).toBe('Before. ');
    expect(await b.liveTexts.read(createId('message'), 'topic')).toBeUndefined();
    await redis.start();
    await catchUp(read, answer);
  });

  it.each([1, 2, 3, 4, 5, 6])(
    'return a prefix of the generated text, whatever is lost, and catch up (seed %i)',
    async (seed) => {
      const redis = await startRedis();
      const nodes = (await openNodes(3, redis)) as [Node, Node, Node];
      const client = openClient(redis.url);
      const random = createRandom(seed);
      const answers = [startAnswer(nodes[0]), startAnswer(nodes[1])];
      // The third node generates neither answer.
      const readers = [
        ...answers.map((answer) => ({ answer, read: createReader(nodes[2], answer) })),
        ...answers.toReversed().map((answer, index) => ({ answer, read: createReader(nodes[index as 0 | 1], answer) })),
      ];
      for (let step = 0; step < 400; step++) {
        for (const answer of answers) if (random.below(3) > 0) goOn(answer, random, step);
        const dice = random.below(100);
        // Faults: cut connections; keys that are lost, or come back shorter or longer; a new server.
        const [text = ''] = (dice < 3 && (await client.keys('*text:*').catch(() => []))) || [];
        if (dice === 0) await client.call('CLIENT', 'KILL', 'TYPE', 'pubsub').catch(() => {});
        else if (dice === 1) await client.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes').catch(() => {});
        else if (dice === 2 && text) await client.del(text).catch(() => {});
        else if (step === 200) {
          await redis.stop();
          if (random.below(2) === 0) for (const answer of answers) goOn(answer, random, step);
          await redis.start();
        }
        const reader = readers[random.below(readers.length)];
        if (random.below(2) === 0) await reader?.read();
        await yieldToEventLoop(random.below(6));
      }
      for (const { read, answer } of readers) {
        await vi.waitFor(async () => {
          answer.say('.');
          await catchUp(read, answer);
        }, 10_000);
      }
    },
  );
});
