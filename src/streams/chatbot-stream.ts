import type { Viewer } from '../access/viewer.ts';
import {
  type EventLog,
  encodePosition,
  LOG_POSITION_PATTERN,
  type LogPosition,
  positionAt,
  readLog,
} from '../conversations/log-position.ts';
import { CHATBOT_DELETED, EVENTS_LOST, readLoggedEvents } from '../conversations/logged-events.ts';
import { chatbotTopic } from '../coordination/topics.ts';
import { requireFound } from '../domain/errors.ts';
import type { ConversationEvent } from '../domain/events.ts';
import type { Feed } from '../domain/feed.ts';
import { parseId } from '../domain/ids.ts';
import { toTimestamp } from '../domain/time.ts';
import { findLastEvent, type LoggedEvent, listChatbotEvents } from '../store/events.ts';
import type { StreamCursors } from './cursor.ts';
import { readShardPosition, SHARD_POSITION_PATTERN, translatePosition } from './event-cursors.ts';
import { type EventStream, type PositionedEvent, type StreamDeps, subscribe } from './subscribe.ts';

const CURSOR = new RegExp(`^(?:${LOG_POSITION_PATTERN}|${SHARD_POSITION_PATTERN})$`);

/**
 * Subscribes to the logged events of all conversations of a chatbot, without deltas and typing. The subscription ends
 * only if the chatbot is deleted; its last event is then ConversationDeleted.
 * @param after the cursor of the last event received; absent: the subscription begins with the next event.
 * @throws NotFoundError, BadUserInputError before the first event.
 */
export async function subscribeToChatbot(
  deps: StreamDeps,
  viewer: Viewer,
  { chatbotId, after }: { chatbotId: string; after?: string | null | undefined },
  signal: AbortSignal,
): Promise<Feed<ConversationEvent>> {
  const { accountId } = viewer;
  const id = requireFound('Chatbot', parseId('chatbot', chatbotId));
  const log = createLog(deps, accountId, id);
  const last = requireFound('Chatbot', await log.findLast());
  const cursors = deps.cursors.forStream('chatbot', accountId, id);
  const start = after == null ? positionAt(last) : await readCursor(deps, accountId, { id, log, cursors }, after);
  const stream = createChatbotStream(deps, viewer, { chatbotId: id, log, cursors });
  const cursor = () => after ?? cursors.write(encodePosition(start));
  const at = toTimestamp(deps.clock.now());
  const firstEvent = { type: 'StreamReady', chatbotId: id, conversationId: null, at, cursor } as const;
  return subscribe(deps.bus, viewer, { ...stream, firstEvent }, start, signal);
}

/** Reads the position of a cursor, which is the cursor of an event or the `eventCursor` of the chatbot. */
async function readCursor(
  { db }: Pick<StreamDeps, 'db'>,
  accountId: string,
  { id: chatbotId, log, cursors }: { id: string; log: EventLog; cursors: StreamCursors },
  after: string,
): Promise<LogPosition> {
  const groups = cursors.read(after, CURSOR);
  const shardPosition = readShardPosition(groups);
  if (shardPosition !== undefined) {
    return translatePosition(db.read, accountId, { log, owner: { chatbotId }, chatbotId }, shardPosition);
  }
  const { number, idSuffix = '' } = groups;
  return { number: Number(number), idSuffix };
}

function createLog({ db }: Pick<StreamDeps, 'db'>, accountId: string, chatbotId: string): EventLog {
  return {
    findLast: () => findLastEvent(db.read, accountId, 'chatbots', chatbotId),
    list: (after, limit) => listChatbotEvents(db.read, accountId, { chatbotId, after, limit }),
    numberOf: ({ chatbotNumber }) => chatbotNumber,
  };
}

function createChatbotStream(
  { db, clock }: StreamDeps,
  viewer: Viewer,
  { chatbotId, log, cursors }: { chatbotId: string; log: EventLog; cursors: StreamCursors },
): EventStream<LogPosition> {
  const positionAfter = ({ chatbotNumber: number, id }: LoggedEvent) => positionAt({ number, id });
  /** The fields of an event about the chatbot itself. */
  const createFields = () => ({ chatbotId, conversationId: null, at: toTimestamp(clock.now()) });

  /** Reports a gap. */
  async function createGapSlice() {
    const last = await log.findLast();
    if (last === undefined) return undefined;
    const gap = { type: 'StreamGap', ...createFields(), reason: EVENTS_LOST } as const;
    return { events: [{ position: positionAt(last), event: gap }], next: 'read again' } as const;
  }

  return {
    name: `chatbot:${chatbotId}`,
    topic: chatbotTopic(chatbotId),
    cursors,
    encode: encodePosition,
    async read(position) {
      const slice = await readLog(log, position);
      if (slice === undefined) {
        const deleted = { type: 'ConversationDeleted', ...createFields(), reason: CHATBOT_DELETED } as const;
        return { events: [{ position, event: deleted }], next: 'end' };
      }
      if (slice.isGap) return createGapSlice();
      const visibleEvents = await readLoggedEvents(db.read, viewer, slice.events);
      const events = slice.events.flatMap((logged, index): PositionedEvent<LogPosition>[] => {
        const event = visibleEvents[index];
        return event === undefined ? [] : [{ position: positionAfter(logged), event }];
      });
      const last = slice.events.at(-1);
      const endPosition = last ? positionAfter(last) : position;
      return { events, endPosition, next: slice.hasMore ? 'read again' : 'wait' };
    },
  };
}
