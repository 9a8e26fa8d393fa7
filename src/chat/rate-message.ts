import type { Viewer } from '../access/viewer.ts';
import type { Deps } from '../deps.ts';
import type { Message, Rating } from '../domain/entities.ts';
import { InvalidInputError } from '../domain/errors.ts';
import { setRating } from '../store/messages.ts';
import { getMessage } from './visible.ts';

/**
 * Keeps what the visitor thinks of a reply; the last rating counts.
 * @throws NotFoundError; InvalidInputError for a message that is the visitor's own.
 */
export async function rateMessage(
  deps: Pick<Deps, 'db'>,
  viewer: Viewer,
  input: { messageId: string; rating: Rating },
): Promise<Message> {
  return deps.db.transaction(async (trx) => {
    const message = await getMessage(trx, viewer, input.messageId);
    if (message.role !== 'ASSISTANT' && message.role !== 'AGENT') {
      throw new InvalidInputError([{ path: ['messageId'], message: 'Only replies can be rated.' }]);
    }
    await setRating(trx, viewer.accountId, message.id, input.rating);
    return { ...message, rating: input.rating };
  });
}
