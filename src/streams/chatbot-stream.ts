import type { Viewer } from '../access/viewer.ts';
import {
  type EventLog,
  encodePosition,
  LOG_POSITION_PATTERN,
  type LogPosition,
  positionAt,
  readLog,
} from '../conversations/log-position.ts';
import { EVENTS_LOST, readLoggedEvents } from '../conversations/logged-events.ts';
import { chatbotTopic } from '../coordination/topics.ts';
import { requireFound } from '../domain/errors.ts';
import type { ConversationEvent } from '../domain/events.ts';
import type { Feed } from '../domain/feed.ts';
import { parseId } from '../domain/ids.ts';
import { toTimestamp } from '../domain/time.ts';
import { findLastEvent, type LoggedEvent, listChatbotEvents } from '../store/events.ts';
import type { StreamCursors } from './cursor.ts';
import { type EventStream, type PositionedEvent, type StreamDeps, subscribe } from './subscribe.ts';

const DELETED = 'The chatbot was deleted.';

const CURSOR = new RegExp(`^${LOG_POSITION_PATTERN}$`);

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
  const lastEvent = requireFound('Chatbot', await findLastEvent(deps.db.read, accountId, 'chatbots', id));
  const cursors = deps.cursors.forStream('chatbot', accountId, id);
  const start = after == null ? positionAt(lastEvent) : readCursor(cursors, after);
  return subscribe(deps.bus, viewer, createChatbotStream(deps, viewer, { chatbotId: id, cursors }), start, signal);
}

function readCursor(cursors: StreamCursors, after: string): LogPosition {
  const { number, idSuffix = '' } = cursors.read(after, CURSOR);
  return { number: Number(number), idSuffix };
}

function createChatbotStream(
  { db, clock }: StreamDeps,
  viewer: Viewer,
  { chatbotId, cursors }: { chatbotId: string; cursors: StreamCursors },
): EventStream<LogPosition> {
  const { accountId } = viewer;
  const log: EventLog = {
    findLast: () => findLastEvent(db.read, accountId, 'chatbots', chatbotId),
    list: (after, limit) => listChatbotEvents(db.read, accountId, { chatbotId, after, limit }),
    numberOf: ({ chatbotNumber }) => chatbotNumber,
  };
  const positionAfter = ({ chatbotNumber: number, id }: LoggedEvent) => positionAt({ number, id });

  /** Reports a gap. Each event must name a conversation: the gap names the conversation of the oldest logged event. */
  async function createGapSlice() {
    const last = await log.findLast();
    if (last === undefined) return undefined;
    const [oldest] = await log.list(0, 1);
    const conversationId = oldest?.conversationId ?? chatbotId;
    const gap = { type: 'StreamGap', conversationId, at: toTimestamp(clock.now()), reason: EVENTS_LOST } as const;
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
        const at = toTimestamp(clock.now());
        const deleted = { type: 'ConversationDeleted', conversationId: chatbotId, at, reason: DELETED } as const;
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
