import type { Viewer } from '../access/viewer.ts';
import { CONVERSATION_DELETED, EVENTS_LOST } from '../conversations/logged-events.ts';
import { getMessage } from '../conversations/visibility.ts';
import type { WrittenText } from '../coordination/live-texts.ts';
import { conversationTopic, deletionTopic } from '../coordination/topics.ts';
import type { Citation, Message, MessageStatus } from '../domain/entities.ts';
import { requireFound } from '../domain/errors.ts';
import { type ConversationEvent, ENDINGS } from '../domain/events.ts';
import type { Feed } from '../domain/feed.ts';
import { type Timestamp, toTimestamp } from '../domain/time.ts';
import { longerOf } from '../replies/current-text.ts';
import {
  checksumAt,
  decodeTextPosition,
  encodeTextPosition,
  isDifferentText,
  TEXT_POSITION_PATTERN,
  TEXT_START,
  type TextPosition,
} from '../replies/text-position.ts';
import { findConversation } from '../store/conversations.ts';
import { findMessage } from '../store/messages.ts';
import type { StreamCursors } from './cursor.ts';
import { type EventSlice, type EventStream, type PositionedEvent, type StreamDeps, subscribe } from './subscribe.ts';

/** How far a reader of one message has come. */
interface MessagePosition {
  /** 0: nothing told; 1: told that it waits; 2: told that it is being written; from 3 on: told its end, by its status. */
  readonly stage: number;
  readonly text: TextPosition;
}

/** What stands written of a message right now. */
export interface MessageSnapshot {
  readonly message: Message;
  readonly content: string;
  readonly citations: readonly Citation[];
}

const STARTED = 2;
const END_STAGES: Partial<Record<MessageStatus, number>> = { COMPLETED: 3, FAILED: 4, STOPPED: 5, INTERRUPTED: 6 };
const START: MessagePosition = { stage: 0, text: TEXT_START };
const CURSOR = new RegExp(`^(?<stage>[0-6])_${TEXT_POSITION_PATTERN}$`);

/**
 * Follows one message to its end, or until its conversation is deleted.
 * @param after the cursor of the last event seen; absent starts at the beginning of the text.
 * @throws NotFoundError, BadUserInputError before the first event.
 */
export async function subscribeToMessage(
  deps: StreamDeps,
  viewer: Viewer,
  { messageId, after }: { messageId: string; after?: string | null | undefined },
  signal: AbortSignal,
): Promise<Feed<ConversationEvent>> {
  const message = await getMessage(deps.db.read, viewer, messageId);
  const cursors = deps.cursors.of('message', viewer.accountId, message.id);
  const found = await findConversation(deps.db.read, viewer.accountId, message.conversationId);
  const { chatbotId } = requireFound('Message', found);
  const start = after == null ? START : readCursor(cursors, after);
  return subscribe(deps.bus, viewer, createMessageStream(deps, message, { chatbotId, cursors }), start, signal);
}

function readCursor(cursors: StreamCursors, after: string): MessagePosition {
  const groups = cursors.read(after, CURSOR);
  return { stage: Number(groups.stage), text: decodeTextPosition(groups) };
}

function createMessageStream(
  deps: StreamDeps,
  first: Message,
  { chatbotId, cursors }: { chatbotId: string; cursors: StreamCursors },
): EventStream<MessagePosition> {
  let last: MessageSnapshot | undefined;
  return {
    name: `message:${first.id}`,
    topic: conversationTopic(first.conversationId),
    deletionTopic: deletionTopic(chatbotId),
    cursors,
    describe: ({ stage, text }) => `${stage}_${encodeTextPosition(text)}`,
    read(place, news) {
      // Where more than text may have changed, the row says whether there is such a message still.
      const progress = (news === 'text' && readLiveSnapshot(deps, last?.message)) || readSnapshot(deps, first);
      return progress instanceof Promise
        ? progress.then((read) => createSlice(place, read))
        : createSlice(place, progress);
    },
  };

  function createSlice(place: MessagePosition, progress: MessageSnapshot | undefined): EventSlice<MessagePosition> {
    last = progress;
    const about = { conversationId: first.conversationId, at: toTimestamp(deps.clock.now()) };
    if (progress === undefined) {
      const deleted = { ...about, type: 'ConversationDeleted', reason: CONVERSATION_DELETED } as const;
      return { steps: [{ place, event: deleted }], next: 'end' };
    }
    if (isDifferentMessage(deps, place, progress)) {
      const gap = { ...about, type: 'StreamGap', reason: EVENTS_LOST } as const;
      return { steps: [{ place: START, event: gap }], next: 'read on' };
    }
    return {
      steps: listMessageEvents(place, progress, about.at),
      next: END_STAGES[progress.message.status] ? 'end' : 'wait',
    };
  }
}

