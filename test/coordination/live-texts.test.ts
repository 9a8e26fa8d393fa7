import { describe, expect, it, vi } from 'vitest';
import { createMemoryTexts } from '../../src/coordination/live-texts.ts';
import type { Citation } from '../../src/domain/entities.ts';
import { createId } from '../../src/domain/ids.ts';
import {
  type CoordinationNode,
  hasRedis,
  openCoordinationNodes,
  openRedisClient,
  startRedis,
} from '../helpers/nodes.ts';
import { createRandom, createRandomText, type Random, yieldToEventLoop } from '../helpers/random.ts';
import { createRedisPrefix } from '../helpers/redis.ts';

/** Starts an answer that the given node generates. */
function startAnswer({ liveTexts }: Pick<CoordinationNode, 'liveTexts'>, id: string = createId('message')) {
  const generated = { content: '', citations: [] as Citation[] };
  return {
    id,
    generated,
    appendText(text: string): void {
      generated.content += text;
      liveTexts.update(id, generated);
    },
    addCitation(title: string): void {
      const { length } = generated.content;
      generated.citations.push({ title, url: null, quote: '👍', start: 0, end: length } as unknown as Citation);
      liveTexts.update(id, generated);
    },
    end: () => liveTexts.end(id),
  };
}

type Answer = ReturnType<typeof startAnswer>;

/** Appends a random citation or random text of complete characters. */
function appendRandom(answer: Answer, random: Random, step: number): void {
  if (random.below(6) === 0) answer.addCitation(`${step}`);
  else answer.appendText(createRandomText(random, 1 + random.below(3)));
}

/** Reads an answer as subscribers do. Checks that each read returns a prefix of the answer, and never a shorter one. */
function createReader({ liveTexts }: CoordinationNode, { id, generated }: Answer) {
  let lastRead = { content: '', citations: [] as readonly Citation[] };
  return async () => {
    const { content, citations } = liveTexts.peek(id) ?? (await liveTexts.read(id, 'topic')) ?? lastRead;
    expect(generated.content.slice(0, content.length)).toBe(content);
    expect(generated.citations.slice(0, citations.length)).toEqual(citations);
    expect(content.isWellFormed()).toBe(true);
    for (const { end } of citations) expect(end).toBeLessThanOrEqual(content.length);
    expect(content.length).toBeGreaterThanOrEqual(lastRead.content.length);
    lastRead = { content, citations };
    return lastRead;
  };
}

/** Reads until the whole text has arrived. */
const waitForFullText = (read: ReturnType<typeof createReader>, { generated }: Answer) =>
  vi.waitFor(async () => expect(await read()).toEqual(generated), 5_000);

it('stores no texts without Redis', async () => {
  const texts = createMemoryTexts();
  const { id, appendText, end } = startAnswer({ liveTexts: texts });
  appendText('Hello');
  expect([texts.peek(id), await texts.read(id, 'topic')]).toEqual([undefined, undefined]);
  end();
});

