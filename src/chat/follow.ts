import type { Viewer } from '../access/viewer.ts';
import type { LiveBus } from '../coordination/live-bus.ts';
import type { Deps } from '../deps.ts';
import type { Citation, Message } from '../domain/entities.ts';
import { NotFoundError } from '../domain/errors.ts';
import type { ConversationEvent, MessageStageEvent } from '../domain/events.ts';
import { parseId } from '../domain/ids.ts';
import { type Timestamp, toTimestamp } from '../domain/time.ts';
import { findMessage } from '../store/messages.ts';
import { decodeCursor, encodeCursor, type Position, startOf } from './cursor.ts';
import { messageTopic } from './live-answers.ts';

type FollowDeps = Pick<Deps, 'db' | 'clock' | 'bus' | 'liveAnswers'>;

/**
 * Tells a message from where the reader stands to its end, then completes: the one function behind WebSocket, SSE and
 * REST. A reader holds a position, not a queue of events: whenever it is free and there is news, it is told the
 * difference between its position and what stands written. So nothing comes twice or is missing, whenever it attaches
 * and however slow it is, and a slow one gets larger pieces instead of growing memory.
 *
 * @param after the cursor of the last event seen; absent starts at the beginning of the text.
 * @param signal ends the following; the answer goes on.
 * @throws NotFoundError, BadUserInputError before the first event.
 */
export async function follow(
  deps: FollowDeps,
  viewer: Viewer,
  { messageId, after }: { messageId: string; after?: string | null | undefined },
  signal: AbortSignal,
): Promise<AsyncGenerator<ConversationEvent, void, void>> {
  const id = parseId('message', messageId);
  const message = id && (await findMessage(deps.db.read, viewer.accountId, id));
  if (!message) throw new NotFoundError('Message');
  const start = after == null ? startOf(message.id) : decodeCursor(after, message.id);

  const left = new AbortController();
  const events = tell(deps, message, start, AbortSignal.any([signal, viewer.revoked, left.signal]));
  // A generator that waits for news does not hear `return` by itself.
  const end = events.return.bind(events);
  events.return = (value) => {
    left.abort();
    return end(value);
  };
  return events;
}

async function* tell(
  deps: FollowDeps,
  first: Message,
  start: Position,
  signal: AbortSignal,
): AsyncGenerator<ConversationEvent, void, void> {
  const news = createNews(deps.bus, messageTopic(first.id), signal);
  try {
    let position = start;
    let progress: Progress | undefined;
    while (position.stage < 3 && !signal.aborted) {
      progress = await readProgress(deps, first, progress);
      if (progress === undefined) return; // deleted meanwhile
      for (const step of stepsFrom(position, progress, toTimestamp(deps.clock.now()))) {
        position = step.position;
        yield { ...step.event, cursor: encodeCursor(position) };
        if (signal.aborted) return;
      }
      if (position.stage < 3) await news.next();
    }
  } finally {
    news.stop();
  }
}

/** What stands written of a message right now. */
interface Progress {
  readonly message: Message;
  readonly content: string;
  readonly citations: readonly Citation[];
}

async function readProgress(
  deps: FollowDeps,
  { accountId, id }: Message,
  last: Progress | undefined,
): Promise<Progress | undefined> {
  const live = deps.liveAnswers.get(id);
  // As long as the run is here, it is ahead of the store, and its row does not change.
  if (live !== undefined && last?.message.status === 'STREAMING') return { message: last.message, ...copyOf(live) };
  const message = await findMessage(deps.db.read, accountId, id);
  if (message === undefined) return undefined;
  // A run that ended while the row was read has signalled, so the row is read again.
  const written = message.status === 'STREAMING' ? (deps.liveAnswers.get(id) ?? message) : message;
  return { message, ...copyOf(written) };
}

/** The run goes on while a reader takes its time: a citation must not overtake the text that it points into. */
function copyOf({ content, citations }: Pick<Progress, 'content' | 'citations'>) {
  return { content, citations: [...citations] };
}

type WithoutCursor<E> = E extends unknown ? Omit<E, 'cursor'> : never;

/** An event but for its cursor, with the position that it brings the reader to. */
interface Step {
  readonly event: WithoutCursor<ConversationEvent>;
  readonly position: Position;
}

function* stepsFrom(start: Position, { message, content, citations }: Progress, now: Timestamp): Generator<Step> {
  let position = start;
  const { id: messageId, conversationId } = message;
  const isQueued = message.status === 'QUEUED';

  if (position.stage === 0) {
    position = { ...position, stage: isQueued ? 1 : 2 };
    yield { position, event: { conversationId, type: 'MessageCreated', at: message.createdAt, message } };
  }
  if (isQueued) return;
  if (position.stage === 1) {
    position = { ...position, stage: 2 };
    yield { position, event: { conversationId, type: 'MessageStarted', at: now, message } };
  }

  const { offset } = position;
  if (content.length > offset) {
    position = { ...position, offset: content.length };
    const text = content.slice(offset);
    yield { position, event: { conversationId, type: 'MessageDelta', at: now, messageId, offset, text, content } };
  }
  for (const citation of citations.slice(position.citations)) {
    position = { ...position, citations: position.citations + 1 };
    yield { position, event: { conversationId, type: 'CitationAdded', at: now, messageId, citation } };
  }

  if (message.status === 'STREAMING') return;
  position = { ...position, stage: 3 };
  yield { position, event: { conversationId, type: ENDINGS[message.status], at: message.completedAt ?? now, message } };
}

const ENDINGS: Record<'COMPLETED' | 'STOPPED' | 'FAILED' | 'INTERRUPTED', MessageStageEvent['type']> = {
  COMPLETED: 'MessageCompleted',
  // Nothing stops an answer yet; one that was stopped has ended with the text it has.
  STOPPED: 'MessageCompleted',
  FAILED: 'MessageFailed',
  INTERRUPTED: 'MessageInterrupted',
};

/** Listens from now on, so that news between a look and a wait is not missed. */
function createNews(bus: LiveBus, topic: string, signal: AbortSignal) {
  let hasNews = false;
  let wake: (() => void) | undefined;
  const notice = () => {
    hasNews = true;
    wake?.();
  };
  const unsubscribe = bus.subscribe(topic, notice);
  signal.addEventListener('abort', notice);
  return {
    /** Resolves when there were news since the last call, or the signal aborts. */
    async next(): Promise<void> {
      if (!hasNews) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      hasNews = false;
    },
    stop(): void {
      unsubscribe();
      signal.removeEventListener('abort', notice);
    },
  };
}
