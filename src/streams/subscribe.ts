import type { Viewer } from '../access/viewer.ts';
import type { ChangeHint, LiveBus } from '../coordination/live-bus.ts';
import type { Deps } from '../deps.ts';
import type { ConversationEvent, WithoutCursor } from '../domain/events.ts';
import { createFeed, type Feed, type MaybePromise, type Take } from '../domain/feed.ts';
import { retryWhileUnavailable } from '../domain/retry.ts';
import { describeView } from '../domain/view.ts';
import type { StreamCursors } from './cursor.ts';
import { joinSharedReads } from './shared-reads.ts';

/** How often a reader asks itself whether it has waited long enough. */
const TICK_MS = 1_000;

/** What following needs. */
export type StreamDeps = Pick<Deps, 'db' | 'clock' | 'bus' | 'cursors' | 'liveReplies' | 'liveTexts' | 'typing'>;

/** An event, with the place `P` that it brings the reader to. */
export interface PositionedEvent<P, E = ConversationEvent> {
  readonly event: WithoutCursor<E>;
  readonly place: P;
}

/** What a reader is told in one go. */
export interface EventSlice<P, E = ConversationEvent> {
  readonly steps: Iterable<PositionedEvent<P, E>>;
  /** Where the reader stands afterwards, if that is further than the last step: past what is not the reader's to know. */
  readonly end?: P;
  readonly next: 'read on' | 'wait' | 'end';
}

/** Something that goes on and can be followed. `P` says how far a reader has come, `E` what it is told. */
export interface EventStream<P, E = ConversationEvent> {
  /** Names what is followed: readers share what they read under the same name, and under no other. */
  readonly name: string;
  /** Where its news are signalled; other streams may have the same. */
  readonly topic: string;
  /** Where it is signalled as well, but for text, that it may be gone. */
  readonly deletionTopic?: string;
  /**
   * What a reader at `place` has not been told; `undefined` when the story is gone. It depends on the place, the news and
   * what stands written, and on nothing else that readers with the same rights may differ in: they are given the same
   * chapter. Gives no promise where it need not wait, as most pieces of text need not.
   */
  read(place: P, news: ChangeHint): MaybePromise<EventSlice<P, E> | undefined>;
  /** Writes all of a place down, as the position in a cursor. */
  describe(place: P): string;
  /** The cursors that its events carry; absent: they carry none. */
  readonly cursors?: StreamCursors;
}

/**
 * Tells a story from a place on: the one function behind WebSocket, SSE and REST. A reader holds a place, not a queue of
 * events: whenever it is free and there are news, it is told the difference between its place and what stands written.
 * So nothing comes twice or is missing, whenever it attaches and however slow it is; a slow one gets larger pieces
 * instead of growing memory, and the bus may lose or reorder what it likes. Readers with the same rights that are woken
 * together at the same place get the same events, the very objects. While the storage is unavailable a reader waits, for
 * two minutes at most, and goes on where it was.
 *
 * @param signal ends the following, and nothing else.
 */
export function subscribe<P, E = ConversationEvent>(
  bus: LiveBus,
  viewer: Viewer,
  story: EventStream<P, E>,
  start: P,
  signal: AbortSignal,
): Feed<E> {
  const left = new AbortController();
  const over = AbortSignal.any([signal, viewer.revoked, left.signal]);
  return createFeed(
    (take) => streamEvents(bus, viewer, { story, start, signal: over }, take),
    () => left.abort(),
  );
}

