import { describe, expect, it, vi } from 'vitest';
import type { AnswerEvent } from '../../src/answer/engine.ts';
import { createId } from '../../src/domain/ids.ts';
import type { TestGateway } from '../helpers/gateway.ts';
import { delta, finish } from '../helpers/models/engines.ts';
import { createRandom, lookAround, type Random, writeText } from '../helpers/random.ts';
import { type Reader, readMessage, type StreamEvent, startReply, TRANSPORTS, textOf } from '../helpers/streams.ts';

/** An answer cut into pieces at any code unit, with citations of what was said. */
function writeScript(random: Random): AnswerEvent[] {
  const text = writeText(random, 5 + random.below(40));
  const steps: AnswerEvent[] = [];
  let citations = 0;
  for (let start = 0; start < text.length; ) {
    const end = Math.min(text.length, start + 1 + random.below(12));
    steps.push(delta(text.slice(start, end)));
    if (citations < 10 && random.below(5) === 0) steps.push(cite(citations++, end));
    start = end;
  }
  return [...steps, finish];
}

function cite(number: number, length: number): AnswerEvent {
  const ids = { passageId: createId('passage'), sourceId: createId('source') };
  return { type: 'citation', citation: { ...ids, title: `${number}`, url: null, quote: '', start: 0, end: length } };
}

/** Someone who follows an answer with a connection that fails. */
function createVisitor(gateway: TestGateway, messageId: string, random: Random) {
  const seen: StreamEvent[] = [];
  let reader: Reader | undefined;

  function take(): void {
    seen.push(...(reader?.events ?? []));
    reader = undefined;
  }

  function join(): void {
    const transport = TRANSPORTS[random.below(TRANSPORTS.length)];
    reader = transport?.subscribe(gateway, { messageId, after: seen.at(-1)?.cursor });
  }

  return {
    seen,
    /** Joins; or leaves, politely or not. */
    toggle(): void {
      if (reader === undefined) {
        join();
        return;
      }
      if (random.below(2) === 0) reader.leave();
      else reader.vanish();
      take();
    },
    /** Follows to the end. */
    async finish(): Promise<void> {
      if (reader === undefined) join();
      await reader?.ended;
      expect(reader?.errors).toEqual([]);
      take();
    },
  };
}

describe('messageStream', () => {
  it.each(Array.from({ length: 12 }, (_, index) => index + 1))(
    'gives every reader that disconnects and resumes at random the stored text (seed %i)',
    async (seed) => {
      const random = createRandom(seed);
      const { gateway, engine, replyId } = await startReply();

      const visitors = Array.from({ length: 6 }, () => createVisitor(gateway, replyId, random));
      for (const step of writeScript(random)) {
        engine.push(step);
        if (random.below(3) === 0) visitors[random.below(visitors.length)]?.toggle();
        await lookAround(random.below(8));
      }
      await Promise.all(visitors.map((visitor) => visitor.finish()));

      const stored = await readMessage(gateway, replyId);
      expect(stored.status).toBe('COMPLETED');
      for (const { seen } of visitors) {
        expect(textOf(seen)).toBe(stored.content);
        expect(seen.flatMap(({ citation }) => citation ?? [])).toEqual(stored.citations);
        expect(seen.filter(({ message }) => message).map(({ __typename }) => __typename)).toEqual([
          'MessageCreated',
          'MessageCompleted',
        ]);
        expectOrder(seen);
      }
      await vi.waitFor(() => expect(gateway.deps.bus.size).toBe(0));
      expect(gateway.deps.liveReplies.size).toBe(0);
    },
  );
});

/** Each delta holds the whole text so far, in whole characters; each citation comes after its text. */
function expectOrder(events: readonly StreamEvent[]): void {
  let length = 0;
  for (const { offset, text = '', content = '', citation } of events) {
    if (offset !== undefined) {
      expect(content.slice(offset)).toBe(text);
      expect(text.isWellFormed() && content.isWellFormed()).toBe(true);
      length = content.length;
    }
    // A half character is told with its other half.
    if (citation !== undefined) expect(citation.end).toBeLessThanOrEqual(length + 1);
  }
}