describe.runIf(hasRedis)('texts that share a Redis', () => {
  it('return the text that another node generates, and signal later text', async () => {
    const [a, b] = (await openCoordinationNodes(2)) as [CoordinationNode, CoordinationNode];
    const answer = startAnswer(a);
    answer.appendText('One 👍🏽');
    answer.addCitation('first');
    const read = createReader(b, answer);
    await waitForFullText(read, answer);
    const onSignal = vi.fn();
    b.bus.subscribe('topic', onSignal);
    answer.appendText(' two');
    await vi.waitFor(() => expect(b.liveTexts.peek(answer.id)).toEqual(answer.generated));
    expect(onSignal).toHaveBeenCalled();
    expect(b.liveTexts.peek(createId('message'))).toBeUndefined();
  });

  it('are deleted when their answer ends', async () => {
    const prefix = createRedisPrefix();
    const [a, b] = (await openCoordinationNodes(2, { prefix })) as [CoordinationNode, CoordinationNode];
    const client = openRedisClient();
    const answer = startAnswer(a);
    answer.appendText('All');
    await waitForFullText(createReader(b, answer), answer);
    answer.appendText('.');
    await vi.waitFor(() => expect(b.liveTexts.peek(answer.id)).toEqual(answer.generated));
    answer.end();
    await vi.waitFor(() => expect(b.liveTexts.peek(answer.id)).toBeUndefined());
    expect(await client.keys(`${prefix}*`)).toEqual([]);
    const expectNoChannel = async () => expect(await client.pubsub('CHANNELS', `${prefix}delta:*`)).toEqual([]);
    await vi.waitFor(expectNoChannel, 5_000);
  });

  it('are no longer returned by peek after a second without an update', async () => {
    const [a, b] = (await openCoordinationNodes(2)) as [CoordinationNode, CoordinationNode];
    const answer = startAnswer(a);
    answer.appendText('Well');
    await waitForFullText(createReader(b, answer), answer);
    answer.appendText(', ');
    await vi.waitFor(() => expect(b.liveTexts.peek(answer.id)).toEqual(answer.generated));
    await vi.waitFor(() => expect(b.liveTexts.peek(answer.id)).toBeUndefined(), 3_000);
    expect(await b.liveTexts.read(answer.id, 'topic')).toEqual(answer.generated);
  });

  it('keep the known text while Redis is unavailable, and continue when it is back', async () => {
    const redis = await startRedis();
    const [a, b] = (await openCoordinationNodes(2, redis)) as [CoordinationNode, CoordinationNode];
    const answer = startAnswer(a);
    answer.appendText('Before. ');
    const read = createReader(b, answer);
    await waitForFullText(read, answer);
    await redis.stop();
    await vi.waitFor(() => expect([a, b].some(({ isUp }) => isUp?.())).toBe(false));
    answer.appendText('Meanwhile. ');
    expect(b.liveTexts.peek(answer.id)).toBeUndefined();
    expect((await read()).content).toBe('Before. ');
    expect(await b.liveTexts.read(createId('message'), 'topic')).toBeUndefined();
    await redis.start();
    await waitForFullText(read, answer);
  });

  it.each([1, 2, 3, 4, 5, 6])(
    'return a prefix of the generated text despite faults, and then the full text (seed %i)',
    async (seed) => {
      const redis = await startRedis();
      const nodes = (await openCoordinationNodes(3, redis)) as [CoordinationNode, CoordinationNode, CoordinationNode];
      const client = openRedisClient(redis.url);
      const random = createRandom(seed);
      const answers = [startAnswer(nodes[0]), startAnswer(nodes[1])];
      // The third node generates neither answer.
      const readers = [
        ...answers.map((answer) => ({ answer, read: createReader(nodes[2], answer) })),
        ...answers.toReversed().map((answer, index) => ({ answer, read: createReader(nodes[index as 0 | 1], answer) })),
      ];
      for (let step = 0; step < 400; step++) {
        for (const answer of answers) if (random.below(3) > 0) appendRandom(answer, random, step);
        const roll = random.below(100);
        // Faults: closed connections, deleted keys, and a restarted server, which may lose or keep the latest text.
        const [textKey = ''] = (roll < 3 && (await client.keys('*text:*').catch(() => []))) || [];
        if (roll === 0) await client.call('CLIENT', 'KILL', 'TYPE', 'pubsub').catch(() => {});
        else if (roll === 1) await client.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes').catch(() => {});
        else if (roll === 2 && textKey) await client.del(textKey).catch(() => {});
        else if (step === 200) {
          await redis.stop();
          if (random.below(2) === 0) for (const answer of answers) appendRandom(answer, random, step);
          await redis.start();
        }
        const reader = readers[random.below(readers.length)];
        if (random.below(2) === 0) await reader?.read();
        await yieldToEventLoop(random.below(6));
      }
      for (const { read, answer } of readers) {
        await vi.waitFor(async () => {
          answer.appendText('.');
          await waitForFullText(read, answer);
        }, 10_000);
      }
    },
  );
});
