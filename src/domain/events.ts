import type { Citation, Conversation, Lead, Message, MessageStatus, TypingRole } from './entities.ts';
import type { Timestamp } from './time.ts';

interface EventBase {
  /** Writes where a reader stands after this event; opaque to clients, who give it back as `after`. Not all ask for it. */
  readonly cursor: () => string;
  readonly conversationId: string;
  readonly at: Timestamp;
}

/** The stages of a message. The last four are ends. */
export type MessageStageType =
  | 'MessageCreated'
  | 'MessageStarted'
  | 'MessageCompleted'
  | 'MessageFailed'
  | 'MessageStopped'
  | 'MessageInterrupted';

/** How a message that has ended is told of. */
export const ENDINGS = {
  COMPLETED: 'MessageCompleted',
  FAILED: 'MessageFailed',
  STOPPED: 'MessageStopped',
  INTERRUPTED: 'MessageInterrupted',
} as const satisfies Partial<Record<MessageStatus, MessageStageType>>;

/** A message has come to a stage, each told once. */
export interface MessageStageEvent extends EventBase {
  readonly type: MessageStageType;
  readonly message: Message;
}

/** Questions that the visitor may want to ask next were found, after a reply. */
export interface FollowUpsSuggestedEvent extends EventBase {
  readonly type: 'FollowUpsSuggested';
  readonly message: Message;
}

/** The conversation shows the branch of a message that it did not show before. */
export interface BranchSelectedEvent extends EventBase {
  readonly type: 'BranchSelected';
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

/** Who answers, who takes care of it or where it stands has changed. */
export interface HandoffChangedEvent extends EventBase {
  readonly type: 'HandoffChanged';
  readonly conversation: Conversation;
}

/** A visitor has left how to be reached. */
export interface LeadCapturedEvent extends EventBase {
  readonly type: 'LeadCaptured';
  readonly lead: Lead;
}

/** Someone began to type, or has stopped. Not kept. */
export interface TypingChangedEvent extends EventBase {
  readonly type: 'TypingChanged';
  readonly role: TypingRole;
  readonly isTyping: boolean;
}

/** What a reader has missed cannot be told any more; what follows is told from now on. */
export interface StreamGapEvent extends EventBase {
  readonly type: 'StreamGap';
  readonly reason: string;
}

/**
 * A conversation was deleted, with its chatbot or alone. Of the chatbot itself, where all of its conversations are
 * followed: then `conversationId` is the chatbot's id.
 */
export interface ConversationDeletedEvent extends EventBase {
  readonly type: 'ConversationDeleted';
  readonly reason: string;
}

/** What happens in a conversation, as its readers are told. */
export type ConversationEvent =
  | MessageStageEvent
  | BranchSelectedEvent
  | FollowUpsSuggestedEvent
  | MessageDeltaEvent
  | CitationAddedEvent
  | HandoffChangedEvent
  | LeadCapturedEvent
  | TypingChangedEvent
  | StreamGapEvent
  | ConversationDeletedEvent;

/** The events that are numbered and kept. */
export type LoggedEventType =
  | MessageStageType
  | 'BranchSelected'
  | 'FollowUpsSuggested'
  | 'HandoffChanged'
  | 'LeadCaptured';

/** An event that has no place in a stream yet. */
export type WithoutCursor<E> = E extends unknown ? Omit<E, 'cursor'> : never;
