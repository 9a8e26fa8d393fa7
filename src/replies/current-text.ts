import type { AnswerText } from '../coordination/live-texts.ts';
import type { Deps } from '../deps.ts';
import type { Message } from '../domain/entities.ts';

/** Returns the saved text of a message, or the live text in this process's memory if that is at least as long. */
export function currentTextOf(
  { liveReplies, liveTexts }: Pick<Deps, 'liveReplies' | 'liveTexts'>,
  message: Message,
): AnswerText {
  if (message.status !== 'STREAMING') return message;
  const live = liveReplies.get(message.id) ?? liveTexts.peek(message.id);
  return longerOf(message, live);
}

/** Returns the live text of a reply, or the saved text if that is longer. */
export function longerOf(message: Message, live: AnswerText | undefined): AnswerText {
  return live !== undefined && live.content.length >= message.content.length ? live : message;
}
