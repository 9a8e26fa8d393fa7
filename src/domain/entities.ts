/**
 * The entities of the program. Each is one stored row; relations are ids, which the store's loaders resolve.
 * `accountId` is the id of the account that owns the entity. Every read is limited to one account.
 */

import type { Answering } from './answering.ts';
import type { MessageFailure } from './failures.ts';
import type { JsonText } from './json.ts';
import type { LeadForm } from './lead-form.ts';
import type { Limits } from './limits.ts';
import type { Timestamp } from './time.ts';
import type { Generation, TokenUsage } from './usage.ts';
import type { IdentityRules } from './visitors/visitors.ts';

/** The permissions of a credential: read the graph, chat, manage. */
export const SCOPES = ['READ', 'CHAT', 'MANAGE'] as const;
/** One of `SCOPES`. */
export type Scope = (typeof SCOPES)[number];

/** The origin of a source. */
export type SourceType = 'TEXT' | 'QA';

/** The outcome of reading a source. */
export type SourceStatus = 'DONE' | 'FAILED';

/** The status of a conversation. */
export const CONVERSATION_STATUSES = ['OPEN', 'ESCALATED', 'CLOSED'] as const;
/** One of `CONVERSATION_STATUSES`. */
export type ConversationStatus = (typeof CONVERSATION_STATUSES)[number];

/** What can change about a conversation besides its messages. */
export const CONVERSATION_CHANGES = [
  'ESCALATED',
  'TAKEN_OVER',
  'HANDED_BACK',
  'ASSIGNED',
  'CLOSED',
  'REOPENED',
  'READ',
  'LABELLED',
  'SNOOZED',
] as const;
/** One of `CONVERSATION_CHANGES`. */
export type ConversationChange = (typeof CONVERSATION_CHANGES)[number];
/** How urgent a conversation is, the least urgent first. */
export const CONVERSATION_PRIORITIES = ['LOW', 'NORMAL', 'HIGH', 'URGENT'] as const;
/** One of `CONVERSATION_PRIORITIES`. */
export type ConversationPriority = (typeof CONVERSATION_PRIORITIES)[number];

/** The channels through which a conversation starts. */
export const CHANNELS = ['API', 'GRAPHQL', 'CHAT_PAGE'] as const;
/** One of `CHANNELS`. */
export type Channel = (typeof CHANNELS)[number];

/** The authors of messages. */
export const MESSAGE_ROLES = ['USER', 'ASSISTANT', 'AGENT', 'SYSTEM'] as const;
/** One of `MESSAGE_ROLES`. */
export type MessageRole = (typeof MESSAGE_ROLES)[number];

/** The progress of a message; the last four are final. */
export const MESSAGE_STATUSES = ['QUEUED', 'STREAMING', 'COMPLETED', 'FAILED', 'STOPPED', 'INTERRUPTED'] as const;
/** One of `MESSAGE_STATUSES`. */
export type MessageStatus = (typeof MESSAGE_STATUSES)[number];

/** Why a reply ended. */
export const FINISH_REASONS = ['STOP', 'LENGTH', 'CONTENT_FILTER', 'ERROR', 'ABORTED'] as const;
/** One of `FINISH_REASONS`. */
export type FinishReason = (typeof FINISH_REASONS)[number];

/** A visitor's ratings of a reply. */
export const RATINGS = ['UP', 'DOWN'] as const;
/** One of `RATINGS`. */
export type Rating = (typeof RATINGS)[number];

/** The roles that answer the visitor of a conversation: the chatbot or a person. */
export type Answerer = Extract<MessageRole, 'ASSISTANT' | 'AGENT'>;

/** The roles whose typing is shown. */
export const TYPING_ROLES = ['USER', 'AGENT'] as const satisfies readonly MessageRole[];
/** One of `TYPING_ROLES`. */
export type TypingRole = (typeof TYPING_ROLES)[number];

/** The roles that mark messages as read. */
export type ReaderRole = Extract<MessageRole, 'USER' | 'AGENT'>;

/** A tenant, which owns all other entities. */
export interface Account {
  readonly id: string;
  readonly name: string;
  readonly createdAt: Timestamp;
}

