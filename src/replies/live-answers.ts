import type { LiveBus } from '../coordination/live-bus.ts';
import type { Citation } from '../domain/entities.ts';

/** An answer that is still under way. */
export interface LiveAnswer {
  readonly accountId: string;
  content: string;
  readonly citations: Citation[];
  /** How much of it is saved: characters and citations. */
  savedSize: number;
  /** Aborts when someone asks for the answer to stop, or when it is `LOST`. */
  readonly stop: AbortController;
  /** Resolves when its end is stored. */
  readonly ended: Promise<void>;
}

/** The answers that this process is writing, by message id: fresher than the store until they end. */
export type LiveAnswers = Map<string, LiveAnswer>;

/** Why an answer is stopped that the other nodes have ended: they took this one for dead. */
export const LOST = Symbol('lost');

/** Where news of a conversation and its messages are signalled. */
export const conversationTopic = (conversationId: string): string => `conversation:${conversationId}`;

/** Where news of any of a chatbot's conversations are signalled, but for the text of answers. */
export const chatbotTopic = (chatbotId: string): string => `chatbot:${chatbotId}`;

/** Where it is signalled that a chatbot was deleted, to those who follow a part of it. */
export const deletionTopic = (chatbotId: string): string => `deletion:${chatbotId}`;

/** Signals what was appended to logs, after the commit. */
export function publishEvents(
  bus: LiveBus,
  events: Iterable<{ readonly conversationId: string; readonly chatbotId: string }>,
): void {
  for (const { conversationId, chatbotId } of events) {
    bus.publish(conversationTopic(conversationId));
    bus.publish(chatbotTopic(chatbotId));
  }
}
