import type { WrittenText } from '../coordination/live-texts.ts';
import type { Deps } from '../deps.ts';
import type { Message } from '../domain/entities.ts';

/** What stands written of a message, as far as this process knows. */
export function writtenOf(
  { liveAnswers, liveTexts }: Pick<Deps, 'liveAnswers' | 'liveTexts'>,
  message: Message,
): WrittenText {
  if (message.status !== 'STREAMING') return message;
  const live = liveAnswers.get(message.id) ?? liveTexts.peek(message.id);
  // What was heard of another process may be older than what that has saved.
  return live !== undefined && live.content.length >= message.content.length ? live : message;
}