/** A credential for servers, without its secret. */
export interface ApiKey {
  readonly id: string;
  readonly accountId: string;
  readonly name: string;
  /** The first 8 characters of the key: enough to recognize it, useless to a thief. */
  readonly prefix: string;
  readonly scopes: readonly Scope[];
  /** The chatbots to which the key is restricted, at least one, possibly deleted; null: all, also later ones. */
  readonly chatbotIds: readonly string[] | null;
  readonly limits: Limits;
  readonly createdAt: Timestamp;
  readonly lastUsedAt: Timestamp | null;
  /** The key is invalid from this moment; null: it does not expire. */
  readonly expiresAt: Timestamp | null;
  readonly revokedAt: Timestamp | null;
  /** Whether the key may run only the documents of manifests. */
  readonly persistedOnly: boolean;
}

/** A chatbot, which answers visitors from its sources. */
export interface Chatbot {
  readonly id: string;
  readonly accountId: string;
  readonly name: string;
  readonly slug: string;
  readonly provider: string;
  readonly model: string | null;
  readonly instructions: string;
  readonly fallbackMessage: string;
  readonly handoffMessage: string;
  readonly leadForm: LeadForm;
  readonly answering: Answering;
  readonly isActive: boolean;
  /** Whether pages of `allowedOrigins`, which are exact, may start sessions without a key. */
  readonly isPublic: boolean;
  readonly allowedOrigins: readonly string[];
  readonly identity: IdentityRules;
  readonly metadata: JsonText;
  /** Whether all sessions may run only the documents of a manifest. */
  readonly persistedOnly: boolean;
  /** The name of the manifest of public sessions; null: the built-in one. */
  readonly sessionOperations: string | null;
  /** The limits of its sessions. */
  readonly limits: Limits;
  readonly createdAt: Timestamp;
  readonly updatedAt: Timestamp;
}

/** A text from which a chatbot answers. */
export interface Source {
  readonly id: string;
  readonly accountId: string;
  readonly chatbotId: string;
  readonly type: SourceType;
  readonly title: string;
  readonly url: string | null;
  readonly status: SourceStatus;
  readonly error: string | null;
  readonly pageCount: number;
  readonly createdAt: Timestamp;
  readonly updatedAt: Timestamp;
}

/** A piece of a source: the unit of search and citation. */
export interface Passage {
  readonly id: string;
  readonly accountId: string;
  readonly chatbotId: string;
  readonly sourceId: string;
  readonly position: number;
  /** The headings above the text, outermost first, without the source's title. */
  readonly headingPath: readonly string[];
  readonly text: string;
}

/** The messages between one visitor and one chatbot. */
export interface Conversation {
  readonly id: string;
  readonly accountId: string;
  readonly chatbotId: string;
  /** The visitor; null in a conversation of an API key that has named none. */
  readonly visitorId: string | null;
  readonly sessionId: string;
  readonly channel: Channel;
  readonly status: ConversationStatus;
  /**
   * The time until which the chatbot is silent, because a person has answered; null or past while the chatbot answers.
   */
  readonly silentUntil: Timestamp | null;
  /** The person in charge, by the name that the account's own systems use. */
  readonly assignee: string | null;
  /** The member to whom the conversation is assigned; null if nobody is assigned, or somebody who is only named. */
  readonly assignedMemberId: string | null;
  /** When a person was first requested. */
  readonly escalatedAt: Timestamp | null;
  readonly escalationReason: string | null;
  /** The visitor's messages on the selected branch that neither the chatbot nor a person has answered or read. */
  readonly unreadCount: number;
  /** When the oldest of them was written; null without any. */
  readonly unreadSince: Timestamp | null;
  /** The id of the newest message that is answered or read, as are all before it; empty if none is. */
  readonly readUntil: string;
  /** The replies and the messages of people that ended after the visitor's last message, or since the visitor read. */
  readonly visitorUnreadCount: number;
  /** When the last message that is no private note was written; `createdAt` in an empty conversation. */
  readonly lastMessageAt: Timestamp;
  /** When the conversation was closed; null unless its status is CLOSED. */
  readonly closedAt: Timestamp | null;
  /** When a person first wrote to the visitor. */
  readonly firstAgentReplyAt: Timestamp | null;
  readonly labels: readonly string[];
  readonly priority: ConversationPriority;
  /** Until when people have put the conversation aside; null or past if they have not. */
  readonly snoozedUntil: Timestamp | null;
  readonly metadata: JsonText;
  readonly createdAt: Timestamp;
  readonly updatedAt: Timestamp;
}

