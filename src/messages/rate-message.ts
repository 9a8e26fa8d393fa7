import { z } from 'zod';
import type { Viewer } from '../access/viewer.ts';
import { messageRated } from '../conversations/outbox-events.ts';
import { getLockedMessage } from '../conversations/visibility.ts';
import { publishEvents } from '../coordination/topics.ts';
import type { Deps } from '../deps.ts';
import type { Message, Rating } from '../domain/entities.ts';
import { InvalidInputError } from '../domain/errors.ts';
import { parseInput, text } from '../domain/input.ts';
import { toTimestamp } from '../domain/time.ts';
import { appendEvent } from '../store/events.ts';
import { updateMessage } from '../store/messages.ts';
import { countRating } from '../store/usage.ts';
import { enqueueEvents } from '../store/webhooks/outbox.ts';

/** The maximum number of characters of the comment of a rating. */
export const MAX_COMMENT_CHARS = 1_000;

const rules = z.object({ comment: text(1, MAX_COMMENT_CHARS).optional() });

/** The reply to rate. */
export interface RateMessageInput {
  readonly id: string;
  /** Null takes the rating back, with its comment; absent is an error. */
  readonly rating?: Rating | null | undefined;
  /** Null removes the comment, absent keeps it. */
  readonly comment?: string | null | undefined;
}

/**
 * Stores the visitor's rating of a reply or of a person's message; it replaces an earlier rating. The webhook event
 * `message.rated` is not sent for a rating that is taken back.
 * @throws NotFoundError; InvalidInputError for any other message, without a rating, and for a comment without one.
 */
export async function rateMessage(
  deps: Pick<Deps, 'db' | 'clock' | 'bus'>,
  viewer: Viewer,
  input: RateMessageInput,
): Promise<Message> {
  const { rating } = input;
  if (rating === undefined) {
    throw new InvalidInputError([{ path: ['rating'], message: 'Give a rating, or null to take it back.' }]);
  }
  const { comment = input.comment } = parseInput(rules, { comment: input.comment });
  if (rating === null && comment != null) {
    throw new InvalidInputError([{ path: ['comment'], message: 'A comment needs a rating.' }]);
  }
  const { rated, events } = await deps.db.transaction(async (trx) => {
    const { message, conversation } = await getLockedMessage(trx, viewer, input.id);
    if (message.isPrivate || (message.role !== 'ASSISTANT' && message.role !== 'AGENT')) {
      throw new InvalidInputError([{ path: ['id'], message: 'Only replies and messages of people can be rated.' }]);
    }
    const { accountId, chatbotId, id: conversationId } = conversation;
    const { id: messageId, status } = message;
    const at = toTimestamp(deps.clock.now());
    const ratingComment = rating === null ? null : comment === undefined ? message.ratingComment : comment;
    const isSame = message.rating === rating && message.ratingComment === ratingComment;
    if (!isSame) await updateMessage(trx, message, { rating, ratingComment }, at);
    if (rating !== null) {
      await enqueueEvents(trx, { accountId, chatbotId, at }, [messageRated(conversation, messageId, rating)]);
    }
    const updated = { type: 'MessageUpdated', conversationId, messageId, status, at } as const;
    const events = isSame ? [] : [await appendEvent(trx, accountId, updated)];
    await countRating(trx, message, chatbotId, rating);
    return { rated: isSame ? message : { ...message, rating, ratingComment, updatedAt: at }, events };
  });
  publishEvents(deps.bus, events);
  return rated;
}
