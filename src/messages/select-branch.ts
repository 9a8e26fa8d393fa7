import type { Viewer } from '../access/viewer.ts';
import { getLockedMessage } from '../conversations/visibility.ts';
import { publishEvents } from '../coordination/topics.ts';
import type { Deps } from '../deps.ts';
import type { Conversation } from '../domain/entities.ts';
import { toTimestamp } from '../domain/time.ts';
import { findEndOfBranch, showBranch } from '../store/branches.ts';
import { appendEvent } from '../store/events.ts';

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
    const { message, conversation } = await getLockedMessage(trx, viewer, input.messageId);
    const { id, conversationId } = message;
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
