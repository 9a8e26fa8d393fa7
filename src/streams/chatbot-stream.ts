import type { Viewer } from '../access/viewer.ts';
import {
  encodePosition,
  LOG_POSITION_PATTERN,
  type Log,
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
 * Follows all conversations of a chatbot for as long as it is listened to: everything that is kept in their logs, but
 * not the text of replies while it is written, nor who types. That the chatbot is deleted is the last that it tells.
 * @param after the cursor of the last event seen; absent tells only what comes.
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
  const last = requireFound('Chatbot', await findLastEvent(deps.db.read, accountId, 'chatbots', id));
  const cursors = deps.cursors.of('chatbot', accountId, id);
  const start = after == null ? positionAt(last) : readCursor(cursors, after);
  return subscribe(deps.bus, viewer, createChatbotStream(deps, viewer, { chatbotId: id, cursors }), start, signal);
}

function readCursor(cursors: StreamCursors, after: string): LogPosition {
  const { number, identity = '' } = cursors.read(after, CURSOR);
  return { number: Number(number), identity };
}

function createChatbotStream(
  { db, clock }: StreamDeps,
  viewer: Viewer,
  { chatbotId, cursors }: { chatbotId: string; cursors: StreamCursors },
): EventStream<LogPosition> {
  const { accountId } = viewer;
  const log: Log = {
    findLast: () => findLastEvent(db.read, accountId, 'chatbots', chatbotId),
    list: (after, limit) => listChatbotEvents(db.read, accountId, { chatbotId, after, limit }),
    numberOf: ({ chatbotNumber }) => chatbotNumber,
  };
  const positionAfter = ({ chatbotNumber: number, id }: LoggedEvent) => positionAt({ number, id });

  /** Tells that something was missed; an event is of a conversation, so it names that of the oldest event kept. */
  async function tellGap() {
    const last = await log.findLast();
    if (last === undefined) return undefined;
    const [oldest] = await log.list(0, 1);
    const conversationId = oldest?.conversationId ?? chatbotId;
    const gap = { type: 'StreamGap', conversationId, at: toTimestamp(clock.now()), reason: EVENTS_LOST } as const;
    return { steps: [{ place: positionAt(last), event: gap }], next: 'read on' } as const;
  }

  return {
    name: `chatbot:${chatbotId}`,
    topic: chatbotTopic(chatbotId),
    cursors,
    describe: encodePosition,
    async read(place) {
      const slice = await readLog(log, place);
      if (slice === undefined) {
        const at = toTimestamp(clock.now());
        const deleted = { type: 'ConversationDeleted', conversationId: chatbotId, at, reason: DELETED } as const;
        return { steps: [{ place, event: deleted }], next: 'end' };
      }
      if (slice.isGap) return tellGap();
      const told = await readLoggedEvents(db.read, viewer, slice.events);
      const steps = slice.events.flatMap((logged, index): PositionedEvent<LogPosition>[] => {
        const event = told[index];
        return event === undefined ? [] : [{ place: positionAfter(logged), event }];
      });
      const last = slice.events.at(-1);
      return { steps, end: last ? positionAfter(last) : place, next: slice.isMore ? 'read on' : 'wait' };
    },
  };
}
