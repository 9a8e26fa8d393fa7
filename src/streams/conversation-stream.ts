import type { Viewer } from '../access/viewer.ts';
import { type EventLog, positionAt, readLog } from '../conversations/log-position.ts';
import { CONVERSATION_DELETED, EVENTS_LOST, readLoggedEvents } from '../conversations/logged-events.ts';
import { isVisible } from '../conversations/visibility.ts';
import { conversationTopic, deletionTopic } from '../coordination/topics.ts';
import { type Conversation, type Message, TYPING_ROLES } from '../domain/entities.ts';
import { requireFound } from '../domain/errors.ts';
import { type ConversationEvent, FINAL_EVENT_TYPES, type LoggedEventType } from '../domain/events.ts';
import type { Feed } from '../domain/feed.ts';
import { parseId } from '../domain/ids.ts';
import { toTimestamp } from '../domain/time.ts';
import { hasReceivedDifferentText, TEXT_START } from '../replies/text-position.ts';
import { findConversation } from '../store/conversations.ts';
import { findLastEvent, type LoggedEvent, listConversationEvents } from '../store/events.ts';
import {
  type ConversationLog,
  type ConversationPosition,
  encodeConversationPosition,
  readConversationCursor,
  readCurrentPosition,
} from './conversation-position.ts';
import type { StreamCursors } from './cursor.ts';
import {
  listTextEvents,
  type MessageSnapshot,
  readLiveSnapshot,
  readSnapshot,
  type StreamFields,
} from './message-stream.ts';
import { type EventSlice, type EventStream, type PositionedEvent, type StreamDeps, subscribe } from './subscribe.ts';

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
  const conversation = requireFound('Conversation', await findConversation(deps.db.read, accountId, id));
  const target = { ...conversation, log: createLog(deps, conversation) };
  const cursors = deps.cursors.forStream('conversation', accountId, id);
  const start =
    after == null
      ? await readCurrentPosition(deps, target)
      : await readConversationCursor(deps, target, cursors, after);
  const stream = createConversationStream(deps, viewer, target, cursors);
  const { chatbotId } = conversation;
  const at = toTimestamp(deps.clock.now());
  const cursor = () => after ?? cursors.write(encodeConversationPosition(start));
  const firstEvent = { type: 'StreamReady', conversationId: id, chatbotId, at, cursor } as const;
  return subscribe(deps.bus, viewer, { ...stream, firstEvent }, start, signal);
}

function createLog({ db }: StreamDeps, { id: conversationId, accountId }: Conversation): EventLog {
  return {
    findLast: () => findLastEvent(db.read, accountId, 'conversations', conversationId),
    list: (after, limit) => listConversationEvents(db.read, accountId, { conversationId, after, limit }),
    numberOf: ({ number }) => number,
  };
}

