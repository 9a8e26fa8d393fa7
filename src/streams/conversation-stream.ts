import type { Viewer } from '../access/viewer.ts';
import {
  type EventLog,
  encodePosition,
  LOG_POSITION_PATTERN,
  type LogPosition,
  positionAt,
  readLog,
} from '../conversations/log-position.ts';
import { CONVERSATION_DELETED, EVENTS_LOST, readLoggedEvents } from '../conversations/logged-events.ts';
import { isVisible } from '../conversations/visibility.ts';
import { conversationTopic, deletionTopic } from '../coordination/topics.ts';
import { type Message, TYPING_ROLES } from '../domain/entities.ts';
import { requireFound } from '../domain/errors.ts';
import { type ConversationEvent, FINAL_EVENT_TYPES, type LoggedEventType } from '../domain/events.ts';
import type { Feed } from '../domain/feed.ts';
import { parseId } from '../domain/ids.ts';
import { type Timestamp, toTimestamp } from '../domain/time.ts';
import {
  decodeTextPosition,
  encodeTextPosition,
  hasReceivedDifferentText,
  TEXT_POSITION_PATTERN,
  TEXT_START,
  type TextPosition,
} from '../replies/text-position.ts';
import { findConversation } from '../store/conversations.ts';
import { findLastEvent, type LoggedEvent, listConversationEvents } from '../store/events.ts';
import { listOpenReplies } from '../store/open-replies.ts';
import type { StreamCursors } from './cursor.ts';
import { listTextEvents, type MessageSnapshot, readLiveSnapshot, readSnapshot } from './message-stream.ts';
import { type EventSlice, type EventStream, type PositionedEvent, type StreamDeps, subscribe } from './subscribe.ts';

/** A position in the reply that is being generated. */
interface ReplyPosition {
  readonly messageId: string;
  /** `undefined`: the subscriber has not received the reply's MessageCreated event. */
  readonly text: TextPosition | undefined;
}

/** The position of a subscriber to a conversation. */
interface ConversationPosition {
  /** The position of the last logged event that the subscription has passed. */
  readonly log: LogPosition;
  /** The position in the reply that was being generated at that event. */
  readonly reply: ReplyPosition | undefined;
  /** The roles last reported to the subscriber as typing, one bit for each role. */
  readonly typing: number;
}

const CURSOR = new RegExp(
  `^${LOG_POSITION_PATTERN}_(?:(?<messageId>[0-9a-f-]{36})_(?:${TEXT_POSITION_PATTERN}|-))?_(?<typing>[0-3])$`,
);
const END_TYPES: ReadonlySet<LoggedEventType> = new Set(Object.values(FINAL_EVENT_TYPES));

/**
 * Subscribes to a conversation: its logged events, the deltas and citations of its replies, and typing. The
 * subscription ends only if the conversation is deleted; its last event is then ConversationDeleted.
 * @param after the cursor of the last event received; absent: the subscription begins with the reply that is being
 * generated.
 * @throws NotFoundError, BadUserInputError before the first event.
 */
export async function subscribeToConversation(
  deps: StreamDeps,
  viewer: Viewer,
  { conversationId, after }: { conversationId: string; after?: string | null | undefined },
  signal: AbortSignal,
): Promise<Feed<ConversationEvent>> {
  const { accountId } = viewer;
  const id = requireFound('Conversation', parseId('conversation', conversationId));
  const { chatbotId } = requireFound('Conversation', await findConversation(deps.db.read, accountId, id));
  const current = await readCurrentPosition(deps, accountId, id);
  const cursors = deps.cursors.forStream('conversation', accountId, id);
  const start = after == null ? current : readCursor(cursors, after);
  const stream = createConversationStream(deps, viewer, { chatbotId, conversationId: id, cursors });
  return subscribe(deps.bus, viewer, stream, start, signal);
}

/** Reads the position after the last logged event and before the reply that is being generated. */
async function readCurrentPosition(
  { db }: StreamDeps,
  accountId: string,
  conversationId: string,
): Promise<ConversationPosition> {
  const readLast = async () =>
    positionAt(requireFound('Conversation', await findLastEvent(db.read, accountId, 'conversations', conversationId)));
  while (true) {
    const log = await readLast();
    const [first] = await listOpenReplies(db.read, accountId, conversationId);
    const reply = first?.status === 'STREAMING' ? { messageId: first.id, text: undefined } : undefined;
    // If a reply started or ended between the two reads, their results contradict each other, and both are repeated.
    const logAfter = await readLast();
    if (logAfter.number === log.number && logAfter.idSuffix === log.idSuffix) return { log, reply, typing: 0 };
  }
}

