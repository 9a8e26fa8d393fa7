import type { Citation, Message } from './entities.ts';
import type { Timestamp } from './time.ts';

interface EventBase {
  /** Where a reader stands after this event; opaque to clients, who give it back as `after`. */
  readonly cursor: string;
  readonly conversationId: string;
  readonly at: Timestamp;
}

/** The stages of a message, each told once. */
export interface MessageStageEvent extends EventBase {
  readonly type: 'MessageCreated' | 'MessageStarted' | 'MessageCompleted' | 'MessageFailed' | 'MessageInterrupted';
  readonly message: Message;
}

/** A piece of an answer: `text` stands at `offset` (UTF-16 code units), so applying it twice is harmless. */
export interface MessageDeltaEvent extends EventBase {
  readonly type: 'MessageDelta';
  readonly messageId: string;
  readonly offset: number;
  readonly text: string;
  /** All text so far, this piece included. */
  readonly content: string;
}

/** A citation; the text it points into was told before. */
export interface CitationAddedEvent extends EventBase {
  readonly type: 'CitationAdded';
  readonly messageId: string;
  readonly citation: Citation;
}

/** What happens in a conversation, as its readers are told. */
export type ConversationEvent = MessageStageEvent | MessageDeltaEvent | CitationAddedEvent;
