import type { Viewer } from '../access/viewer.ts';
import { CONVERSATION_DELETED, EVENTS_LOST } from '../conversations/logged-events.ts';
import { getMessage } from '../conversations/visibility.ts';
import type { AnswerText } from '../coordination/live-texts.ts';
import { conversationTopic, deletionTopic } from '../coordination/topics.ts';
import type { Citation, Message, MessageStatus } from '../domain/entities.ts';
import { requireFound } from '../domain/errors.ts';
import { type ConversationEvent, FINAL_EVENT_TYPES } from '../domain/events.ts';
import type { Feed } from '../domain/feed.ts';
import { type Timestamp, toTimestamp } from '../domain/time.ts';
import { longerOf } from '../replies/current-text.ts';
import {
  checksumAt,
  decodeTextPosition,
  encodeTextPosition,
  hasReceivedDifferentText,
  TEXT_POSITION_PATTERN,
  TEXT_START,
  type TextPosition,
} from '../replies/text-position.ts';
import { findConversation } from '../store/conversations.ts';
import { findMessage } from '../store/messages.ts';
import type { StreamCursors } from './cursor.ts';
import { type EventSlice, type EventStream, type PositionedEvent, type StreamDeps, subscribe } from './subscribe.ts';

/** The position of a subscriber to one message. */
interface MessagePosition {
  /**
   * The last event that the subscriber has received: 0 none, 1 the queued message, 2 the start of its generation, 3 to
   * 6 its end (see `END_STAGES`).
   */
  readonly stage: number;
  readonly text: TextPosition;
}

/** A message with its text and citations at one moment, which may be newer than the stored text and citations. */
export interface MessageSnapshot {
  readonly message: Message;
  readonly content: string;
  readonly citations: readonly Citation[];
}

/** The fields that all events of a read of one conversation or message share. */
export interface StreamFields {
  readonly conversationId: string;
  readonly chatbotId: string;
  readonly at: Timestamp;
}

const STARTED_STAGE = 2;
const END_STAGES: Partial<Record<MessageStatus, number>> = { COMPLETED: 3, FAILED: 4, STOPPED: 5, INTERRUPTED: 6 };
const START: MessagePosition = { stage: 0, text: TEXT_START };
const CURSOR = new RegExp(`^(?<stage>[0-6])_${TEXT_POSITION_PATTERN}$`);

/**
 * Subscribes to one message. The subscription ends after the message's final event, or when the conversation is
 * deleted.
 * @param after the cursor of the last event received; absent: the subscription starts at the beginning of the text.
 * @throws NotFoundError, BadUserInputError before the first event.
 */
export async function subscribeToMessage(
  deps: StreamDeps,
  viewer: Viewer,
  { messageId, after }: { messageId: string; after?: string | null | undefined },
  signal: AbortSignal,
): Promise<Feed<ConversationEvent>> {
  const message = await getMessage(deps.db.read, viewer, messageId);
  const cursors = deps.cursors.forStream('message', viewer.accountId, message.id);
  const conversation = await findConversation(deps.db.read, viewer.accountId, message.conversationId);
  const { chatbotId } = requireFound('Message', conversation);
  const start = after == null ? START : readCursor(cursors, after);
  return subscribe(deps.bus, viewer, createMessageStream(deps, message, { chatbotId, cursors }), start, signal);
}

function readCursor(cursors: StreamCursors, after: string): MessagePosition {
  const groups = cursors.read(after, CURSOR);
  return { stage: Number(groups.stage), text: decodeTextPosition(groups) };
}

function createMessageStream(
  deps: StreamDeps,
  initialMessage: Message,
  { chatbotId, cursors }: { chatbotId: string; cursors: StreamCursors },
): EventStream<MessagePosition> {
  let latestSnapshot: MessageSnapshot | undefined;
  return {
    name: `message:${initialMessage.id}`,
    topic: conversationTopic(initialMessage.conversationId),
    deletionTopic: deletionTopic(chatbotId),
    cursors,
    encode: ({ stage, text }) => `${stage}_${encodeTextPosition(text)}`,
    read(position, hint) {
      // The live text is enough if only the text has changed. Otherwise the row shows whether the message is deleted.
      const live = hint === 'text' ? readLiveSnapshot(deps, latestSnapshot?.message) : undefined;
      const snapshot = live ?? readSnapshot(deps, initialMessage);
      return snapshot instanceof Promise
        ? snapshot.then((read) => (read === undefined ? createDeletionSlice(position) : createSlice(position, read)))
        : createSlice(position, snapshot);
    },
  };

  /** Reports that the message was deleted, alone or with its conversation. */
  async function createDeletionSlice(position: MessagePosition): Promise<EventSlice<MessagePosition>> {
    const { accountId, conversationId, id: messageId } = initialMessage;
    const conversation = await findConversation(deps.db.read, accountId, conversationId);
    if (conversation === undefined) return createSlice(position, undefined);
    const at = toTimestamp(deps.clock.now());
    const event = { type: 'MessageDeleted', conversationId, chatbotId, messageId, at } as const;
    return { events: [{ position, event }], next: 'end' };
  }

  function createSlice(position: MessagePosition, snapshot: MessageSnapshot | undefined): EventSlice<MessagePosition> {
    latestSnapshot = snapshot;
    const { conversationId } = initialMessage;
    const common = { conversationId, chatbotId, at: toTimestamp(deps.clock.now()) };
    if (snapshot === undefined) {
      const deleted = { ...common, type: 'ConversationDeleted', reason: CONVERSATION_DELETED } as const;
      return { events: [{ position, event: deleted }], next: 'end' };
    }
    if (hasReceivedUndoneState(deps, position, snapshot)) {
      const gap = { ...common, type: 'StreamGap', reason: EVENTS_LOST } as const;
      return { events: [{ position: START, event: gap }], next: 'read again' };
    }
    return {
      events: listMessageEvents(position, snapshot, common),
      next: END_STAGES[snapshot.message.status] ? 'end' : 'wait',
    };
  }
}

