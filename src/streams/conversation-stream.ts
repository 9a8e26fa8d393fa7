import type { Viewer } from '../access/viewer.ts';
import {
  encodePosition,
  LOG_POSITION_PATTERN,
  type Log,
  type LogPosition,
  positionAt,
  readLog,
} from '../conversations/log-position.ts';
import { CONVERSATION_DELETED, EVENTS_LOST, readLoggedEvents } from '../conversations/logged-events.ts';
import { isVisible } from '../conversations/visibility.ts';
import { conversationTopic, deletionTopic } from '../coordination/topics.ts';
import { type Message, TYPING_ROLES } from '../domain/entities.ts';
import { requireFound } from '../domain/errors.ts';
import { type ConversationEvent, ENDINGS, type LoggedEventType } from '../domain/events.ts';
import type { Feed } from '../domain/feed.ts';
import { parseId } from '../domain/ids.ts';
import { type Timestamp, toTimestamp } from '../domain/time.ts';
import {
  decodeTextPosition,
  encodeTextPosition,
  isDifferentText,
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

/** The reply under way, and how much of it was told; `undefined` when not even that there is one. */
interface Writing {
  readonly messageId: string;
  readonly text: TextPosition | undefined;
}

/** How far a reader of a conversation has come. */
interface ConversationPosition {
  /** The last logged event told. */
  readonly log: LogPosition;
  /** The reply that is being written at that event. */
  readonly writing: Writing | undefined;
  /** Who is known to be typing, one bit for each role. */
  readonly typing: number;
}

const CURSOR = new RegExp(
  `^${LOG_POSITION_PATTERN}_(?:(?<messageId>[0-9a-f-]{36})_(?:${TEXT_POSITION_PATTERN}|-))?_(?<typing>[0-3])$`,
);
const ENDS: ReadonlySet<LoggedEventType> = new Set(Object.values(ENDINGS));

/**
 * Follows a conversation for as long as it is listened to: every message, and the text of replies while it is written,
 * who answers and who types. That the conversation is deleted is the last that it tells.
 * @param after the cursor of the last event seen; absent tells the reply that is under way, then what comes.
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
  const now = await readNow(deps, accountId, id);
  const cursors = deps.cursors.of('conversation', accountId, id);
  const start = after == null ? now : readCursor(cursors, after);
  return subscribe(
    deps.bus,
    viewer,
    createConversationStream(deps, viewer, { chatbotId, conversationId: id, cursors }),
    start,
    signal,
  );
}

/** The position of one who wants to know what is under way, and what comes. */
async function readNow({ db }: StreamDeps, accountId: string, conversationId: string): Promise<ConversationPosition> {
  const readLast = async () =>
    positionAt(requireFound('Conversation', await findLastEvent(db.read, accountId, 'conversations', conversationId)));
  while (true) {
    const log = await readLast();
    const [first] = await listOpenReplies(db.read, accountId, conversationId);
    const writing = first?.status === 'STREAMING' ? { messageId: first.id, text: undefined } : undefined;
    // Both have to be of one moment: a reply that began or ended between the two reads would be told by half.
    const again = await readLast();
    if (again.number === log.number && again.identity === log.identity) return { log, writing, typing: 0 };
  }
}

function readCursor(cursors: StreamCursors, after: string): ConversationPosition {
  const { number, identity = '', messageId, typing, ...groups } = cursors.read(after, CURSOR);
  const text = groups.offset === undefined ? undefined : decodeTextPosition(groups);
  return {
    log: { number: Number(number), identity },
    writing: messageId === undefined ? undefined : { messageId, text },
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
  const writings = createWritingReader(deps, viewer, conversationId);
  const now = () => toTimestamp(deps.clock.now());
  const log: Log = {
    findLast: () => findLastEvent(read, accountId, 'conversations', conversationId),
    list: (after, limit) => listConversationEvents(read, accountId, { conversationId, after, limit }),
    numberOf: ({ number }) => number,
  };

  /** Tells logged events, each reply's text before its end; `undefined` where a text is another one by now. */
  async function tellLogged(place: ConversationPosition, logged: readonly LoggedEvent[]) {
    const told = await readLoggedEvents(read, viewer, logged);
    // Who has just come is told first of the reply that is under way, also when there is more to tell by now.
    const steps = place.writing?.text === undefined ? await tellWriting(writings, place, { now: now() }) : [];
    let end = steps?.at(-1)?.place ?? place;
    for (const [index, event] of logged.entries()) {
      const isEnd = ENDS.has(event.type) && event.messageId === end.writing?.messageId;
      const rest = isEnd ? await tellWriting(writings, end, { now: now(), hasEnded: true }) : [];
      if (steps === undefined || rest === undefined) return undefined;
      steps.push(...rest);
      end = positionAfter(rest.at(-1)?.place ?? end, event, isEnd);
      const what = told[index];
      if (what !== undefined) steps.push({ place: end, event: what });
    }
    return steps && { steps, end };
  }

  /** Tells that something was missed, and goes on with what is under way. */
  async function tellGap({ typing }: ConversationPosition): Promise<EventSlice<ConversationPosition>> {
    const place = { ...(await readNow(deps, accountId, conversationId)), typing };
    const gap = { type: 'StreamGap', conversationId, at: now(), reason: EVENTS_LOST } as const;
    return { steps: [{ place, event: gap }], next: 'read on' };
  }

  return {
    name: `conversation:${conversationId}`,
    topic: conversationTopic(conversationId),
    deletionTopic: deletionTopic(chatbotId),
    cursors,
    describe({ log, writing, typing }) {
      // After a gap a reader may not even know that there is a reply.
      const reply = writing ? `${writing.messageId}_${writing.text ? encodeTextPosition(writing.text) : '-'}` : '';
      return `${encodePosition(log)}_${reply}_${typing}`;
    },
    read(place, news) {
      const { writing } = place;
      const progress = news === 'text' && writing?.text ? writings.live(writing.messageId) : undefined;
      const steps = progress && tellText(deps, place, progress, now());
      return steps ? { steps, next: 'wait' } : readAll(place);
    },
  };

  async function readAll(place: ConversationPosition): Promise<EventSlice<ConversationPosition>> {
    const slice = await readLog(log, place.log);
    if (slice === undefined) {
      const deleted = { type: 'ConversationDeleted', conversationId, at: now(), reason: CONVERSATION_DELETED } as const;
      return { steps: [{ place, event: deleted }], next: 'end' };
    }
    const told = slice.isGap ? undefined : await tellLogged(place, slice.events);
    if (slice.isGap || told === undefined) return tellGap(place);
    const { steps, end } = told;
    if (slice.isMore) return { steps, end, next: 'read on' };
    const writing = await tellWriting(writings, end, { now: now() });
    if (writing === undefined) return tellGap(place);
    const written = writing.at(-1)?.place ?? end;
    const typing = tellTyping(deps, conversationId, written);
    return { steps: [...steps, ...writing, ...typing], end: typing.at(-1)?.place ?? written, next: 'wait' };
  }
}

/** Where a reader stands after a logged event: it may begin or end the reply under way. */
function positionAfter(place: ConversationPosition, event: LoggedEvent, isEnd: boolean): ConversationPosition {
  const { type, messageId, status } = event;
  const begins = type === 'MessageStarted' || (type === 'MessageCreated' && status === 'STREAMING');
  const writing = begins && messageId ? { messageId, text: TEXT_START } : isEnd ? undefined : place.writing;
  return { ...place, log: positionAt(event), writing };
}

/** Tells who began to type, and who has stopped, since it was last told. */
function tellTyping({ typing, clock }: StreamDeps, conversationId: string, place: ConversationPosition) {
  const typers = typing.of(conversationId);
  const steps: PositionedEvent<ConversationPosition>[] = [];
  let told = place.typing;
  for (const [index, role] of TYPING_ROLES.entries()) {
    const bit = 1 << index;
    const isTyping = typers.has(role);
    if (isTyping === ((told & bit) !== 0)) continue;
    told ^= bit;
    const event = { type: 'TypingChanged', conversationId, at: toTimestamp(clock.now()), role, isTyping } as const;
    steps.push({ place: { ...place, typing: told }, event });
  }
  return steps;
}

/** Reads what stands written of the reply under way; its row need not be read again for every piece of its text. */
function createWritingReader(deps: StreamDeps, viewer: Viewer, conversationId: string) {
  let known: Message | undefined;
  const live = (id: string) => (known?.id === id ? readLiveSnapshot(deps, known) : undefined);
  return {
    deps,

    /** Where it is being written at this moment, as far as is known. */
    live,

    /** All of it, where it is known to have ended; `undefined` where the viewer may not see it. */
    async read(id: string, hasEnded = false): Promise<MessageSnapshot | undefined> {
      const { accountId } = viewer;
      const progress = (hasEnded ? undefined : live(id)) ?? (await readSnapshot(deps, { accountId, id }));
      const isSeen = progress?.message.conversationId === conversationId && isVisible(viewer, progress.message);
      known = isSeen ? progress.message : undefined;
      return isSeen ? progress : undefined;
    },
  };
}

/**
 * Tells what is new of the reply under way, and that it is, to one who does not know; `undefined` where its text is another
 * one than the reader was told.
 */
async function tellWriting(
  writings: ReturnType<typeof createWritingReader>,
  place: ConversationPosition,
  { now, hasEnded }: { now: Timestamp; hasEnded?: boolean },
): Promise<PositionedEvent<ConversationPosition>[] | undefined> {
  const { writing } = place;
  const progress = writing && (await writings.read(writing.messageId, hasEnded));
  if (progress === undefined) return [];
  const text = tellText(writings.deps, place, progress, now);
  if (writing?.text !== undefined || text === undefined) return text;
  const { message } = progress;
  const { conversationId, createdAt: at, id: messageId } = message;
  const created = { type: 'MessageCreated', conversationId, at, message } as const;
  return [{ event: created, place: { ...place, writing: { messageId, text: TEXT_START } } }, ...text];
}

/** Tells what is new of the text and citations of the reply under way; `undefined` where it is another text. */
function tellText(
  deps: StreamDeps,
  place: ConversationPosition,
  progress: MessageSnapshot,
  now: Timestamp,
): PositionedEvent<ConversationPosition>[] | undefined {
  const start = place.writing?.text ?? TEXT_START;
  if (isDifferentText(deps, start, progress)) return undefined;
  const { id: messageId } = progress.message;
  return Array.from(listTextEvents(start, progress, now), ({ event, place: text }) => ({
    event,
    place: { ...place, writing: { messageId, text } },
  }));
}
