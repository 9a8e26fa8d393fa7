import type { WrittenText } from '../coordination/live-texts.ts';
import type { Deps } from '../deps.ts';
import type { Message } from '../domain/entities.ts';

/** What stands written of a message, as far as this process knows. */
export function currentTextOf(
  { liveReplies, liveTexts }: Pick<Deps, 'liveReplies' | 'liveTexts'>,
  message: Message,
): WrittenText {
  if (message.status !== 'STREAMING') return message;
  const live = liveReplies.get(message.id) ?? liveTexts.peek(message.id);
  return longerOf(message, live);
}

/** What was heard of an answer, unless it is older than what was saved of it. */
export function longerOf(message: Message, heard: WrittenText | undefined): WrittenText {
  return heard !== undefined && heard.content.length >= message.content.length ? heard : message;
}