function readCursor(cursors: StreamCursors, after: string): ConversationPosition {
  const { number, idSuffix = '', messageId, typing, ...groups } = cursors.read(after, CURSOR);
  const text = groups.offset === undefined ? undefined : decodeTextPosition(groups);
  return {
    log: { number: Number(number), idSuffix },
    reply: messageId === undefined ? undefined : { messageId, text },
    typing: Number(typing),
  };
}

function createConversationStream(
  deps: StreamDeps,
  viewer: Viewer,
  { chatbotId, conversationId, cursors }: { chatbotId: string; conversationId: string; cursors: StreamCursors },
): EventStream<ConversationPosition> {
  const { accountId } = viewer;
  const { read } = deps.db;
  const replyReader = createReplyReader(deps, viewer, conversationId);
  const now = () => toTimestamp(deps.clock.now());
  const log: EventLog = {
    findLast: () => findLastEvent(read, accountId, 'conversations', conversationId),
    list: (after, limit) => listConversationEvents(read, accountId, { conversationId, after, limit }),
    numberOf: ({ number }) => number,
  };

  /**
   * Lists logged events. Before the end of a reply, it lists the reply's text. Returns `undefined` if the subscriber
   * has received a different text.
   */
  async function listLoggedEvents(position: ConversationPosition, loggedEvents: readonly LoggedEvent[]) {
    const visibleEvents = await readLoggedEvents(read, viewer, loggedEvents);
    // A new subscriber first receives the reply that was being generated, even if newer events have been logged since.
    const isNew = position.reply?.text === undefined;
    const events = isNew ? await listReplyEvents(replyReader, position, { now: now() }) : [];
    let endPosition = events?.at(-1)?.position ?? position;
    for (const [index, entry] of loggedEvents.entries()) {
      const isEnd = END_TYPES.has(entry.type) && entry.messageId === endPosition.reply?.messageId;
      const textEvents = isEnd ? await listReplyEvents(replyReader, endPosition, { now: now(), hasEnded: true }) : [];
      if (events === undefined || textEvents === undefined) return undefined;
      events.push(...textEvents);
      endPosition = positionAfter(textEvents.at(-1)?.position ?? endPosition, entry, isEnd);
      const event = visibleEvents[index];
      if (event !== undefined) events.push({ position: endPosition, event });
    }
    return events && { events, endPosition };
  }

  /** Reports a gap, and moves the subscription to the reply that is being generated. */
  async function createGapSlice({ typing }: ConversationPosition): Promise<EventSlice<ConversationPosition>> {
    const position = { ...(await readCurrentPosition(deps, accountId, conversationId)), typing };
    const gap = { type: 'StreamGap', conversationId, at: now(), reason: EVENTS_LOST } as const;
    return { events: [{ position, event: gap }], next: 'read again' };
  }

  return {
    name: `conversation:${conversationId}`,
    topic: conversationTopic(conversationId),
    deletionTopic: deletionTopic(chatbotId),
    cursors,
    encode({ log, reply, typing }) {
      // After a gap, the subscriber may not have received the reply's MessageCreated event.
      const encoded = reply ? `${reply.messageId}_${reply.text ? encodeTextPosition(reply.text) : '-'}` : '';
      return `${encodePosition(log)}_${encoded}_${typing}`;
    },
    read(position, hint) {
      const { reply } = position;
      const snapshot = hint === 'text' && reply?.text ? replyReader.readLive(reply.messageId) : undefined;
      const events = snapshot && listReplyText(deps, position, snapshot, now());
      return events ? { events, next: 'wait' } : readAllEvents(position);
    },
  };

  async function readAllEvents(position: ConversationPosition): Promise<EventSlice<ConversationPosition>> {
    const slice = await readLog(log, position.log);
    if (slice === undefined) {
      const deleted = { type: 'ConversationDeleted', conversationId, at: now(), reason: CONVERSATION_DELETED } as const;
      return { events: [{ position, event: deleted }], next: 'end' };
    }
    const listed = slice.isGap ? undefined : await listLoggedEvents(position, slice.events);
    if (slice.isGap || listed === undefined) return createGapSlice(position);
    const { events: loggedEvents, endPosition: positionAfterLog } = listed;
    if (slice.hasMore) return { events: loggedEvents, endPosition: positionAfterLog, next: 'read again' };
    const replyEvents = await listReplyEvents(replyReader, positionAfterLog, { now: now() });
    if (replyEvents === undefined) return createGapSlice(position);
    const positionAfterReply = replyEvents.at(-1)?.position ?? positionAfterLog;
    const typingEvents = listTypingEvents(deps, conversationId, positionAfterReply);
    const endPosition = typingEvents.at(-1)?.position ?? positionAfterReply;
    return { events: [...loggedEvents, ...replyEvents, ...typingEvents], endPosition, next: 'wait' };
  }
}

