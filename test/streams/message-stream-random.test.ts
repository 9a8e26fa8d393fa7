import { describe, expect, it, vi } from 'vitest';
import type { AnswerEvent } from '../../src/answer/engine.ts';
import { createId } from '../../src/domain/ids.ts';
import { startGatewayWithOpenReply } from '../helpers/conversations.ts';
import type { TestGateway } from '../helpers/gateway.ts';
import { delta, finish } from '../helpers/models/engines.ts';
import { createRandom, createRandomText, type Random, yieldToEventLoop } from '../helpers/random.ts';
import { joinDeltas, type Reader, readMessage, type StreamEvent, TRANSPORTS } from '../helpers/streams.ts';

/** Writes an answer split at arbitrary code units, with citations of the text so far. */
function writeScript(random: Random): AnswerEvent[] {
  const text = createRandomText(random, 5 + random.below(40));
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

/** A reader that follows a reply over an unreliable connection. */
function createUnreliableReader(gateway: TestGateway, messageId: string, random: Random) {
  const received: StreamEvent[] = [];
  let reader: Reader | undefined;

  function collectEvents(): void {
    received.push(...(reader?.events ?? []));
    reader = undefined;
  }

  function subscribe(): void {
    const transport = TRANSPORTS[random.below(TRANSPORTS.length)];
    reader = transport?.subscribe(gateway, { messageId, after: received.at(-1)?.cursor });
  }

  return {
    received,
    /** Subscribes; or, if subscribed, unsubscribes or drops the connection. */
    toggle(): void {
      if (reader === undefined) {
        subscribe();
        return;
      }
      if (random.below(2) === 0) reader.unsubscribe();
      else reader.disconnect();
      collectEvents();
    },
    /** Follows the reply to its end. */
    async finish(): Promise<void> {
      if (reader === undefined) subscribe();
      await reader?.ended;
      expect(reader?.errors).toEqual([]);
      collectEvents();
    },
  };
}

describe('messageStream', () => {
  it.each(Array.from({ length: 12 }, (_, index) => index + 1))(
    'emits the stored text to every reader that disconnects and resumes at random (seed %i)',
    async (seed) => {
      const random = createRandom(seed);
      const { gateway, engine, replyId } = await startGatewayWithOpenReply();

      const readers = Array.from({ length: 6 }, () => createUnreliableReader(gateway, replyId, random));
      for (const step of writeScript(random)) {
        engine.push(step);
        if (random.below(3) === 0) readers[random.below(readers.length)]?.toggle();
        await yieldToEventLoop(random.below(8));
      }
      await Promise.all(readers.map((unreliable) => unreliable.finish()));

      const stored = await readMessage(gateway, replyId);
      expect(stored.status).toBe('COMPLETED');
      for (const { received } of readers) {
        expect(joinDeltas(received)).toBe(stored.content);
        expect(received.flatMap(({ citation }) => citation ?? [])).toEqual(stored.citations);
        expect(received.filter(({ message }) => message).map(({ __typename }) => __typename)).toEqual([
          'MessageCreated',
          'MessageCompleted',
        ]);
        expectOrder(received);
      }
      await vi.waitFor(() => expect(gateway.deps.bus.size).toBe(0));
      expect(gateway.deps.liveReplies.size).toBe(0);
    },
  );
});

/** Checks that each delta has the text so far, in complete characters, and each citation follows its text. */
function expectOrder(events: readonly StreamEvent[]): void {
  let length = 0;
  for (const { offset, text = '', content = '', citation } of events) {
    if (offset !== undefined) {
      expect(content.slice(offset)).toBe(text);
      expect(text.isWellFormed() && content.isWellFormed()).toBe(true);
      length = content.length;
    }
    // The first half of a surrogate pair is emitted only with its second half.
    if (citation !== undefined) expect(citation.end).toBeLessThanOrEqual(length + 1);
  }
}
