import type { Viewer } from '../access/viewer.ts';
import type { Deps } from '../deps.ts';
import type { Message, Rating } from '../domain/entities.ts';
import { InvalidInputError, requireFound } from '../domain/errors.ts';
import { parseId } from '../domain/ids.ts';
import { findMessage, setRating } from '../store/messages.ts';

/**
 * Keeps what the visitor thinks of a reply; the last rating counts.
 * @throws NotFoundError; InvalidInputError for a message that is the visitor's own.
 */
export async function rateMessage(
  deps: Pick<Deps, 'db'>,
  viewer: Viewer,
  input: { messageId: string; rating: Rating },
): Promise<Message> {
  const id = requireFound('Message', parseId('message', input.messageId));
  return deps.db.transaction(async (trx) => {
    const message = requireFound('Message', await findMessage(trx, viewer.accountId, id));
    if (message.role !== 'ASSISTANT' && message.role !== 'AGENT') {
      throw new InvalidInputError([{ path: ['messageId'], message: 'Only replies can be rated.' }]);
    }
    await setRating(trx, viewer.accountId, id, input.rating);
    return { ...message, rating: input.rating };
  });
}