async function streamEvents<P, E>(
  bus: LiveBus,
  viewer: Viewer,
  { story, start, signal }: { story: EventStream<P, E>; start: P; signal: AbortSignal },
  take: Take<E>,
): Promise<void> {
  // 1. Backfill. The reader listens for changes first. Then it reads what is stored after its position, emits that, and
  //    moves its position on, slice by slice, until nothing is left.
  // 2. Switch to live. A change that came while the reader was reading has left a hint: the reader does not wait, but
  //    reads once more. So nothing is missed. As it reads from its position, nothing comes twice.
  // 3. Live. The reader waits for a hint, then reads and emits as in step 1. If the hint is lost, it reads after a while
  //    without one.
  // It awaits only what is a promise: a piece of text costs one, that of the wait for it.
  const seat = joinSharedReads(bus, `${story.name} ${describeView(viewer)}`);
  const changes = listenForChanges(bus, story, signal, seat.invalidate);
  try {
    let position = start;
    while (!changes.isOver) {
      const kind = changes.take();
      const from = position;
      const read = () =>
        seat.read(
          () => `${kind} ${story.describe(from)}`,
          () => readSlice(story, from, kind),
        );
      const found = read();
      const slice = found instanceof Promise ? await retryWhileUnavailable(found, read, signal) : found;
      if (slice === undefined) return;
      for (const { event, place } of slice.events) {
        if (changes.isOver) return;
        position = place;
        const taken = take(event);
        if (taken !== undefined) await taken;
      }
      position = slice.end ?? position;
      if (slice.next === 'end') return;
      if (slice.next === 'wait') await changes.wait();
      else changes.note('anything');
    }
  } finally {
    seat.leave();
    changes.stop();
  }
}

/** A chapter with its events as all who share it receive them. */
interface Slice<P, E> extends EventSlice<P, E> {
  readonly events: readonly { readonly event: E; readonly place: P }[];
}

function readSlice<P, E>(story: EventStream<P, E>, from: P, news: ChangeHint): MaybePromise<Slice<P, E> | undefined> {
  const chapter = story.read(from, news);
  return chapter instanceof Promise
    ? chapter.then((read) => read && withCursors(story, read))
    : chapter && withCursors(story, chapter);
}

function withCursors<P, E>(story: EventStream<P, E>, chapter: EventSlice<P, E>): Slice<P, E> {
  const events = Array.from(chapter.steps, ({ event, place }) => {
    const { cursors } = story;
    if (cursors === undefined) return { event: event as E, place };
    let text: string | undefined;
    const cursor = () => (text ??= cursors.write(story.describe(place)));
    return { event: { ...event, cursor } as E, place };
  });
  return { ...chapter, events };
}

/**
 * Listens for hints that something has changed, from now on: one that comes between a read and a wait is not missed. When
 * none has come for a while, anything may have changed.
 */
function listenForChanges(
  bus: LiveBus,
  { topic, deletionTopic }: { readonly topic: string; readonly deletionTopic?: string },
  signal: AbortSignal,
  onHint: () => void,
) {
  let kind: ChangeHint | undefined = 'anything';
  let isOver = signal.aborted;
  let wake: (() => void) | undefined;
  const note = (news: ChangeHint) => {
    if (kind !== 'anything') kind = news;
    wake?.();
  };
  const receive = (news: ChangeHint) => {
    onHint();
    note(news);
  };
  const subscriptions = [topic, ...(deletionTopic ? [deletionTopic] : [])].map((one) => bus.subscribe(one, receive));
  let leftMs = bus.maxWaitMs;
  const timer = setInterval(() => {
    leftMs -= TICK_MS;
    if (leftMs <= 0) note('anything');
  }, TICK_MS).unref();
  const end = () => {
    isOver = true;
    wake?.();
  };
  signal.addEventListener('abort', end);
  return {
    /** Whether the signal has aborted; to ask a signal that depends on others costs more. */
    get isOver() {
      return isOver;
    },

    note,

    /** What may have changed; from now on it counts as read. */
    take(): ChangeHint {
      const news = kind ?? 'anything';
      kind = undefined;
      if (news === 'anything') leftMs = bus.maxWaitMs;
      return news;
    },

    /** Resolves when something may have changed, or the signal aborts. */
    async wait(): Promise<void> {
      if (kind !== undefined || isOver) return;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
      wake = undefined;
    },

    stop(): void {
      clearInterval(timer);
      for (const leave of subscriptions) leave();
      signal.removeEventListener('abort', end);
    },
  };
}
