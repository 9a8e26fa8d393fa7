import type { Viewer } from '../access/viewer.ts';
import type { LiveBus } from '../coordination/live-bus.ts';
import type { Deps } from '../deps.ts';
import type { ConversationEvent, WithoutCursor } from '../domain/events.ts';
import { describeView } from '../domain/view.ts';
import { joinAudience } from './audience.ts';
import { encodeCursor } from './cursor.ts';

/**
 * How long a reader waits at most before it looks again by itself: what makes a lost signal a delay and nothing worse,
 * and ends the stream of something that was deleted.
 */
const LOOK_AGAIN_MS = 1_000;

/** What following needs. */
export type FollowDeps = Pick<Deps, 'db' | 'clock' | 'bus' | 'liveAnswers' | 'typing'>;

/** An event, with the place `P` that it brings the reader to. */
export interface Step<P> {
  readonly event: WithoutCursor<ConversationEvent>;
  readonly place: P;
}

/** What a reader is told in one go. */
export interface Chapter<P> {
  readonly steps: Iterable<Step<P>>;
  /** Where the reader stands afterwards, if that is further than the last step: past what is not the reader's to know. */
  readonly end?: P;
  readonly next: 'read on' | 'wait' | 'end';
}

/** Something that goes on and can be followed. `P` says how far a reader has come. */
export interface Story<P> {
  /** Where its news are signalled. */
  readonly topic: string;
  /**
   * What a reader at `place` has not been told; `undefined` when the story is gone. It depends on the place and on what
   * stands written, and on nothing else that readers with the same rights may differ in: they are given the same chapter.
   */
  read(place: P): Promise<Chapter<P> | undefined>;
  /** Writes all of a place down, for the cursor. Different stories write differently. */
  describe(place: P): string;
}

/**
 * Tells a story from a place on: the one function behind WebSocket, SSE and REST. A reader holds a place, not a queue of
 * events: whenever it is free and there are news, it is told the difference between its place and what stands written.
 * So nothing comes twice or is missing, whenever it attaches and however slow it is; a slow one gets larger pieces
 * instead of growing memory, and the bus may lose or reorder what it likes. Readers with the same rights that are woken
 * together at the same place get the same events, the very objects.
 *
 * @param signal ends the following, and nothing else.
 */
export function follow<P>(
  bus: LiveBus,
  viewer: Viewer,
  story: Story<P>,
  start: P,
  signal: AbortSignal,
): AsyncGenerator<ConversationEvent, void, void> {
  const left = new AbortController();
  const events = tell(bus, viewer, story, start, AbortSignal.any([signal, viewer.revoked, left.signal]));
  // A generator that waits for news does not hear `return` by itself.
  const end = events.return.bind(events);
  events.return = (value) => {
    left.abort();
    return end(value);
  };
  return events;
}

async function* tell<P>(
  bus: LiveBus,
  viewer: Viewer,
  story: Story<P>,
  start: P,
  signal: AbortSignal,
): AsyncGenerator<ConversationEvent, void, void> {
  const seat = joinAudience(bus, `${story.topic} ${describeView(viewer)}`);
  const news = createNews(bus, story.topic, signal, seat.forget);
  try {
    let place = start;
    while (!news.isOver) {
      const chapter = await seat.read(story.describe(place), () => readChapter(story, place));
      if (chapter === undefined) return;
      for (const step of chapter.told) {
        place = step.place;
        yield step.event;
        if (news.isOver) return;
      }
      place = chapter.end ?? place;
      if (chapter.next === 'end') return;
      if (chapter.next === 'wait') await news.next();
    }
  } finally {
    seat.leave();
    news.stop();
  }
}

/** Reads on, and makes the events as all who share them are told. */
async function readChapter<P>(story: Story<P>, from: P) {
  const chapter = await story.read(from);
  if (chapter === undefined) return undefined;
  const told = Array.from(chapter.steps, ({ event, place }) => {
    const whole: ConversationEvent = { ...event, cursor: encodeCursor(story.describe(place)) };
    return { event: whole, place };
  });
  return { ...chapter, told };
}

/** Listens from now on, so that news between a look and a wait is not missed. */
function createNews(bus: LiveBus, topic: string, signal: AbortSignal, onNews: () => void) {
  let hasNews = false;
  let isOver = signal.aborted;
  let wake: (() => void) | undefined;
  const notice = () => {
    onNews();
    hasNews = true;
    wake?.();
  };
  const unsubscribe = bus.subscribe(topic, notice);
  const end = () => {
    isOver = true;
    notice();
  };
  signal.addEventListener('abort', end);
  return {
    /** Whether the signal has aborted; to ask a signal that depends on others costs more. */
    get isOver() {
      return isOver;
    },

    /** Resolves when there were news since the last call, it is time to look again, or the signal aborts. */
    async next(): Promise<void> {
      if (!hasNews) {
        const { promise, resolve } = Promise.withResolvers<void>();
        const timer = setTimeout(resolve, LOOK_AGAIN_MS).unref();
        wake = resolve;
        await promise;
        clearTimeout(timer);
      }
      hasNews = false;
    },
    stop(): void {
      unsubscribe();
      signal.removeEventListener('abort', end);
    },
  };
}