/** The position after a logged event, which may be the start or the end of the reply that is being generated. */
function positionAfter(position: ConversationPosition, event: LoggedEvent, isEnd: boolean): ConversationPosition {
  const { type, messageId, status } = event;
  const isStart = type === 'MessageStarted' || (type === 'MessageCreated' && status === 'STREAMING');
  const reply = isStart && messageId ? { messageId, text: TEXT_START } : isEnd ? undefined : position.reply;
  return { ...position, log: positionAt(event), reply };
}

/** Lists the typing indicators that have changed since the position. */
function listTypingEvents({ typing, clock }: StreamDeps, conversationId: string, position: ConversationPosition) {
  const rolesTyping = typing.rolesTyping(conversationId);
  const events: PositionedEvent<ConversationPosition>[] = [];
  let reported = position.typing;
  for (const [index, role] of TYPING_ROLES.entries()) {
    const bit = 1 << index;
    const isTyping = rolesTyping.has(role);
    if (isTyping === ((reported & bit) !== 0)) continue;
    reported ^= bit;
    const event = { type: 'TypingChanged', conversationId, at: toTimestamp(clock.now()), role, isTyping } as const;
    events.push({ position: { ...position, typing: reported }, event });
  }
  return events;
}

/** Creates a reader of the reply that is being generated. It caches the message row, so that a delta needs no query. */
function createReplyReader(deps: StreamDeps, viewer: Viewer, conversationId: string) {
  let cached: Message | undefined;
  const readLive = (id: string) => (cached?.id === id ? readLiveSnapshot(deps, cached) : undefined);
  return {
    deps,

    /** Returns the live text; `undefined` if this node does not know it or has not read the message row. */
    readLive,

    /** Reads the text, or the stored text if the reply has ended; `undefined` if the viewer may not see the reply. */
    async read(id: string, hasEnded = false): Promise<MessageSnapshot | undefined> {
      const { accountId } = viewer;
      const snapshot = (hasEnded ? undefined : readLive(id)) ?? (await readSnapshot(deps, { accountId, id }));
      const isVisibleMessage =
        snapshot?.message.conversationId === conversationId && isVisible(viewer, snapshot.message);
      cached = isVisibleMessage ? snapshot.message : undefined;
      return isVisibleMessage ? snapshot : undefined;
    },
  };
}

/**
 * Lists the new events of the reply that is being generated, beginning with its MessageCreated event if the subscriber
 * has not received that event; `undefined` if the subscriber has received a different text.
 */
async function listReplyEvents(
  replyReader: ReturnType<typeof createReplyReader>,
  position: ConversationPosition,
  { now, hasEnded }: { now: Timestamp; hasEnded?: boolean },
): Promise<PositionedEvent<ConversationPosition>[] | undefined> {
  const { reply } = position;
  const snapshot = reply && (await replyReader.read(reply.messageId, hasEnded));
  if (snapshot === undefined) return [];
  const text = listReplyText(replyReader.deps, position, snapshot, now);
  if (reply?.text !== undefined || text === undefined) return text;
  const { message } = snapshot;
  const { conversationId, createdAt: at, id: messageId } = message;
  const created = { type: 'MessageCreated', conversationId, at, message } as const;
  return [{ event: created, position: { ...position, reply: { messageId, text: TEXT_START } } }, ...text];
}

/** Lists events for the reply's new text and citations; `undefined` if the subscriber has received a different text. */
function listReplyText(
  deps: StreamDeps,
  position: ConversationPosition,
  snapshot: MessageSnapshot,
  now: Timestamp,
): PositionedEvent<ConversationPosition>[] | undefined {
  const start = position.reply?.text ?? TEXT_START;
  if (hasReceivedDifferentText(deps, start, snapshot)) return undefined;
  const { id: messageId } = snapshot.message;
  return Array.from(listTextEvents(start, snapshot, now), ({ event, position: text }) => ({
    event,
    position: { ...position, reply: { messageId, text } },
  }));
}
