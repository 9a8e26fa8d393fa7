import type { Citation } from '../domain/entities.ts';

/** The text and citations of an answer at a moment. */
export interface AnswerText {
  readonly content: string;
  readonly citations: readonly Citation[];
}

/**
 * Shares the text of answers in progress between the process that generates one and those that read it. Readers always
 * get a beginning of the generator's text, and never part of a character. When it is unavailable, they use what the
 * store has saved.
 */
export interface LiveTexts {
  /** Reports that an answer of this process has grown. Cheap: any number of calls before the next batch are one. */
  update(messageId: string, written: AnswerText): void;
  /** Reports that such an answer has ended, after its end is stored. */
  end(messageId: string): void;
  /**
   * The known text of an answer that another process generates at this moment: `undefined` unless it was read before,
   * is subscribed to, and had an update within the last second.
   */
  peek(messageId: string): AnswerText | undefined;
  /**
   * Reads the text of an answer that another process generates, and stays subscribed to it while reads continue.
   * @param topic is signalled in this process when more text arrives.
   * @returns `undefined` when it is unavailable; never later than after a second.
   */
  read(messageId: string, topic: string): Promise<AnswerText | undefined>;
}

/** Creates the live texts of a single process: there is no other to read from or write to. */
export function createMemoryTexts(): LiveTexts {
  return { update() {}, end() {}, peek: () => undefined, read: async () => undefined };
}
