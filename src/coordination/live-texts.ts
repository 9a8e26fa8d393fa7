import type { Citation } from '../domain/entities.ts';

/** What stands written of an answer at a moment. */
export interface WrittenText {
  readonly content: string;
  readonly citations: readonly Citation[];
}

/**
 * The text of answers under way, between the process that writes one and those that read it. What is given is always the
 * beginning of what its writer has, and no character is ever cut: where it cannot be had, it is what the store has saved.
 */
export interface LiveTexts {
  /** Says that an answer which this process writes has grown. Cheap: any number of calls before the next sending are one. */
  grow(messageId: string, written: WrittenText): void;
  /** Says that such an answer has ended; after that is stored. */
  end(messageId: string): void;
  /**
   * What is known of an answer that another process is writing at this moment, as far as anyone can tell: `undefined`
   * unless it was read before, is listened to, and was heard of within the last second.
   */
  peek(messageId: string): WrittenText | undefined;
  /**
   * Reads the text of an answer that another process writes, and listens to it for as long as it is read again and again.
   * @param topic is signalled in this process when more of it arrives.
   * @returns `undefined` when it cannot be had; never later than after a second.
   */
  read(messageId: string, topic: string): Promise<WrittenText | undefined>;
}

/** Makes the texts of a process that is alone: nobody else reads what it writes, or writes what it reads. */
export function createMemoryTexts(): LiveTexts {
  return { grow() {}, end() {}, peek: () => undefined, read: async () => undefined };
}
