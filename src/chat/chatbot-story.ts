import type { Viewer } from '../access/viewer.ts';
import { requireFound } from '../domain/errors.ts';
import type { ConversationEvent } from '../domain/events.ts';
import type { Feed } from '../domain/feed.ts';
import { parseId } from '../domain/ids.ts';
import { toTimestamp } from '../domain/time.ts';
import { findLastEventNumber, listChatbotEvents } from '../store/events.ts';
import { decodeCursor, notACursor } from './cursor.ts';
import { type FollowDeps, follow, type Step, type Story } from './follow.ts';
import { chatbotTopic } from './live-answers.ts';
import { GAP, readLogged } from './logged-events.ts';

const CURSOR = /^b:(?<id>[0-9a-f-]{36}):(?<number>\d{1,9})$/;
const EVENTS_PER_READ = 100;

/**
 * Follows all conversations of a chatbot for as long as it is listened to: everything that is kept in their logs, but
 * not the text of replies while it is written, nor who types. It ends when the chatbot is deleted.
 * @param after the cursor of the last event seen; absent tells only what comes.
 * @throws NotFoundError, BadUserInputError before the first event.
 */
export async function followChatbot(
  deps: FollowDeps,
  viewer: Viewer,
  { chatbotId, after }: { chatbotId: string; after?: string | null | undefined },
  signal: AbortSignal,
): Promise<Feed<ConversationEvent>> {
  const { accountId } = viewer;
  const id = requireFound('Chatbot', parseId('chatbot', chatbotId));
  const last = requireFound('Chatbot', await findLastEventNumber(deps.db.read, accountId, 'chatbots', id));
  const start = after == null ? last : readCursor(after, id, last);
  return follow(deps.bus, viewer, tellChatbot(deps, viewer, id), start, signal);
}

function readCursor(after: string, chatbotId: string, last: number): number {
  const { id, number } = decodeCursor(after, CURSOR);
  if (id !== chatbotId || Number(number) > last) throw notACursor();
  return Number(number);
}

function tellChatbot({ db, clock }: FollowDeps, viewer: Viewer, chatbotId: string): Story<number> {
  const { accountId } = viewer;
  return {
    topic: chatbotTopic(chatbotId),
    describe: (number) => `b:${chatbotId}:${number}`,
    async read(after) {
      const last = await findLastEventNumber(db.read, accountId, 'chatbots', chatbotId);
      if (last === undefined) return undefined;
      if (last === after) return { steps: [], next: 'wait' };
      const logged = await listChatbotEvents(db.read, accountId, { chatbotId, after, limit: EVENTS_PER_READ });
      const [first] = logged;
      // The newest event is always kept.
      if (first === undefined) return { steps: [], next: 'wait' };
      if (first.chatbotNumber !== after + 1) {
        const { conversationId } = first;
        const gap = { type: 'StreamGap', conversationId, at: toTimestamp(clock.now()), reason: GAP } as const;
        return { steps: [{ place: last, event: gap }], next: 'read on' };
      }
      const told = await readLogged(db.read, viewer, logged);
      const steps = logged.flatMap(({ chatbotNumber }, index): Step<number>[] => {
        const event = told[index];
        return event === undefined ? [] : [{ place: chatbotNumber, event }];
      });
      const end = logged.at(-1)?.chatbotNumber ?? after;
      return { steps, end, next: logged.length === EVENTS_PER_READ ? 'read on' : 'wait' };
    },
  };
}
