/** The row types of the webhook tables, for Kysely: see `tables.ts`. */
import type { Generated } from 'kysely';
import type { JsonText } from '../../domain/json.ts';
import type { Timestamp } from '../../domain/time.ts';
import type { DeliveryStatus, WebhookEventName, WebhookSchedule } from '../../domain/webhooks.ts';

/**
 * A row of webhook_subscriptions: `events` and `channels` are JSON. The secret, the previous secret while both are
 * valid, and the custom headers are sealed.
 */
export interface WebhookSubscriptionRow {
  id: string;
  account_id: string;
  chatbot_id: string | null;
  url: string;
  description: string;
  events: JsonText;
  channels: JsonText | null;
  schedule: WebhookSchedule;
  document: string | null;
  sealed_headers: string | null;
  sealed_secret: string;
  sealed_old_secret: string | null;
  old_secret_until: Timestamp | null;
  is_active: 0 | 1;
  disabled_reason: string | null;
  failing_since: Timestamp | null;
  /** When the owner was warned that the endpoint keeps failing; null before the warning. */
  warned_at: Timestamp | null;
  created_at: Timestamp;
  updated_at: Timestamp;
}

/** A row of webhook_events: `data` is JSON; `is_test` marks an event that was sent to test an endpoint. */
export interface WebhookEventRow {
  id: string;
  account_id: string;
  chatbot_id: string | null;
  name: WebhookEventName;
  conversation_id: string | null;
  message_id: string | null;
  lead_id: string | null;
  source_id: string | null;
  data: JsonText;
  is_test: Generated<0 | 1>;
  at: Timestamp;
}

/**
 * A row of webhook_deliveries. The node with the lease attempts the delivery; `next_attempt_at` is null without a next
 * attempt.
 */
export interface WebhookDeliveryRow {
  id: string;
  account_id: string;
  subscription_id: string;
  event_id: string;
  name: WebhookEventName;
  status: DeliveryStatus;
  body: string | null;
  /** Why the body is the default body although the subscription has a document; null otherwise. */
  body_problem: string | null;
  attempt_count: number;
  next_attempt_at: Timestamp | null;
  /** The node with the lease. Remains set if the process of the node crashes, even after the lease has expired. */
  leased_by: string | null;
  leased_until: Timestamp | null;
  created_at: Timestamp;
  /** How many processes in a row crashed while they attempted this delivery. */
  unclean_ends: Generated<number>;
}

/** A row of webhook_attempts. */
export interface WebhookAttemptRow {
  delivery_id: string;
  number: number;
  account_id: string;
  at: Timestamp;
  duration_ms: number;
  status_code: number | null;
  error: string | null;
  response: string;
}
