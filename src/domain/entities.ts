/**
 * The nouns as the program passes them around. Each stands for one stored row; relations are ids, resolved by the
 * store's loaders. `accountId` is the owner, and every read is limited to it.
 */

import type { Answering } from './answering.ts';
import type { FailureCode } from './failures.ts';
import type { JsonText } from './json.ts';
import type { Provider } from './providers.ts';
import type { Timestamp } from './time.ts';
import type { Generation, TokenUsage } from './usage.ts';

/** What a credential may do: read the graph, chat, manage. */
export const SCOPES = ['READ', 'CHAT', 'MANAGE'] as const;
/** One of `SCOPES`. */
export type Scope = (typeof SCOPES)[number];

/** What a source was made from. */
export const SOURCE_TYPES = ['SITE', 'URL', 'FILE', 'TEXT', 'QA', 'TRANSCRIPT'] as const;
/** One of `SOURCE_TYPES`. */
export type SourceType = (typeof SOURCE_TYPES)[number];

/** How far a source has been read. */
export const SOURCE_STATUSES = ['PENDING', 'CRAWLING', 'PROCESSING', 'DONE', 'FAILED'] as const;
/** One of `SOURCE_STATUSES`. */
export type SourceStatus = (typeof SOURCE_STATUSES)[number];

/** Where a conversation stands. */
export const CONVERSATION_STATUSES = ['OPEN', 'ESCALATED', 'CLOSED'] as const;
/** One of `CONVERSATION_STATUSES`. */
export type ConversationStatus = (typeof CONVERSATION_STATUSES)[number];

/** The ways a conversation can come in. */
export const CHANNELS = ['API', 'GRAPHQL', 'CHAT_PAGE', 'WIDGET'] as const;
/** One of `CHANNELS`. */
export type Channel = (typeof CHANNELS)[number];

/** Who can say a message. */
export const MESSAGE_ROLES = ['USER', 'ASSISTANT', 'AGENT', 'SYSTEM'] as const;
/** One of `MESSAGE_ROLES`. */
export type MessageRole = (typeof MESSAGE_ROLES)[number];

/** How far a message has come; the last four are ends. */
export const MESSAGE_STATUSES = ['QUEUED', 'STREAMING', 'COMPLETED', 'FAILED', 'STOPPED', 'INTERRUPTED'] as const;
/** One of `MESSAGE_STATUSES`. */
export type MessageStatus = (typeof MESSAGE_STATUSES)[number];

/** Why a reply ended. */
export const FINISH_REASONS = ['STOP', 'LENGTH', 'CONTENT_FILTER', 'ERROR', 'ABORTED'] as const;
/** One of `FINISH_REASONS`. */
export type FinishReason = (typeof FINISH_REASONS)[number];

/** What a visitor can think of a reply. */
export const RATINGS = ['UP', 'DOWN'] as const;
/** One of `RATINGS`. */
export type Rating = (typeof RATINGS)[number];

/** Who answers the visitor of a conversation. */
export const ANSWERERS = ['AI', 'PERSON'] as const;
/** One of `ANSWERERS`. */
export type Answerer = (typeof ANSWERERS)[number];

/** Who can be seen typing. */
export const TYPING_ROLES = ['USER', 'AGENT'] as const;
/** One of `TYPING_ROLES`. */
export type TypingRole = (typeof TYPING_ROLES)[number];

/** Owns everything else. */
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
  /** The first 8 characters of the key: enough to recognise it, useless to a thief. */
  readonly prefix: string;
  readonly scopes: readonly Scope[];
  readonly createdAt: Timestamp;
  readonly lastUsedAt: Timestamp | null;
  readonly revokedAt: Timestamp | null;
}

/** Answers visitors from its sources. */
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
  readonly metadata: JsonText;
  readonly createdAt: Timestamp;
  readonly updatedAt: Timestamp;
}

/** An account's own access to the models of a provider, without its secret. */
export interface ProviderKey {
  readonly accountId: string;
  readonly provider: Provider;
  /** The last four characters of the key; null where there is none, or too short a one. */
  readonly keyEnding: string | null;
  /** Where its models are; null: at the provider's own address. */
  readonly baseUrl: string | null;
  readonly updatedAt: Timestamp;
}

/** What was seen of a model that an account has used. */
export interface ProviderModel {
  readonly provider: string;
  readonly model: string;
  readonly workedAt: Timestamp | null;
  readonly failedAt: Timestamp | null;
  /** Why it failed the last time; null when it has worked since. */
  readonly failure: FailureCode | null;
}

/** What visitors are asked for when they want to be called back. */
export interface LeadForm {
  readonly title: string;
  readonly fields: readonly LeadField[];
}

/** One question of a lead form: `name`, `email` and `phone` are fields of the lead, all others custom ones. */
export interface LeadField {
  readonly name: string;
  readonly label: string;
  readonly isRequired: boolean;
}

/** Something that a chatbot has read. */
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
  /** The headings above the text, outermost first, the source's title not among them. */
  readonly headingPath: readonly string[];
  readonly text: string;
}

/** What one visitor and one chatbot say to each other. */
export interface Conversation {
  readonly id: string;
  readonly accountId: string;
  readonly chatbotId: string;
  readonly sessionId: string;
  readonly channel: Channel;
  readonly status: ConversationStatus;
  /** Until when the chatbot is silent because a person has answered; null or past when it answers. */
  readonly silentUntil: Timestamp | null;
  /** The person who takes care of it, as the account's own systems name them. */
  readonly assignee: string | null;
  /** When a person was first asked for. */
  readonly escalatedAt: Timestamp | null;
  readonly escalationReason: string | null;
  /** The visitor's messages since somebody of the account has read it. */
  readonly unreadCount: number;
  readonly metadata: JsonText;
  readonly createdAt: Timestamp;
  readonly updatedAt: Timestamp;
}

/** Who left how to be reached. */
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

/** Evidence for a stretch of an answer. `start` and `end` are UTF-16 offsets in the message's content, end exclusive. */
export interface Citation {
  readonly passageId: string;
  readonly sourceId: string;
  readonly title: string;
  readonly url: string | null;
  readonly quote: string;
  readonly start: number;
  readonly end: number;
}

/** Why a message failed, in words that anyone may see. */
export interface MessageFailure {
  readonly code: string;
  readonly message: string;
}

/** One thing said in a conversation. */
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
  /** Null but for replies that have ended. */
  readonly generation: Generation | null;
  /** What the model thought; null before the end, and unless the chatbot shows it. */
  readonly reasoning: string | null;
  /** Questions that the visitor may want to ask next. */
  readonly followUps: readonly string[];
  /** The key that asked for it, for a reply; null where that is not known. */
  readonly apiKeyId: string | null;
  readonly rating: Rating | null;
  /** What it follows: for a reply the question it answers, for a question what was said before; null for the first. */
  readonly parentId: string | null;
  /** Whether it stands on the branch that its conversation shows. */
  readonly isShown: boolean;
  /** A note between people: only those who manage see it, and it stands beside all branches. */
  readonly isPrivate: boolean;
  /** Who wrote it, for a person's message. */
  readonly authorName: string | null;
  readonly metadata: JsonText;
  readonly error: MessageFailure | null;
  readonly createdAt: Timestamp;
  readonly completedAt: Timestamp | null;
}
