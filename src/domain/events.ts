import type {
  Citation,
  Conversation,
  ConversationChange,
  Lead,
  Message,
  MessageStatus,
  TypingRole,
} from './entities.ts';
import type { Timestamp } from './time.ts';

interface EventBase {
  /**
   * Creates the cursor of the position after this event. Clients pass the cursor as `after`, and do not interpret it.
   * This is a function because few clients select the cursor.
   */
  readonly cursor: () => string;
  readonly at: Timestamp;
  /** Null for an event about all chatbots of an account. */
  readonly chatbotId: string | null;
  /** Null for an event about a chatbot or an account. */
  readonly conversationId: string | null;
  /** The event's place in the account's log; absent if the event is not logged. */
  readonly entry?: AccountLogEntry;
}

/** A place in the log of an account: see `ShardEntry` of the store. */
export interface AccountLogEntry {
  readonly shard: string;
  readonly number: number;
  readonly id: string | null;
}

/** The stages of a message. The last four are final. */
const MESSAGE_STAGE_TYPES = [
  'MessageCreated',
  'MessageStarted',
  'MessageCompleted',
  'MessageFailed',
  'MessageStopped',
  'MessageInterrupted',
] as const;
/** One of `MESSAGE_STAGE_TYPES`. */
export type MessageStageType = (typeof MESSAGE_STAGE_TYPES)[number];

/** The event type for each final status of a message. */
export const FINAL_EVENT_TYPES = {
  COMPLETED: 'MessageCompleted',
  FAILED: 'MessageFailed',
  STOPPED: 'MessageStopped',
  INTERRUPTED: 'MessageInterrupted',
} as const satisfies Partial<Record<MessageStatus, MessageStageType>>;

/** A message has reached a stage; sent once for each stage of a message. */
export interface MessageStageEvent extends EventBase {
  readonly type: MessageStageType;
  readonly message: Message;
}

/** The rating or the text of a finished message has changed. */
export interface MessageUpdatedEvent extends EventBase {
  readonly type: 'MessageUpdated';
  readonly message: Message;
}

/** A message was deleted. */
export interface MessageDeletedEvent extends EventBase {
  readonly type: 'MessageDeleted';
  readonly messageId: string;
}

/** Follow-up questions were suggested after a reply. */
export interface FollowUpsSuggestedEvent extends EventBase {
  readonly type: 'FollowUpsSuggested';
  readonly message: Message;
}

/** The conversation now shows the branch of another message. */
export interface BranchSelectedEvent extends EventBase {
  readonly type: 'BranchSelected';
  readonly message: Message;
}

/** A piece of a reply: `text` starts at `offset` (UTF-16 code units), so applying it twice is harmless. */
export interface MessageDeltaEvent extends EventBase {
  readonly type: 'MessageDelta';
  readonly messageId: string;
  readonly offset: number;
  readonly text: string;
  /** The text so far, this piece included. */
  readonly content: string;
}

/** A citation; the text that it refers to was sent before. */
export interface CitationAddedEvent extends EventBase {
  readonly type: 'CitationAdded';
  readonly messageId: string;
  /** The index of the citation within the message, from 0. */
  readonly index: number;
  readonly citation: Citation;
}

/** The conversation has changed, apart from its messages. */
export interface ConversationChangedEvent extends EventBase {
  readonly type: 'ConversationChanged';
  readonly conversation: Conversation;
  /** Empty for an event that an earlier version wrote. */
  readonly changes: readonly ConversationChange[];
  /** See `ConversationActivity`. */
  readonly actor: string | null;
}

/** A visitor has left contact data. */
export interface LeadCapturedEvent extends EventBase {
  readonly type: 'LeadCaptured';
  readonly lead: Lead;
}

/** Someone has started or stopped typing. Not logged. */
export interface TypingChangedEvent extends EventBase {
  readonly type: 'TypingChanged';
  readonly role: TypingRole;
  readonly isTyping: boolean;
  /** The name of the person who types; null if unknown, for a visitor, and at the end of typing. */
  readonly authorName: string | null;
}

/** The first event of a subscription. It has started: nothing after the event's cursor will be missed. */
export interface StreamReadyEvent extends EventBase {
  readonly type: 'StreamReady';
}

/** The events that a subscriber has missed are no longer available; the stream continues with new events. */
export interface StreamGapEvent extends EventBase {
  readonly type: 'StreamGap';
  readonly reason: string;
}

/**
 * A conversation was deleted, alone or with its chatbot. In a stream of several conversations, this event means that the
 * chatbot was deleted, and `conversationId` is null.
 */
export interface ConversationDeletedEvent extends EventBase {
  readonly type: 'ConversationDeleted';
  readonly reason: string;
}

/** The events of a conversation, as its subscribers receive them. */
export type ConversationEvent =
  | MessageStageEvent
  | MessageUpdatedEvent
  | MessageDeletedEvent
  | BranchSelectedEvent
  | FollowUpsSuggestedEvent
  | MessageDeltaEvent
  | CitationAddedEvent
  | ConversationChangedEvent
  | LeadCapturedEvent
  | TypingChangedEvent
  | StreamReadyEvent
  | StreamGapEvent
  | ConversationDeletedEvent;

const LOGGED_EVENT_TYPES = [
  ...MESSAGE_STAGE_TYPES,
  'MessageUpdated',
  'MessageDeleted',
  'BranchSelected',
  'FollowUpsSuggested',
  'ConversationChanged',
  'LeadCaptured',
] as const;
/** The types of events that are numbered and logged. */
export type LoggedEventType = (typeof LOGGED_EVENT_TYPES)[number];

const loggedEventTypes: ReadonlySet<string> = new Set(LOGGED_EVENT_TYPES);

/**
 * Returns whether this gateway knows the type of a logged event, which a newer one on the same database may have
 * written.
 */
export const isKnownEventType = (type: string): boolean => loggedEventTypes.has(type);

/** An event that has no position in a stream yet. */
export type WithoutCursor<E> = E extends unknown ? Omit<E, 'cursor'> : never;
