/** Webhook subscriptions, events, deliveries and attempts. */
import type { Channel } from './entities.ts';
import type { JsonText } from './json.ts';
import type { Timestamp } from './time.ts';

/** The webhook events: their names in GraphQL, and the names in deliveries and REST. */
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
/** The events that only concern the account or its webhooks: their data comes from no conversation and no source. */
export const ADMINISTRATIVE_EVENTS: ReadonlySet<WebhookEventName> = new Set(['QUOTA_WARNING', 'WEBHOOK_DISABLED']);
/** One of `WEBHOOK_EVENTS`. */
export type WebhookEventName = keyof typeof WEBHOOK_EVENTS;

/** The status of a delivery: not attempted yet, delivered, failed and to be retried, or failed for good. */
export const DELIVERY_STATUSES = ['PENDING', 'DELIVERED', 'FAILED', 'EXHAUSTED'] as const;
/** One of `DELIVERY_STATUSES`. */
export type DeliveryStatus = (typeof DELIVERY_STATUSES)[number];

/** The retry schedules of failed deliveries: `SHORT` follows the REST contract, `LONG` continues for days. */
export const WEBHOOK_SCHEDULES = ['SHORT', 'LONG'] as const;
/** One of `WEBHOOK_SCHEDULES`. */
export type WebhookSchedule = (typeof WEBHOOK_SCHEDULES)[number];

/** An endpoint and the events that it receives. */
export interface WebhookSubscription {
  readonly id: string;
  readonly accountId: string;
  /** Only events of this chatbot; null: events of all chatbots of the account, and events without a chatbot. */
  readonly chatbotId: string | null;
  readonly url: string;
  readonly description: string;
  readonly events: readonly WebhookEventName[];
  /** Only conversations in these channels; null: all channels. Events without a conversation are always sent. */
  readonly channels: readonly Channel[] | null;
  readonly schedule: WebhookSchedule;
  /** The GraphQL document that selects the payloads; null: the default bodies. */
  readonly document: string | null;
  readonly isActive: boolean;
  /** Why the subscription was disabled, as readable text; null while it is active. */
  readonly disabledReason: string | null;
  /** The time since which every attempt has failed; null after a success. */
  readonly failingSince: Timestamp | null;
  /** When the owner was warned that the subscription will be disabled; null before that. */
  readonly warnedAt: Timestamp | null;
  readonly createdAt: Timestamp;
  readonly updatedAt: Timestamp;
}

/** An event that endpoints receive; `data` is the `data` member of the default body. */
export interface WebhookEvent {
  readonly id: string;
  readonly accountId: string;
  /** Null for an event without a chatbot. */
  readonly chatbotId: string | null;
  readonly name: WebhookEventName;
  /** The ids of the subjects of the event; null for each that the event does not have. */
  readonly conversationId: string | null;
  readonly messageId: string | null;
  readonly leadId: string | null;
  readonly sourceId: string | null;
  readonly data: JsonText;
  readonly at: Timestamp;
}

/** The sending of one event to one endpoint. */
export interface WebhookDelivery {
  readonly id: string;
  readonly accountId: string;
  readonly subscriptionId: string;
  readonly eventId: string;
  readonly name: WebhookEventName;
  readonly status: DeliveryStatus;
  /** The bytes of the body, the same in each attempt; null before the first attempt. */
  readonly body: string | null;
  /** Why `body` is the default body although the subscription has a document; null otherwise. */
  readonly bodyProblem: string | null;
  readonly attemptCount: number;
  /** Null if there is no next attempt. */
  readonly nextAttemptAt: Timestamp | null;
  readonly createdAt: Timestamp;
}

/** One HTTP request for a delivery. */
export interface WebhookAttempt {
  readonly deliveryId: string;
  /** The number of the attempt, from 1. */
  readonly number: number;
  readonly at: Timestamp;
  readonly durationMs: number;
  /** Null if there was no response. */
  readonly statusCode: number | null;
  /** Why the attempt failed, as readable text; null after a success. */
  readonly error: string | null;
  /** The first kilobyte of the response body. */
  readonly response: string;
}
