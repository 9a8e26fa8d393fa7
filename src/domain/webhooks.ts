/** What is told to the systems of an account, and to whom. */
import type { Channel } from './entities.ts';
import type { JsonText } from './json.ts';
import type { Timestamp } from './time.ts';

/** The events that endpoints can be told of, by the names that the graph has for them; these are those on the wire. */
export const WEBHOOK_EVENTS = {
  LEAD_CAPTURED: 'lead.captured',
  CONVERSATION_STARTED: 'conversation.started',
  MESSAGE_RECEIVED: 'message.received',
  CONVERSATION_ESCALATED: 'conversation.escalated',
  MESSAGE_COMPLETED: 'message.completed',
  MESSAGE_FAILED: 'message.failed',
  MESSAGE_RATED: 'message.rated',
  CONVERSATION_ASSIGNED: 'conversation.assigned',
  CONVERSATION_CLOSED: 'conversation.closed',
  HANDOFF_ENDED: 'handoff.ended',
  SOURCE_DONE: 'source.done',
  SOURCE_FAILED: 'source.failed',
  QUOTA_WARNING: 'quota.warning',
  WEBHOOK_DISABLED: 'webhook.disabled',
} as const;
/** The events that tell of the account and its webhooks alone: nothing that was said, and nothing that was read. */
export const ADMINISTRATIVE_EVENTS: ReadonlySet<WebhookEventName> = new Set(['QUOTA_WARNING', 'WEBHOOK_DISABLED']);
/** One of `WEBHOOK_EVENTS`. */
export type WebhookEventName = keyof typeof WEBHOOK_EVENTS;

/** Whether a delivery was never tried, is done, will be tried again, or will not. */
export const DELIVERY_STATUSES = ['PENDING', 'DELIVERED', 'FAILED', 'EXHAUSTED'] as const;
/** One of `DELIVERY_STATUSES`. */
export type DeliveryStatus = (typeof DELIVERY_STATUSES)[number];

/** The retry schedules of a webhook subscription: a few minutes, or about three days. */
export const WEBHOOK_SCHEDULES = ['SHORT', 'LONG'] as const;
/** One of `WEBHOOK_SCHEDULES`. */
export type WebhookSchedule = (typeof WEBHOOK_SCHEDULES)[number];

/** An endpoint, and what it is told. */
export interface WebhookSubscription {
  readonly id: string;
  readonly accountId: string;
  /** Null: all chatbots of the account, and what belongs to none. */
  readonly chatbotId: string | null;
  readonly url: string;
  readonly description: string;
  readonly events: readonly WebhookEventName[];
  /** Only of conversations that came in these ways; null: whatever the way. Events of no conversation are told always. */
  readonly channels: readonly Channel[] | null;
  readonly schedule: WebhookSchedule;
  /** What its payloads are: a GraphQL document; null: the default bodies. */
  readonly document: string | null;
  readonly isActive: boolean;
  /** Why it was switched off, for people; null while it is active. */
  readonly disabledReason: string | null;
  /** Since when nothing has been delivered although it was tried; null when the last attempt succeeded. */
  readonly failingSince: Timestamp | null;
  /** When it had failed for so long that it will be switched off; null while there is no need. */
  readonly warnedAt: Timestamp | null;
  readonly createdAt: Timestamp;
  readonly updatedAt: Timestamp;
}

/** Something that happened, as endpoints are told: `data` is the inside of the default body. */
export interface WebhookEvent {
  readonly id: string;
  readonly accountId: string;
  /** Null for what belongs to no chatbot. */
  readonly chatbotId: string | null;
  readonly name: WebhookEventName;
  /** What it is about, as far as it is about such a thing. */
  readonly conversationId: string | null;
  readonly messageId: string | null;
  readonly leadId: string | null;
  readonly sourceId: string | null;
  readonly data: JsonText;
  readonly at: Timestamp;
}

/** One event to one endpoint. */
export interface WebhookDelivery {
  readonly id: string;
  readonly accountId: string;
  readonly subscriptionId: string;
  readonly eventId: string;
  readonly name: WebhookEventName;
  readonly status: DeliveryStatus;
  /** The bytes that are sent, the same each time; null until they are made, before the first attempt. */
  readonly body: string | null;
  /** Why `body` is the default one although the subscription has a document; null where it is not. */
  readonly bodyProblem: string | null;
  readonly attemptCount: number;
  /** Null when there will be none. */
  readonly nextAttemptAt: Timestamp | null;
  readonly createdAt: Timestamp;
}

/** One HTTP request for a delivery. */
export interface WebhookAttempt {
  readonly deliveryId: string;
  /** From 1. */
  readonly number: number;
  readonly at: Timestamp;
  readonly durationMs: number;
  /** Null where no answer came. */
  readonly statusCode: number | null;
  /** Why it failed, for people; null when it succeeded. */
  readonly error: string | null;
  /** The first kilobyte of the answer. */
  readonly response: string;
}
