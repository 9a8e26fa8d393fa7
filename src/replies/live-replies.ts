import type { Citation } from '../domain/entities.ts';

/** A reply that this process is generating. */
export interface LiveReply {
  readonly accountId: string;
  content: string;
  readonly citations: Citation[];
  /** The size of the last checkpoint: characters plus citations. */
  savedSize: number;
  /** Aborts when the reply must stop; with the reason `OWNERSHIP_LOST` if this node no longer owns the reply. */
  readonly stop: AbortController;
  /** Resolves when the generation is over: its end is stored, or the node has given up storing it. */
  readonly ended: Promise<void>;
}

/** The replies that this process is generating, by message id. Their texts are newer than the stored texts. */
export type LiveReplies = Map<string, LiveReply>;

/** The reason for stopping a reply that this node no longer owns: another node has ended it, or it was deleted. */
export const OWNERSHIP_LOST = Symbol('ownership lost');
