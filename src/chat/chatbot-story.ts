import type { Viewer } from '../access/viewer.ts';
import { requireFound } from '../domain/errors.ts';
import type { ConversationEvent } from '../domain/events.ts';
import { parseId } from '../domain/ids.ts';
import { findLastEventNumber, listChatbotEvents } from '../store/events.ts';
import { findMessages } from '../store/messages.ts';
import { decodeCursor, notACursor } from './cursor.ts';
import { type FollowDeps, follow, type Step, type Story } from './follow.ts';
import { chatbotTopic } from './live-answers.ts';

const CURSOR = /^b:(?<id>[0-9a-f-]{36}):(?<number>\d{1,9})$/;
const EVENTS_PER_READ = 100;

/**
 * Follows all conversations of a chatbot for as long as it is listened to: every message as it comes to a stage, but not
 * the text of replies while it is written. It ends when the chatbot is deleted.
 * @param after the cursor of the last event seen; absent tells only what comes.
 * @throws NotFoundError, BadUserInputError before the first event.
 */
export async function followChatbot(
  deps: FollowDeps,
  viewer: Viewer,
  { chatbotId, after }: { chatbotId: string; after?: string | null | undefined },
  signal: AbortSignal,
): Promise<AsyncGenerator<ConversationEvent, void, void>> {
  const { accountId } = viewer;
  const id = requireFound('Chatbot', parseId('chatbot', chatbotId));
  const last = requireFound('Chatbot', await findLastEventNumber(deps.db.read, accountId, 'chatbots', id));
  const start = after == null ? last : readCursor(after, id, last);
  return follow(deps.bus, viewer, tellChatbot(deps, accountId, id), start, signal);
}

function readCursor(after: string, chatbotId: string, last: number): number {
  const { id, number } = decodeCursor(after, CURSOR);
  if (id !== chatbotId || Number(number) > last) throw notACursor();
  return Number(number);
}

function tellChatbot(deps: FollowDeps, accountId: string, chatbotId: string): Story<number> {
  return {
    topic: chatbotTopic(chatbotId),
    describe: (number) => `b:${chatbotId}:${number}`,
    async read(after) {
      const { read } = deps.db;
      const last = await findLastEventNumber(read, accountId, 'chatbots', chatbotId);
      if (last === undefined) return undefined;
      if (last === after) return { steps: [], next: 'wait' };
      const logged = await listChatbotEvents(read, accountId, { chatbotId, after, limit: EVENTS_PER_READ });
      const found = await findMessages(read, accountId, [...new Set(logged.map(({ messageId }) => messageId))]);
      const messages = new Map(found.map((message) => [message.id, message]));
      const steps = logged.flatMap(({ chatbotNumber, type, conversationId, at, messageId }): Step<number>[] => {
        const message = messages.get(messageId);
        return message === undefined ? [] : [{ place: chatbotNumber, event: { type, conversationId, at, message } }];
      });
      return { steps, next: logged.length === EVENTS_PER_READ ? 'read on' : 'wait' };
    },
  };
}
