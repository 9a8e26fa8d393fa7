import type { Viewer } from '../access/viewer.ts';
import { getLockedMessage } from '../conversations/visibility.ts';
import { publishEvents } from '../coordination/topics.ts';
import type { Deps } from '../deps.ts';
import type { Conversation } from '../domain/entities.ts';
import { toTimestamp } from '../domain/time.ts';
import { findBranchEnd, setShownBranch } from '../store/branches.ts';
import { appendEvent } from '../store/events.ts';
import { recountUnread } from '../store/inbox/unread.ts';

/**
 * Makes a conversation show the branch of a message: the messages before it, the message, and the newest version of
 * each message after it. Has no effect if the message is already shown.
 * @throws NotFoundError
 */
export async function selectBranch(
  deps: Pick<Deps, 'db' | 'clock' | 'bus'>,
  viewer: Viewer,
  input: { id: string },
): Promise<Conversation> {
  const { accountId } = viewer;
  const { conversation, events } = await deps.db.transaction(async (trx) => {
    const { message, conversation } = await getLockedMessage(trx, viewer, input.id);
    const { id, conversationId } = message;
    if (message.isShown) return { conversation, events: [] };
    await setShownBranch(trx, accountId, conversationId, await findBranchEnd(trx, accountId, id));
    const selected = { type: 'BranchSelected', messageId: id, conversationId, status: message.status } as const;
    const event = await appendEvent(trx, accountId, { ...selected, at: toTimestamp(deps.clock.now()) });
    return { conversation: (await recountUnread(trx, conversation)) ?? conversation, events: [event] };
  });
  publishEvents(deps.bus, events);
  return conversation;
}
