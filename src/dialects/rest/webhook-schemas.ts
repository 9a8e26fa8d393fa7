import { z } from '@hono/zod-openapi';
import { CHANNELS } from '../../domain/entities.ts';
import { DELIVERY_STATUSES, WEBHOOK_EVENTS, WEBHOOK_SCHEDULES, type WebhookEventName } from '../../domain/webhooks.ts';
import { toLower } from './mappers.ts';
import { chatbotId, id, PageQuery, pathId, time } from './schemas.ts';

/** The GraphQL names of events, by their names in REST and webhook bodies. */
export const EVENTS_BY_WIRE_NAME: Readonly<Record<string, WebhookEventName>> = Object.fromEntries(
  Object.entries(WEBHOOK_EVENTS).map(([name, wireName]) => [wireName, name as WebhookEventName]),
);

const eventName = z.enum(Object.values(WEBHOOK_EVENTS));
const channelName = z.enum(CHANNELS.map(toLower));
const scheduleName = z.enum(WEBHOOK_SCHEDULES.map(toLower));
const statusName = z.enum(DELIVERY_STATUSES.map(toLower));
const integer = z.int();

const url = z.string().openapi({ description: 'The URL of the endpoint.', example: 'https://example.com/hooks' });
const description = z
  .string()
  .openapi({ description: 'The description given by the creator of the webhook; may be empty.', example: 'Our CRM' });
const events = z
  .array(eventName)
  .openapi({ description: 'The events that are sent, at least one.', example: ['lead.captured'] });
const channels = z.array(channelName).nullable().openapi({
  description: 'The channels of the conversations whose events are sent; null means all channels.',
  example: null,
});
const schedule = scheduleName.openapi({
  description:
    'The retry schedule: `short` retries after 1, 5 and 15 minutes unless the operator sets other delays, `long` for about three days.',
  example: 'short',
});
const isActive = z
  .boolean()
  .openapi({ description: 'False while the webhook is disabled: nothing is sent.', example: true });

const webhook = {
  id,
  chatbot_id: chatbotId
    .nullable()
    .openapi({ description: 'The id of the chatbot whose events are sent; null means all chatbots.' }),
  ...{ url, description, events, channels, schedule },
  header_names: z
    .array(z.string())
    .openapi({ description: 'The names of the custom headers; their values are never shown.', example: [] }),
  is_active: isActive,
  disabled_reason: z.string().nullable().openapi({
    description: 'The reason why the gateway disabled the webhook; null while it is active.',
    example: null,
  }),
  failing_since: time.nullable().openapi({
    description: 'The time of the first failure since the last success; null if the last attempt succeeded.',
  }),
  created_at: time,
  updated_at: time.openapi({ description: 'The time of the last change.' }),
};

/** A webhook subscription. */
export const WebhookSchema = z
  .object(webhook)
  .openapi('Webhook', { description: 'A subscription of an HTTP endpoint to events.' });

/** A webhook subscription with its secret, which is new. */
export const NewWebhookSchema = z
  .object({
    ...webhook,
    secret: z.string().openapi({
      description: 'The secret that signs the requests of the webhook. It is never shown again.',
      example: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo=',
    }),
  })
  .openapi('NewWebhook', { description: 'A webhook with the secret that signs the requests of the webhook.' });

const headers = z.record(z.string(), z.string()).openapi({
  description: 'At most 10 custom headers, as an object with values by name. The values cannot be read again.',
  example: { 'X-Team': 'sales' },
});

const settable = { url, events, description, channels, schedule, headers };
const { description: descriptionField, channels: channelList, schedule: scheduleField, headers: headerMap } = settable;

/** A new subscription. Unknown fields are ignored. */
export const CreateWebhookSchema = z
  .object(
    {
      ...{ url, events },
      chatbot_id: chatbotId
        .nullish()
        .openapi({ description: 'The id of the chatbot whose events are sent; absent or null means all chatbots.' }),
      ...{
        description: descriptionField.nullish(),
        channels: channelList.optional(),
        schedule: scheduleField.nullish(),
        headers: headerMap.nullish(),
      },
    },
    'Must be an object.',
  )
  .openapi('CreateWebhook', { description: 'The fields of a new webhook.' });

/** The changes to a subscription; absent or null fields keep their values. */
export const UpdateWebhookSchema = z
  .object(
    {
      ...{ url: url.nullish(), events: events.nullish(), description: descriptionField.nullish() },
      channels: channelList.optional().openapi({
        description: 'The channels of the conversations whose events are sent; an empty list means all channels.',
        example: [],
      }),
      ...{ schedule: scheduleField.nullish(), headers: headerMap.nullish(), is_active: isActive.nullish() },
    },
    'Must be an object.',
  )
  .openapi('UpdateWebhook', { description: 'The changes to a webhook; an absent field keeps its value.' });

/** The event of a test delivery. */
export const TestWebhookSchema = z
  .object(
    { event: eventName.openapi({ description: 'The type of the sample event.', example: 'lead.captured' }) },
    'Must be an object.',
  )
  .openapi('TestWebhook', { description: 'The type of the sample event to send.' });

/** The id of a deleted object. */
export const DeletedSchema = z
  .object({ deleted_id: id.openapi({ description: 'The id of the deleted webhook.' }) })
  .openapi('Deleted', { description: 'The id of a deleted object.' });

const AttemptModel = z
  .object({
    number: integer.openapi({ description: 'The number of the attempt, from 1.', example: 1 }),
    at: time.openapi({ description: 'The time of the attempt.' }),
    duration_ms: integer.openapi({ description: 'The duration in milliseconds.', example: 84 }),
    status_code: integer
      .nullable()
      .openapi({ description: 'The HTTP status of the response; null if there was none.' }),
    error: z
      .string()
      .nullable()
      .openapi({ description: 'The reason of the failure; null for a success.', example: null }),
    response: z
      .string()
      .openapi({ description: 'The first kilobyte of the response body; may be empty.', example: 'ok' }),
  })
  .openapi('WebhookAttempt', { description: 'An attempt of a delivery: one HTTP request.' });

/** A delivery of one event to one endpoint. */
export const DeliverySchema = z
  .object({
    id,
    webhook_id: id.openapi({ description: 'The id of the webhook.' }),
    event: eventName.openapi({ description: 'The type of the event.', example: 'lead.captured' }),
    event_id: id.openapi({ description: 'The id of the event, sent as the header `webhook-id`.' }),
    occurred_at: time.openapi({ description: 'The time of the event.' }),
    status: statusName.openapi({ description: 'The state of the delivery.', example: 'delivered' }),
    payload: z
      .string()
      .nullable()
      .openapi({ description: 'The request body; null until it is built, directly before the first attempt.' }),
    created_at: time,
    next_attempt_at: time
      .nullable()
      .openapi({ description: 'The time of the next attempt; null if none is scheduled.' }),
    attempt_count: integer.openapi({ description: 'The number of attempts.', example: 1 }),
    attempts: z.array(AttemptModel).openapi({ description: 'The last 20 attempts, oldest first.' }),
  })
  .openapi('WebhookDelivery', { description: 'A delivery of one event to one webhook.' });

/** The webhook in a path. */
export const WebhookPath = z.object({
  webhook_id: pathId('webhook_id', 'The id of the webhook.', '019cf0f3-9a3c-7c1e-8a5b-2f6d1e0b7c49'),
});

/** The requested part of the deliveries of a webhook. */
export const DeliveriesQuery = PageQuery.extend({
  status: statusName.optional().openapi({
    param: { name: 'status', in: 'query' },
    description: 'The state of the returned deliveries; if absent, any.',
    example: 'exhausted',
  }),
});