/** Changes of a conversation that happened together. Activities remain when events expire. */
export interface ConversationActivity {
  readonly id: string;
  readonly accountId: string;
  readonly conversationId: string;
  /** At least one. */
  readonly changes: readonly ConversationChange[];
  /** The name of the person or program that caused the changes; null for a visitor and for the gateway. */
  readonly actor: string | null;
  readonly at: Timestamp;
}

/** A visitor who left contact data. */
export interface Lead {
  readonly id: string;
  readonly accountId: string;
  readonly chatbotId: string;
  readonly conversationId: string;
  readonly name: string | null;
  readonly email: string | null;
  readonly phone: string | null;
  readonly customData: JsonText;
  readonly createdAt: Timestamp;
}

/** Evidence for a span of a reply. `start` and `end` are UTF-16 offsets in the message's content, `end` exclusive. */
export interface Citation {
  readonly passageId: string;
  readonly sourceId: string;
  readonly title: string;
  readonly url: string | null;
  readonly quote: string;
  readonly start: number;
  readonly end: number;
}

/**
 * How well a completed reply answers the visitor: `FALLBACK` (with the fallback message only), `UNSURE` (from sources
 * that may be about something else, or from none) or `ANSWERED` (from clearly relevant sources).
 */
export const REPLY_OUTCOMES = ['ANSWERED', 'UNSURE', 'FALLBACK'] as const;
/** One of `REPLY_OUTCOMES`. */
export type ReplyOutcome = (typeof REPLY_OUTCOMES)[number];

/** A message of a conversation. */
export interface Message {
  readonly id: string;
  readonly accountId: string;
  readonly conversationId: string;
  readonly role: MessageRole;
  readonly status: MessageStatus;
  readonly content: string;
  readonly citations: readonly Citation[];
  readonly finishReason: FinishReason | null;
  readonly usage: TokenUsage | null;
  /** How the reply was generated; null for an open reply, and for a message that is not a reply. */
  readonly generation: Generation | null;
  /** How well the reply answers the visitor; null for a message that is not a completed reply. */
  readonly outcome: ReplyOutcome | null;
  /**
   * How likely the sources are to be relevant to the question, 0 to 1; null for an open reply, for one that ended before
   * the sources were searched, and for a message that is not a reply.
   */
  readonly confidence: number | null;
  /** The model's reasoning; null until the reply has ended, and null if the chatbot does not show reasoning. */
  readonly reasoning: string | null;
  /** Suggested questions for the visitor. */
  readonly followUps: readonly string[];
  /** The API key that requested the reply; null when unknown. */
  readonly apiKeyId: string | null;
  readonly rating: Rating | null;
  /** The visitor's words about the rating; null if there are none, and if not rated. */
  readonly ratingComment: string | null;
  /** The previous message, which for a reply is the user message that it answers; null for the first message. */
  readonly parentId: string | null;
  /**
   * The message that the conversation showed in place of this one until this one was created: the message that was
   * edited or regenerated. Null for any other message.
   */
  readonly replacesId: string | null;
  /** Whether the message is on the branch that its conversation shows. */
  readonly isShown: boolean;
  /** Whether the message is a note that only viewers with MANAGE see. A note belongs to no branch. */
  readonly isPrivate: boolean;
  /** The name of the person who wrote the message; null for other roles. */
  readonly authorName: string | null;
  /** The member who wrote the message; null for other roles, and if an API key has sent it. */
  readonly authorId: string | null;
  readonly metadata: JsonText;
  readonly error: MessageFailure | null;
  readonly createdAt: Timestamp;
  readonly completedAt: Timestamp | null;
  /** When the message was created, ended, or got another text, rating or follow-ups: the last of these times. */
  readonly updatedAt: Timestamp;
}