/** Whether a reader was told what the message has not come to: it was told before a restore or a failover. */
function isDifferentMessage(deps: StreamDeps, { stage, text }: MessagePosition, progress: MessageSnapshot): boolean {
  const { status } = progress.message;
  const isLate = stage === STARTED && status === 'QUEUED';
  const isOtherEnd = stage > STARTED && (END_STAGES[status] !== stage || text.offset < progress.content.length);
  return isLate || isOtherEnd || isDifferentText(deps, text, progress);
}

/**
 * What stands written of a message that is being written at this moment, here or elsewhere; `undefined` when it is not, or
 * that is not known yet.
 * @param known its row, where that was read before: as long as the run goes on, it is ahead of it.
 */
export function readLiveSnapshot(
  { liveReplies, liveTexts }: StreamDeps,
  known: Message | undefined,
): MessageSnapshot | undefined {
  const live = known?.status === 'STREAMING' ? (liveReplies.get(known.id) ?? liveTexts.peek(known.id)) : undefined;
  return known && live && createSnapshot(known, live);
}

/** Reads what stands written of a message; `undefined` when it is gone. */
export async function readSnapshot(
  deps: StreamDeps,
  { accountId, id }: Pick<Message, 'accountId' | 'id'>,
): Promise<MessageSnapshot | undefined> {
  const message = await findMessage(deps.db.read, accountId, id);
  if (message === undefined) return undefined;
  if (message.status !== 'STREAMING') return createSnapshot(message, message);
  // A run that ended while the row was read has signalled, so the row is read again.
  const live = readLiveSnapshot(deps, message);
  if (live !== undefined) return live;
  const heard = await deps.liveTexts.read(message.id, conversationTopic(message.conversationId));
  return createSnapshot(message, longerOf(message, heard));
}

/** A live answer goes on while a reader is told of it: a citation must not overtake the text that it points into. */
function createSnapshot(message: Message, { content, citations }: WrittenText): MessageSnapshot {
  return { message, content, citations: [...citations] };
}

function* listMessageEvents(
  start: MessagePosition,
  progress: MessageSnapshot,
  now: Timestamp,
): Generator<PositionedEvent<MessagePosition>> {
  const { message } = progress;
  if (start.stage > STARTED) return;
  const about = { conversationId: message.conversationId, message };
  let { stage, text } = start;
  const isQueued = message.status === 'QUEUED';
  if (stage === 0) {
    stage = isQueued ? 1 : STARTED;
    yield { place: { stage, text }, event: { ...about, type: 'MessageCreated', at: message.createdAt } };
  }
  if (isQueued) return;
  // One that was stopped without a word tells no more than its end: as a rule it was never begun.
  if (stage === 1 && !(message.status === 'STOPPED' && progress.content === '')) {
    stage = STARTED;
    yield { place: { stage, text }, event: { ...about, type: 'MessageStarted', at: now } };
  }
  for (const step of listTextEvents(text, progress, now)) {
    text = step.place;
    yield { place: { stage, text }, event: step.event };
  }
  if (message.status === 'STREAMING') return;
  const end = END_STAGES[message.status] ?? stage;
  yield {
    place: { stage: end, text },
    event: { ...about, type: ENDINGS[message.status], at: message.completedAt ?? now },
  };
}

/** Tells what is new of a message's text and citations: one delta at most, then the citations. */
export function* listTextEvents(
  start: TextPosition,
  { message, content, citations }: MessageSnapshot,
  now: Timestamp,
): Generator<PositionedEvent<TextPosition>> {
  const about = { conversationId: message.conversationId, messageId: message.id, at: now };
  const { offset } = start;
  let place = start;
  if (content.length > offset) {
    place = { ...place, offset: content.length, checksum: checksumAt(content, content.length) };
    yield { place, event: { ...about, type: 'MessageDelta', offset, text: content.slice(offset), content } };
  }
  for (const citation of citations.slice(start.citations)) {
    place = { ...place, citations: place.citations + 1 };
    yield { place, event: { ...about, type: 'CitationAdded', citation } };
  }
}
