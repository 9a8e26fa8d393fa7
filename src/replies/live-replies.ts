import type { Citation } from '../domain/entities.ts';

/** An answer that is still under way. */
export interface LiveReply {
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
export type LiveReplies = Map<string, LiveReply>;

/** Why an answer is stopped that the other nodes have ended: they took this one for dead. */
export const OWNERSHIP_LOST = Symbol('lost');
