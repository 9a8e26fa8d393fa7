import type { Citation } from '../domain/entities.ts';

/** The text and citations of an answer at a moment. */
export interface AnswerText {
  readonly content: string;
  readonly citations: readonly Citation[];
}

/**
 * Shares the text of an answer in progress between the process that generates it and the processes that read it. A read
 * always returns a prefix of the generated text, and never part of a character. When no text is available, the reading
 * process uses what the store has saved.
 */
export interface LiveTexts {
  /**
   * Reports that an answer of this process has grown. Cheap: the text is published in batches, so that many calls cost
   * as much as one call.
   */
  update(messageId: string, answerText: AnswerText): void;
  /** Reports that an answer of this process has ended. Call it after the end is stored. */
  end(messageId: string): void;
  /**
   * Returns the known text of an answer that another process generates. This requires that an earlier read has
   * subscribed this process to the answer, and that an update arrived within the last second; otherwise `undefined`.
   */
  peek(messageId: string): AnswerText | undefined;
  /**
   * Reads the text of an answer that another process generates, and keeps the subscription while reads continue.
   * @param topic the topic that is signalled in this process when more text arrives.
   * @returns `undefined` when the text is unavailable; resolves within a second.
   */
  read(messageId: string, topic: string): Promise<AnswerText | undefined>;
}

/** Creates the live texts of a single process: there is no other process to read from or write to. */
export function createMemoryTexts(): LiveTexts {
  return { update() {}, end() {}, peek: () => undefined, read: async () => undefined };
}