function createConversationStream(
  deps: StreamDeps,
  viewer: Viewer,
  target: ConversationLog,
  cursors: StreamCursors,
): EventStream<ConversationPosition> {
  const { id: conversationId, chatbotId, log } = target;
  const { read } = deps.db;
  const replyReader = createReplyReader(deps, viewer, conversationId);
  const createFields = () => ({ conversationId, chatbotId, at: toTimestamp(deps.clock.now()) });

  /**
   * Lists logged events. Before the end of a reply, it lists the reply's text. Returns `undefined` if the subscriber
   * has received a different text.
   */
  async function listLoggedEvents(position: ConversationPosition, loggedEvents: readonly LoggedEvent[]) {
    const visibleEvents = await readLoggedEvents(read, viewer, loggedEvents);
    // A new subscriber first receives the reply that was being generated, even if newer events have been logged since.
    const isNew = position.reply?.text === undefined;
    const events = isNew ? await listReplyEvents(replyReader, position, { fields: createFields() }) : [];
    let endPosition = events?.at(-1)?.position ?? position;
    for (const [index, entry] of loggedEvents.entries()) {
      const isEnd = END_TYPES.has(entry.type) && entry.messageId === endPosition.reply?.messageId;
      const options = { fields: createFields(), hasEnded: true };
      const textEvents = isEnd ? await listReplyEvents(replyReader, endPosition, options) : [];
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
    const position = { ...(await readCurrentPosition(deps, target)), typing };
    const gap = { type: 'StreamGap', ...createFields(), reason: EVENTS_LOST } as const;
    return { events: [{ position, event: gap }], next: 'read again' };
  }

  return {
    name: `conversation:${conversationId}`,
    topic: conversationTopic(conversationId),
    deletionTopic: deletionTopic(chatbotId),
    cursors,
    encode: encodeConversationPosition,
    read(position, hint) {
      const { reply } = position;
      const snapshot = hint === 'text' && reply?.text ? replyReader.readLive(reply.messageId) : undefined;
      const events = snapshot && listReplyText(deps, position, snapshot, createFields());
      return events ? { events, next: 'wait' } : readAllEvents(position);
    },
  };

  async function readAllEvents(position: ConversationPosition): Promise<EventSlice<ConversationPosition>> {
    const slice = await readLog(log, position.log);
    if (slice === undefined) {
      const deleted = { type: 'ConversationDeleted', ...createFields(), reason: CONVERSATION_DELETED } as const;
      return { events: [{ position, event: deleted }], next: 'end' };
    }
    const listed = slice.isGap ? undefined : await listLoggedEvents(position, slice.events);
    if (slice.isGap || listed === undefined) return createGapSlice(position);
    const { events: loggedEvents, endPosition: positionAfterLog } = listed;
    if (slice.hasMore) return { events: loggedEvents, endPosition: positionAfterLog, next: 'read again' };
    const replyEvents = await listReplyEvents(replyReader, positionAfterLog, { fields: createFields() });
    if (replyEvents === undefined) return createGapSlice(position);
    const positionAfterReply = replyEvents.at(-1)?.position ?? positionAfterLog;
    const typingEvents = listTypingEvents(deps.typing, createFields(), positionAfterReply);
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
function listTypingEvents(typing: StreamDeps['typing'], fields: StreamFields, position: ConversationPosition) {
  const rolesTyping = typing.rolesTyping(fields.conversationId);
  const events: PositionedEvent<ConversationPosition>[] = [];
  let reported = position.typing;
  for (const [index, role] of TYPING_ROLES.entries()) {
    const bit = 1 << index;
    const isTyping = rolesTyping.has(role);
    if (isTyping === ((reported & bit) !== 0)) continue;
    reported ^= bit;
    const authorName = rolesTyping.get(role) ?? null;
    const event = { type: 'TypingChanged', ...fields, role, isTyping, authorName } as const;
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
  { fields, hasEnded }: { fields: StreamFields; hasEnded?: boolean },
): Promise<PositionedEvent<ConversationPosition>[] | undefined> {
  const { reply } = position;
  const snapshot = reply && (await replyReader.read(reply.messageId, hasEnded));
  if (snapshot === undefined) return [];
  const text = listReplyText(replyReader.deps, position, snapshot, fields);
  if (reply?.text !== undefined || text === undefined) return text;
  const { message } = snapshot;
  const { createdAt: at, id: messageId } = message;
  const created = { ...fields, type: 'MessageCreated', at, message } as const;
  return [{ event: created, position: { ...position, reply: { messageId, text: TEXT_START } } }, ...text];
}

/** Lists events for the reply's new text and citations; `undefined` if the subscriber has received a different text. */
function listReplyText(
  deps: StreamDeps,
  position: ConversationPosition,
  snapshot: MessageSnapshot,
  fields: StreamFields,
): PositionedEvent<ConversationPosition>[] | undefined {
  const start = position.reply?.text ?? TEXT_START;
  if (hasReceivedDifferentText(deps, start, snapshot)) return undefined;
  const { id: messageId } = snapshot.message;
  return Array.from(listTextEvents(start, snapshot, fields), ({ event, position: text }) => ({
    event,
    position: { ...position, reply: { messageId, text } },
  }));
}
