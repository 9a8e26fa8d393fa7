import type { Viewer } from '../access/viewer.ts';
import { messageRated } from '../conversations/outbox-events.ts';
import { getMessage } from '../conversations/visibility.ts';
import type { Deps } from '../deps.ts';
import type { Message, Rating } from '../domain/entities.ts';
import { InvalidInputError, requireFound } from '../domain/errors.ts';
import { toTimestamp } from '../domain/time.ts';
import { findConversation } from '../store/conversations.ts';
import { setRating } from '../store/messages.ts';
import { enqueueEvents } from '../store/webhooks/outbox.ts';

/**
 * Stores the visitor's rating of a reply or of a person's message; it replaces an earlier rating.
 * @throws NotFoundError; InvalidInputError for a message of the visitor.
 */
export async function rateMessage(
  deps: Pick<Deps, 'db' | 'clock'>,
  viewer: Viewer,
  input: { messageId: string; rating: Rating },
): Promise<Message> {
  return deps.db.transaction(async (trx) => {
    const message = await getMessage(trx, viewer, input.messageId);
    if (message.role !== 'ASSISTANT' && message.role !== 'AGENT') {
      throw new InvalidInputError([{ path: ['messageId'], message: 'Only replies can be rated.' }]);
    }
    const { accountId, conversationId } = message;
    await setRating(trx, accountId, message.id, input.rating);
    const conversation = requireFound('Message', await findConversation(trx, accountId, conversationId));
    const eventContext = { accountId, chatbotId: conversation.chatbotId, at: toTimestamp(deps.clock.now()) };
    await enqueueEvents(trx, eventContext, [messageRated(conversation, message.id, input.rating)]);
    return { ...message, rating: input.rating };
  });
}
