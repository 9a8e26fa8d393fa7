import type { SessionScope } from '../access/sessions.ts';
import type { Viewer } from '../access/viewer.ts';
import type { Conversation } from '../domain/entities.ts';

/** Whether a conversation belongs to the visitor of a session. */
export function ownsConversation(
  { conversationId, chatbotId, visitorId }: SessionScope,
  conversation: Pick<Conversation, 'id' | 'chatbotId' | 'visitorId'> | undefined,
): boolean {
  if (conversation === undefined || conversation.chatbotId !== chatbotId) return false;
  return conversationId === undefined ? conversation.visitorId === visitorId : conversation.id === conversationId;
}

/**
 * The idempotency key of a request of a viewer. Visitors of a chatbot must not meet each other's keys, and keys of servers
 * stay what they are.
 */
export function ownKey({ session }: Pick<Viewer, 'session'>, key: string): string {
  return session === undefined ? key : `${session.visitorId || session.tokenId} ${key}`;
}