/** Whether the subscriber has received a state of the message that a restore or a failover has undone. */
function hasReceivedUndoneState(
  deps: StreamDeps,
  { stage, text }: MessagePosition,
  snapshot: MessageSnapshot,
): boolean {
  const { status } = snapshot.message;
  const isBeforeStart = stage === STARTED_STAGE && status === 'QUEUED';
  const hasDifferentEnd =
    stage > STARTED_STAGE && (END_STAGES[status] !== stage || text.offset < snapshot.content.length);
  return isBeforeStart || hasDifferentEnd || hasReceivedDifferentText(deps, text, snapshot);
}

/**
 * Returns the live text of a reply that this or another node is generating; `undefined` if no node is generating it, or
 * if this node does not know its text yet.
 * @param message the row of the message, if it was read before. While the reply is being generated, only the text of
 * its row changes, and the live text is newer.
 */
export function readLiveSnapshot(
  { liveReplies, liveTexts }: StreamDeps,
  message: Message | undefined,
): MessageSnapshot | undefined {
  if (message?.status !== 'STREAMING') return undefined;
  const live = liveReplies.get(message.id) ?? liveTexts.peek(message.id);
  return live && createSnapshot(message, live);
}

/** Reads the current text of a message; `undefined` when the message is deleted. */
export async function readSnapshot(
  deps: StreamDeps,
  { accountId, id }: Pick<Message, 'accountId' | 'id'>,
): Promise<MessageSnapshot | undefined> {
  const message = await findMessage(deps.db.read, accountId, id);
  if (message === undefined) return undefined;
  if (message.status !== 'STREAMING') return createSnapshot(message, message);
  // If the generation ended while the row was read, it has signalled a change, so the subscription reads the row again.
  const live = readLiveSnapshot(deps, message);
  if (live !== undefined) return live;
  const remote = await deps.liveTexts.read(message.id, conversationTopic(message.conversationId));
  return createSnapshot(message, longerOf(message, remote));
}

/** Copies the citations: a live reply grows while its events are emitted, and no citation may precede its text. */
function createSnapshot(message: Message, { content, citations }: AnswerText): MessageSnapshot {
  return { message, content, citations: [...citations] };
}

function* listMessageEvents(
  start: MessagePosition,
  snapshot: MessageSnapshot,
  streamFields: StreamFields,
): Generator<PositionedEvent<MessagePosition>> {
  const { message } = snapshot;
  if (start.stage > STARTED_STAGE) return;
  const common = { ...streamFields, message };
  let { stage, text } = start;
  const isQueued = message.status === 'QUEUED';
  if (stage === 0) {
    stage = isQueued ? 1 : STARTED_STAGE;
    yield { position: { stage, text }, event: { ...common, type: 'MessageCreated', at: message.createdAt } };
  }
  if (isQueued) return;
  // A reply that was stopped without text emits only its end, because usually its generation never began.
  if (stage === 1 && !(message.status === 'STOPPED' && snapshot.content === '')) {
    stage = STARTED_STAGE;
    yield { position: { stage, text }, event: { ...common, type: 'MessageStarted' } };
  }
  for (const { event, position } of listTextEvents(text, snapshot, streamFields)) {
    text = position;
    yield { position: { stage, text }, event };
  }
  if (message.status === 'STREAMING') return;
  const end = END_STAGES[message.status] ?? stage;
  yield {
    position: { stage: end, text },
    event: { ...common, type: FINAL_EVENT_TYPES[message.status], at: message.completedAt ?? common.at },
  };
}

/** Lists the events after a position in a text: at most one delta, then the citations. */
export function* listTextEvents(
  start: TextPosition,
  { message, content, citations }: MessageSnapshot,
  streamFields: StreamFields,
): Generator<PositionedEvent<TextPosition>> {
  const common = { ...streamFields, messageId: message.id };
  const { offset } = start;
  let position = start;
  if (content.length > offset) {
    position = { ...position, offset: content.length, checksum: checksumAt(content, content.length) };
    yield { position, event: { ...common, type: 'MessageDelta', offset, text: content.slice(offset), content } };
  }
  for (const citation of citations.slice(start.citations)) {
    const index = position.citations;
    position = { ...position, citations: index + 1 };
    yield { position, event: { ...common, type: 'CitationAdded', index, citation } };
  }
}
