import { viewKeyOf } from '../access/view.ts';
import type { Viewer } from '../access/viewer.ts';
import type { ChangeHint, LiveBus } from '../coordination/live-bus.ts';
import type { Deps } from '../deps.ts';
import type { ConversationEvent, WithoutCursor } from '../domain/events.ts';
import { createFeed, type Feed, type MaybePromise, type Push } from '../domain/feed.ts';
import { retryWhileUnavailable } from '../domain/retry.ts';
import type { StreamCursors } from './cursor.ts';
import { joinSharedReads } from './shared-reads.ts';

/** How often a subscription checks whether it has waited for a hint for `maxWaitMs` of the bus. */
const CHECK_INTERVAL_MS = 1_000;

/** The dependencies of a stream. */
export type StreamDeps = Pick<Deps, 'db' | 'clock' | 'bus' | 'cursors' | 'liveReplies' | 'liveTexts' | 'typing'>;

/** An event, and the position `P` of a subscriber that has received it. */
export interface PositionedEvent<P, E = ConversationEvent> {
  readonly event: WithoutCursor<E>;
  readonly position: P;
}

/** The events that one read of a stream returns. */
export interface EventSlice<P, E = ConversationEvent> {
  readonly events: Iterable<PositionedEvent<P, E>>;
  /**
   * The position after the slice; absent: the position of its last event. It is a later position if the viewer may not
   * see the last logged events of the slice.
   */
  readonly endPosition?: P;
  readonly next: 'read again' | 'wait' | 'end';
}

/** A sequence of events that clients subscribe to. `P` is the position of a subscriber, `E` an event. */
export interface EventStream<P, E = ConversationEvent> {
  /** Identifies what the stream reads: subscribers to streams with the same name share their reads. */
  readonly name: string;
  /** The topic of the bus that signals changes; other streams may use the same topic. */
  readonly topic: string;
  /** A second topic of the bus, which signals that the chatbot of the stream may be deleted. */
  readonly deletionTopic?: string;
  /**
   * Reads the events after `position`; `undefined` ends the stream. The result must depend only on the position, the
   * hint and the current state, because subscribers with the same rights share it. It is a promise only if the stream
   * has to wait: most deltas need no read of the database.
   */
  read(position: P, hint: ChangeHint): MaybePromise<EventSlice<P, E> | undefined>;
  /** Encodes a complete position, for a cursor. */
  encode(position: P): string;
  /** Encodes what `read` depends on, if that is more than `encode` returns; subscribers with equal keys share a read. */
  encodeForSharing?(position: P): string;
  /** The first event of every subscription, sent once the subscription listens for changes; absent: none. */
  readonly firstEvent?: E;
  /** Signs the cursors of the events; absent: the events have no cursor. */
  readonly cursors?: StreamCursors;
}

/**
 * Emits the events of a stream after a position. WebSocket, SSE and REST all use this function. A subscription has a
 * position instead of a queue of events: after each change it reads the events after its position. So no event is
 * repeated or missed, whenever the subscription starts and however slow its client is. A slow consumer gets larger
 * deltas and uses no more memory, and the bus may lose or reorder hints. Subscriptions with the same rights that read
 * from the same position at the same time receive the same event objects. While the storage is unavailable, a
 * subscription retries for up to two minutes.
 *
 * @param signal ends this subscription and nothing else.
 */
export function subscribe<P, E = ConversationEvent>(
  bus: LiveBus,
  viewer: Viewer,
  stream: EventStream<P, E>,
  start: P,
  signal: AbortSignal,
): Feed<E> {
  const stop = new AbortController();
  const combinedSignal = AbortSignal.any([signal, viewer.revoked, stop.signal]);
  return createFeed(
    (emit) => emitEvents(bus, viewer, { stream, start, signal: combinedSignal }, emit),
    () => stop.abort(),
  );
}

