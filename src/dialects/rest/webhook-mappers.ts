import type { z } from '@hono/zod-openapi';
import { WEBHOOK_EVENTS } from '../../domain/webhooks.ts';
import type { DeliveryFragment, WebhookFragment } from './documents.ts';
import { toLower, toRestTime } from './mappers.ts';
import type { DeliverySchema, WebhookSchema } from './webhook-schemas.ts';

const toTime = (at: string | null) => at && toRestTime(at);

/** Maps a webhook subscription. */
export function toWebhook(webhook: WebhookFragment): z.output<typeof WebhookSchema> {
  const { id, url, description } = webhook;
  return {
    id,
    chatbot_id: webhook.chatbot?.id ?? null,
    ...{ url, description },
    events: webhook.events.map((name) => WEBHOOK_EVENTS[name]),
    channels: webhook.channels?.map(toLower) ?? null,
    schedule: toLower(webhook.schedule),
    header_names: webhook.headerNames,
    is_active: webhook.isActive,
    disabled_reason: webhook.disabledReason,
    failing_since: toTime(webhook.failingSince),
    created_at: toRestTime(webhook.createdAt),
    updated_at: toRestTime(webhook.updatedAt),
  };
}

/** Maps a delivery. */
export function toDelivery(delivery: DeliveryFragment): z.output<typeof DeliverySchema> {
  return {
    id: delivery.id,
    webhook_id: delivery.subscription.id,
    event: WEBHOOK_EVENTS[delivery.event],
    event_id: delivery.eventId,
    occurred_at: toRestTime(delivery.occurredAt),
    status: toLower(delivery.status),
    payload: delivery.payload,
    created_at: toRestTime(delivery.createdAt),
    next_attempt_at: toTime(delivery.nextAttemptAt),
    attempt_count: delivery.attemptCount,
    attempts: delivery.attempts.map(({ number, at, durationMs, statusCode, error, response }) => ({
      number,
      at: toRestTime(at),
      duration_ms: durationMs,
      status_code: statusCode,
      ...{ error, response },
    })),
  };
}
