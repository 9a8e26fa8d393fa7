import type { Answerer, Channel, Conversation, ConversationPriority, ConversationStatus, Rating } from './entities.ts';
import type { TextQuery } from './language/message-words.ts';
import type { ListOrder, ListOrders, TimeRange } from './ordered-list.ts';

/** Selects conversations of an account: those that meet all given conditions. */
export interface ConversationFilter {
  readonly chatbotIds?: readonly string[] | undefined;
  readonly statuses?: readonly ConversationStatus[] | undefined;
  readonly answeredBy?: Answerer | undefined;
  readonly assignee?: string | undefined;
  readonly assignedMemberId?: string | undefined;
  readonly isUnassigned?: boolean | undefined;
  readonly hasUnread?: boolean | undefined;
  readonly channels?: readonly Channel[] | undefined;
  readonly sessionId?: string | undefined;
  readonly visitorId?: string | undefined;
  readonly hasLead?: boolean | undefined;
  /** A message that the conversation shows has this rating. */
  readonly rating?: Rating | undefined;
  /** The conversation has at least one of these labels. */
  readonly labels?: readonly string[] | undefined;
  readonly priority?: ConversationPriority | undefined;
  /** From `since`, before `until`. */
  readonly lastMessageAt?: TimeRange | undefined;
  readonly text?: TextFilter | undefined;
  /** The conversation's metadata has each of these texts, numbers or booleans. */
  readonly metadata?: readonly { readonly key: string; readonly value: string }[] | undefined;
}

/** Selects the conversations that show a message which matches the query. */
export interface TextFilter extends TextQuery {
  /** Whether private notes are searched too. */
  readonly withNotes: boolean;
}

/** The times that order conversations. WAITING_SINCE lists only those that wait. */
export type ConversationOrderField = 'LAST_MESSAGE_AT' | 'CREATED_AT' | 'WAITING_SINCE';

/** The order of a list of conversations. */
export type ConversationOrder = ListOrder<ConversationOrderField>;

/** The orders of lists of conversations. */
export const CONVERSATION_ORDERS: ListOrders<Conversation, ConversationOrderField> = {
  kind: 'conversation',
  values: {
    LAST_MESSAGE_AT: ({ lastMessageAt }) => lastMessageAt,
    CREATED_AT: null,
    WAITING_SINCE: ({ unreadSince }) => unreadSince ?? '',
  },
};
