import type { Viewer } from '../access/viewer.ts';
import type { Deps } from '../deps.ts';
import type { Conversation } from '../domain/entities.ts';
import { requireFound } from '../domain/errors.ts';
import { toTimestamp } from '../domain/time.ts';
import { findEndOfBranch, showBranch } from '../store/branches.ts';
import { findConversation } from '../store/conversations.ts';
import { appendEvent } from '../store/events.ts';
import { publishEvents } from './live-answers.ts';
import { getMessage } from './visible.ts';

/**
 * Makes a conversation show a message with what leads to it and what followed it: where that forks, what came last.
 * Selecting what is shown already changes nothing.
 * @throws NotFoundError
 */
export async function selectBranch(
  deps: Pick<Deps, 'db' | 'clock' | 'bus'>,
  viewer: Viewer,
  input: { messageId: string },
): Promise<Conversation> {
  const { accountId } = viewer;
  const { conversation, events } = await deps.db.transaction(async (trx) => {
    const message = await getMessage(trx, viewer, input.messageId);
    const { id, conversationId } = message;
    const conversation = requireFound('Message', await findConversation(trx, accountId, conversationId));
    if (message.isShown) return { conversation, events: [] };
    await showBranch(trx, accountId, conversationId, await findEndOfBranch(trx, accountId, id));
    const told = { type: 'BranchSelected', messageId: id, conversationId, status: message.status } as const;
    return {
      conversation,
      events: [await appendEvent(trx, accountId, { ...told, at: toTimestamp(deps.clock.now()) })],
    };
  });
  publishEvents(deps.bus, events);
  return conversation;
}
