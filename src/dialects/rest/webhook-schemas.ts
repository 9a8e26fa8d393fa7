import { z } from '@hono/zod-openapi';
import { CHANNELS } from '../../domain/entities.ts';
import { DELIVERY_STATUSES, WEBHOOK_EVENTS, WEBHOOK_SCHEDULES, type WebhookEventName } from '../../domain/webhooks.ts';
import { toLower } from './mappers.ts';
import { id, PageQuery, pathId, time } from './schemas.ts';

/** The names that the graph has for events, by those on the wire. */
export const EVENTS_BY_WIRE_NAME: Readonly<Record<string, WebhookEventName>> = Object.fromEntries(
  Object.entries(WEBHOOK_EVENTS).map(([name, wireName]) => [wireName, name as WebhookEventName]),
);

const eventName = z.enum(Object.values(WEBHOOK_EVENTS));
const channelName = z.enum(CHANNELS.map(toLower));
const scheduleName = z.enum(WEBHOOK_SCHEDULES.map(toLower));
const statusName = z.enum(DELIVERY_STATUSES.map(toLower));
const count = z.int();

const url = z.string().openapi({ description: 'Where the endpoint is.', example: 'https://example.com/hooks' });
const description = z.string().openapi({ description: 'What it is for; may be empty.', example: 'Our CRM' });
const events = z
  .array(eventName)
  .openapi({ description: 'What it is told of, one event at least.', example: ['lead.captured'] });
const channels = z.array(channelName).nullable().openapi({
  description: 'It is told only of conversations that came in these ways; null: whatever the way.',
  example: null,
});
const schedule = scheduleName.openapi({
  description:
    'The retry schedule: `short` retries after 1, 5 and 15 minutes unless the operator sets other delays, `long` for about three days.',
  example: 'short',
});
const isActive = z.boolean().openapi({ description: 'Whether it is told anything.', example: true });

const webhook = {
  id,
  chatbot_id: id.nullable().openapi({ description: 'Whose events; null: those of all chatbots.' }),
  ...{ url, description, events, channels, schedule },
  header_names: z
    .array(z.string())
    .openapi({ description: 'The names of its custom headers; their values are never shown.', example: [] }),
  is_active: isActive,
  disabled_reason: z
    .string()
    .nullable()
    .openapi({ description: 'Why the gateway has switched it off; null while it is active.', example: null }),
  failing_since: time
    .nullable()
    .openapi({ description: 'Since when nothing was delivered; null when the last attempt succeeded.' }),
  created_at: time,
  updated_at: time.openapi({ description: 'When it was last changed.' }),
};

/** A webhook subscription. */
export const WebhookSchema = z
  .object(webhook)
  .openapi('Webhook', { description: 'An endpoint of yours, and what it is told.' });

/** A webhook subscription that was just made, with its secret. */
export const NewWebhookSchema = z
  .object({
    ...webhook,
    secret: z.string().openapi({
      description: 'What its requests are signed with. Keep it now: it is never shown again.',
      example: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo=',
    }),
  })
  .openapi('NewWebhook', { description: 'An endpoint with the secret that its requests are signed with.' });

const headers = z.record(z.string(), z.string()).openapi({
  description: 'Headers of your own, each value by its name, at most 10. Nobody can read the values again.',
  example: { 'X-Team': 'sales' },
});

const settable = { url, events, description, channels, schedule, headers };
const { description: text, channels: ways, schedule: retries, headers: own } = settable;

/** What to subscribe. Fields that are not known are ignored. */
export const CreateWebhookSchema = z
  .object(
    {
      ...{ url, events },
      chatbot_id: id.nullish().openapi({ description: 'Whose events; absent or null: those of all chatbots.' }),
      ...{
        description: text.nullish(),
        channels: ways.optional(),
        schedule: retries.nullish(),
        headers: own.nullish(),
      },
    },
    'Must be an object.',
  )
  .openapi('CreateWebhook', { description: 'An endpoint to subscribe.' });

/** What to change; what is absent or null stays as it is. */
export const UpdateWebhookSchema = z
  .object(
    {
      ...{ url: url.nullish(), events: events.nullish(), description: text.nullish() },
      channels: ways.optional().openapi({ description: 'As in a webhook; empty: whatever the way.', example: [] }),
      ...{ schedule: retries.nullish(), headers: own.nullish(), is_active: isActive.nullish() },
    },
    'Must be an object.',
  )
  .openapi('UpdateWebhook', { description: 'What to change of an endpoint; what is absent stays as it is.' });

/** What to send an example of. */
export const TestWebhookSchema = z
  .object(
    { event: eventName.openapi({ description: 'What to send an example of.', example: 'lead.captured' }) },
    'Must be an object.',
  )
  .openapi('TestWebhook', { description: 'An event to send an example of.' });

/** What was deleted. */
export const DeletedSchema = z
  .object({ deleted_id: id.openapi({ description: 'The id that it had.' }) })
  .openapi('Deleted', { description: 'What was deleted.' });

const AttemptModel = z
  .object({
    number: count.openapi({ description: 'Its place among the attempts, from 1.', example: 1 }),
    at: time.openapi({ description: 'When it was made.' }),
    duration_ms: count.openapi({ description: 'How many milliseconds it took.', example: 84 }),
    status_code: count.nullable().openapi({ description: 'The status of the answer; null where none came.' }),
    error: z.string().nullable().openapi({ description: 'Why it failed; null when it succeeded.', example: null }),
    response: z.string().openapi({ description: 'The first kilobyte of the answer; may be empty.', example: 'ok' }),
  })
  .openapi('WebhookAttempt', { description: 'One HTTP request for a delivery.' });

/** One event to one endpoint. */
export const DeliverySchema = z
  .object({
    id,
    webhook_id: id.openapi({ description: 'Whom it is for.' }),
    event: eventName.openapi({ description: 'What it tells of.', example: 'lead.captured' }),
    event_id: id.openapi({ description: 'The id of the event, the header `webhook-id`.' }),
    occurred_at: time.openapi({ description: 'When the event happened.' }),
    status: statusName.openapi({ description: 'How it stands.', example: 'delivered' }),
    payload: z
      .string()
      .nullable()
      .openapi({ description: 'The body as it is sent; null until it is made, before the first attempt.' }),
    created_at: time,
    next_attempt_at: time.nullable().openapi({ description: 'When it is tried next; null when it is not.' }),
    attempt_count: count.openapi({ description: 'How often it was tried.', example: 1 }),
    attempts: z.array(AttemptModel).openapi({ description: 'Its attempts, oldest first; the last 20 of more.' }),
  })
  .openapi('WebhookDelivery', { description: 'One event to one endpoint, and what became of it.' });

/** Which webhook. */
export const WebhookPath = z.object({
  webhook_id: pathId('webhook_id', 'The id of the webhook.', '019cf0f3-9a3c-7c1e-8a5b-2f6d1e0b7c49'),
});

/** Which part of a log to send. */
export const DeliveriesQuery = PageQuery.extend({
  status: statusName.optional().openapi({
    param: { name: 'status', in: 'query' },
    description: 'Only deliveries that stand so.',
    example: 'exhausted',
  }),
});