async function emitEvents<P, E>(
  bus: LiveBus,
  viewer: Viewer,
  { stream, start, signal }: { stream: EventStream<P, E>; start: P; signal: AbortSignal },
  emit: Push<E>,
): Promise<void> {
  // 1. Backfill. Start to listen for changes, and emit the first event. Then read the events after the position, emit them and advance the
  //    position, slice by slice, until there are no more events.
  // 2. Switch to live. A change during the backfill has left a hint. With a hint, read again from the position before
  //    waiting: no event is missed, and none is emitted twice.
  // 3. Live. Wait for a hint, then read and emit as in step 1. A lost hint only causes a delay: after `maxWaitMs`
  //    without a hint, read anyway.
  const sharedRead = joinSharedReads(bus, `${stream.name} ${viewKeyOf(viewer)}`);
  const changes = listenForChanges(bus, stream, signal, sharedRead.invalidate);
  try {
    let position = start;
    if (stream.firstEvent !== undefined) await emit(stream.firstEvent);
    const encodeForSharing = stream.encodeForSharing ?? stream.encode;
    while (!changes.isAborted) {
      const hint = changes.takeHint();
      const from = position;
      const read = () =>
        sharedRead.read(
          () => `${hint} ${encodeForSharing(from)}`,
          () => readSlice(stream, from, hint),
        );
      // Awaits only promises, because each await takes time: the only promise for a delta is that of `waitForChange`.
      const result = read();
      const slice = result instanceof Promise ? await retryWhileUnavailable(result, read, signal) : result;
      if (slice === undefined) return;
      for (const { event, position: newPosition } of slice.events) {
        if (changes.isAborted) return;
        position = newPosition;
        const emitted = emit(event);
        if (emitted !== undefined) await emitted;
      }
      position = slice.endPosition ?? position;
      if (slice.next === 'end') return;
      if (slice.next === 'wait') await changes.waitForChange();
      else changes.addHint('anything');
    }
  } finally {
    sharedRead.leave();
    changes.stop();
  }
}

/** A slice whose events have their cursors; all subscriptions that share the read emit these objects. */
interface EmittedSlice<P, E> extends Omit<EventSlice<P, E>, 'events'> {
  readonly events: readonly { readonly event: E; readonly position: P }[];
}

function readSlice<P, E>(
  stream: EventStream<P, E>,
  from: P,
  hint: ChangeHint,
): MaybePromise<EmittedSlice<P, E> | undefined> {
  const slice = stream.read(from, hint);
  return slice instanceof Promise
    ? slice.then((read) => read && withCursors(stream, read))
    : slice && withCursors(stream, slice);
}

function withCursors<P, E>(stream: EventStream<P, E>, slice: EventSlice<P, E>): EmittedSlice<P, E> {
  const events = Array.from(slice.events, ({ event, position }) => {
    const { cursors } = stream;
    if (cursors === undefined) return { event: event as E, position };
    let text: string | undefined;
    const cursor = () => (text ??= cursors.write(stream.encode(position)));
    return { event: { ...event, cursor } as E, position };
  });
  return { ...slice, events };
}

/**
 * Starts to listen for change hints. The result keeps a hint that arrives between a read and a wait. After `maxWaitMs`
 * without a hint, it adds the hint `anything`.
 */
function listenForChanges(
  bus: LiveBus,
  { topic, deletionTopic }: { readonly topic: string; readonly deletionTopic?: string },
  signal: AbortSignal,
  onHint: () => void,
) {
  let pendingHint: ChangeHint | undefined = 'anything';
  let isAborted = signal.aborted;
  let wake: (() => void) | undefined;
  const addHint = (hint: ChangeHint) => {
    if (pendingHint !== 'anything') pendingHint = hint;
    wake?.();
  };
  const receive = (hint: ChangeHint) => {
    onHint();
    addHint(hint);
  };
  const topics = deletionTopic === undefined ? [topic] : [topic, deletionTopic];
  const unsubscribes = topics.map((each) => bus.subscribe(each, receive));
  let remainingMs = bus.maxWaitMs;
  const timer = setInterval(() => {
    remainingMs -= CHECK_INTERVAL_MS;
    if (remainingMs <= 0) addHint('anything');
  }, CHECK_INTERVAL_MS).unref();
  const end = () => {
    isAborted = true;
    wake?.();
  };
  signal.addEventListener('abort', end);
  return {
    /** Whether the signal has aborted. Reading `aborted` of a signal from `AbortSignal.any` is slower. */
    get isAborted() {
      return isAborted;
    },

    /** Adds a hint, as if the bus had signalled it. */
    addHint,

    /** Returns the pending hint, which tells what may have changed, and clears it. */
    takeHint(): ChangeHint {
      const hint = pendingHint ?? 'anything';
      pendingHint = undefined;
      if (hint === 'anything') remainingMs = bus.maxWaitMs;
      return hint;
    },

    /** Resolves when something may have changed, or when the signal aborts. */
    async waitForChange(): Promise<void> {
      if (pendingHint !== undefined || isAborted) return;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
      wake = undefined;
    },

    stop(): void {
      clearInterval(timer);
      for (const unsubscribe of unsubscribes) unsubscribe();
      signal.removeEventListener('abort', end);
    },
  };
}
