import type { Viewer } from '../access/viewer.ts';
import type { Deps } from '../deps.ts';
import type { Conversation, TypingRole } from '../domain/entities.ts';
import { ForbiddenError } from '../domain/errors.ts';
import { getConversation } from './handoff.ts';

/**
 * Shows a typing indicator to the subscribers of a conversation, or hides it.
 * @throws NotFoundError; ForbiddenError without the scope that the role needs: `MANAGE` for an agent, `CHAT` for a
 * visitor.
 */
export async function setTyping(
  deps: Pick<Deps, 'db' | 'typing'>,
  viewer: Viewer,
  input: { conversationId: string; isTyping: boolean; role?: TypingRole | null | undefined },
): Promise<Conversation> {
  const role = input.role ?? 'USER';
  const scope = role === 'AGENT' ? 'MANAGE' : 'CHAT';
  if (!viewer.scopes.has(scope)) throw new ForbiddenError('Mutation.setTyping', [scope], ['setTyping']);
  const conversation = await getConversation(deps.db.read, viewer.accountId, input.conversationId);
  deps.typing.set(conversation.id, role, input.isTyping);
  return conversation;
}
