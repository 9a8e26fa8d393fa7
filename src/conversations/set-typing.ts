import type { Viewer } from '../access/viewer.ts';
import type { Deps } from '../deps.ts';
import type { Conversation, TypingRole } from '../domain/entities.ts';
import { getConversation } from './handoff.ts';

/**
 * Shows a typing indicator to the subscribers of a conversation, or hides it.
 * @throws NotFoundError
 */
export async function setTyping(
  deps: Pick<Deps, 'db' | 'typing'>,
  viewer: Pick<Viewer, 'accountId'>,
  input: { conversationId: string; isTyping: boolean; role?: TypingRole | null | undefined },
): Promise<Conversation> {
  const conversation = await getConversation(deps.db.read, viewer.accountId, input.conversationId);
  deps.typing.set(conversation, input.role ?? 'USER', input.isTyping);
  return conversation;
}
