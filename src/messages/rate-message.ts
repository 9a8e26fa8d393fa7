import type { Viewer } from '../access/viewer.ts';
import { messageRated } from '../conversations/outbox-events.ts';
import { getLockedMessage } from '../conversations/visibility.ts';
import { publishEvents } from '../coordination/topics.ts';
import type { Deps } from '../deps.ts';
import type { Message, Rating } from '../domain/entities.ts';
import { InvalidInputError } from '../domain/errors.ts';
import { toTimestamp } from '../domain/time.ts';
import { appendEvent } from '../store/events.ts';
import { updateMessage } from '../store/messages.ts';
import { countRating } from '../store/usage.ts';
import { enqueueEvents } from '../store/webhooks/outbox.ts';

/**
 * Stores the visitor's rating of a reply or of a person's message; it replaces an earlier rating.
 * @throws NotFoundError; InvalidInputError for a message of the visitor.
 */
export async function rateMessage(
  deps: Pick<Deps, 'db' | 'clock' | 'bus'>,
  viewer: Viewer,
  input: { id: string; rating: Rating },
): Promise<Message> {
  const { rating } = input;
  const { rated, events } = await deps.db.transaction(async (trx) => {
    const { message, conversation } = await getLockedMessage(trx, viewer, input.id);
    if (message.role !== 'ASSISTANT' && message.role !== 'AGENT') {
      throw new InvalidInputError([{ path: ['id'], message: 'Only replies can be rated.' }]);
    }
    const { accountId, chatbotId, id: conversationId } = conversation;
    const { id: messageId, status } = message;
    const at = toTimestamp(deps.clock.now());
    await updateMessage(trx, message, { rating }, at);
    await enqueueEvents(trx, { accountId, chatbotId, at }, [messageRated(conversation, messageId, rating)]);
    const updated = { type: 'MessageUpdated', conversationId, messageId, status, at } as const;
    const events = message.rating === rating ? [] : [await appendEvent(trx, accountId, updated)];
    await countRating(trx, message, chatbotId, rating);
    return { rated: { ...message, rating, updatedAt: at }, events };
  });
  publishEvents(deps.bus, events);
  return rated;
}
