import type { Answerer, Channel, Conversation, ConversationPriority, ConversationStatus, Rating } from './entities.ts';
import type { Timestamp } from './time.ts';

/** Selects conversations of an account: those that meet all given conditions. */
export interface ConversationFilter {
  readonly chatbotIds?: readonly string[] | undefined;
  readonly statuses?: readonly ConversationStatus[] | undefined;
  readonly answeredBy?: Answerer | undefined;
  readonly assignee?: string | undefined;
  readonly isUnassigned?: boolean | undefined;
  readonly hasUnread?: boolean | undefined;
  readonly channels?: readonly Channel[] | undefined;
  readonly sessionId?: string | undefined;
  readonly hasLead?: boolean | undefined;
  /** A message that the conversation shows has this rating. */
  readonly rating?: Rating | undefined;
  /** The conversation has at least one of these labels. */
  readonly labels?: readonly string[] | undefined;
  readonly priority?: ConversationPriority | undefined;
  /** From `since`, before `until`. */
  readonly lastMessageAt?: TimeRange | undefined;
  /** The conversation's metadata has each of these texts, numbers or booleans. */
  readonly metadata?: readonly { readonly key: string; readonly value: string }[] | undefined;
}

/** The times from `since` on and before `until`; an absent bound is open. */
export interface TimeRange {
  readonly since?: Timestamp | undefined;
  readonly until?: Timestamp | undefined;
}

/** The times that order conversations. */
export const CONVERSATION_ORDER_FIELDS = ['LAST_MESSAGE_AT', 'CREATED_AT', 'WAITING_SINCE'] as const;
/** One of `CONVERSATION_ORDER_FIELDS`. */
export type ConversationOrderField = (typeof CONVERSATION_ORDER_FIELDS)[number];

/** The order of a list of conversations. Equal times are ordered by id. WAITING_SINCE lists only those that wait. */
export interface ConversationOrder {
  readonly field: ConversationOrderField;
  readonly direction: 'ASC' | 'DESC';
}

/** The position of a conversation in an order: its time and its id. */
export interface ListPosition {
  readonly value: Timestamp;
  readonly id: string;
}

/** Returns the position of a conversation in an order. */
export function positionOf(field: ConversationOrderField, conversation: Conversation): ListPosition {
  const { id, createdAt, lastMessageAt, unreadSince } = conversation;
  const values = { LAST_MESSAGE_AT: lastMessageAt, CREATED_AT: createdAt, WAITING_SINCE: unreadSince ?? createdAt };
  return { value: values[field], id };
}
