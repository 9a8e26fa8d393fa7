import type { Citation } from '../domain/entities.ts';

/** What has been written of an answer that is still under way. */
export interface LiveAnswer {
  content: string;
  readonly citations: Citation[];
}

/** The answers that this process is writing, by message id: fresher than the store until they end. */
export type LiveAnswers = Map<string, LiveAnswer>;

/** The bus topic on which a message's progress is signalled. */
export const messageTopic = (messageId: string): string => `message:${messageId}`;
