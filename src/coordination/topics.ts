import type { LiveBus } from './live-bus.ts';

/** The bus topic of a conversation: its events, and the text of its replies. */
export const conversationTopic = (conversationId: string): string => `conversation:${conversationId}`;

/** The bus topic of the events of all conversations of a chatbot, without the text of replies. */
export const chatbotTopic = (chatbotId: string): string => `chatbot:${chatbotId}`;

/** The bus topic of the events of all conversations of an account, and of typing, without the text of replies. */
export const accountTopic = (accountId: string): string => `events:${accountId}`;

/** The bus topic that announces the deletion of a chatbot to all streams about it. */
export const deletionTopic = (chatbotId: string): string => `deletion:${chatbotId}`;

/** The bus topic of the deliveries of an account's webhooks. */
export const deliveriesTopic = (accountId: string): string => `webhooks:${accountId}`;

/** The bus topic of the quota warnings of an account. */
export const quotaTopic = (accountId: string): string => `account:${accountId}`;

/** Signals the topics of conversations with new events, their chatbots and accounts. To be called after the commit. */
export function publishEvents(
  bus: LiveBus,
  events: Iterable<{ readonly conversationId: string; readonly chatbotId: string; readonly accountId: string }>,
): void {
  for (const { conversationId, chatbotId, accountId } of events) {
    bus.publish(conversationTopic(conversationId));
    bus.publish(chatbotTopic(chatbotId));
    bus.publish(accountTopic(accountId));
  }
}
