import { z } from 'zod';
import type { Viewer } from '../access/viewer.ts';
import { getLockedMessage } from '../conversations/visibility.ts';
import { publishEvents } from '../coordination/topics.ts';
import type { Deps } from '../deps.ts';
import type { Message } from '../domain/entities.ts';
import { InvalidInputError } from '../domain/errors.ts';
import { parseInput, text } from '../domain/input.ts';
import { toTimestamp } from '../domain/time.ts';
import { appendEvent } from '../store/events.ts';
import { updateMessage } from '../store/messages.ts';

/**
 * Changes the text of a person's message or of a private note. An unchanged text emits no event.
 * @throws NotFoundError; InvalidInputError for an invalid text, and for a message that no person has written.
 */
export async function updateAgentMessage(
  deps: Pick<Deps, 'db' | 'clock' | 'bus' | 'config'>,
  viewer: Viewer,
  input: { id: string; content: string },
): Promise<Message> {
  const rules = z.object({ content: text(1, deps.config.maxMessageChars) });
  const { content } = parseInput(rules, { content: input.content });
  const { updated, events } = await deps.db.transaction(async (trx) => {
    const { message, conversation } = await getLockedMessage(trx, viewer, input.id);
    const { id: messageId, conversationId, status } = message;
    if (message.role !== 'AGENT') {
      throw new InvalidInputError([{ path: ['id'], message: 'Only messages of a person can be changed.' }]);
    }
    if (message.content === content) return { updated: message, events: [] };
    const at = toTimestamp(deps.clock.now());
    await updateMessage(trx, message, { content }, at);
    const event = { type: 'MessageUpdated', conversationId, messageId, status, at } as const;
    return {
      updated: { ...message, content, updatedAt: at },
      events: [await appendEvent(trx, conversation.accountId, event)],
    };
  });
  publishEvents(deps.bus, events);
  return updated;
}
