import { toJson } from '../../src/domain/json.ts';
import { WEBHOOK_EVENTS, type WebhookEventName } from '../../src/domain/webhooks.ts';
import { buildDefaultBody } from '../../src/webhooks/body.ts';
import { displayedSampleContext, WEBHOOK_SAMPLES } from '../../src/webhooks/samples.ts';
import { builder, type FieldExtensions } from '../builder.ts';

const NAMES = Object.keys(WEBHOOK_EVENTS) as WebhookEventName[];

/** The types of events that endpoints can receive. */
export const WebhookEventType = builder.enumType('WebhookEventType', {
  description: 'An event that webhooks send. In bodies and in REST, `LEAD_CAPTURED` is `lead.captured`.',
  values: Object.fromEntries(NAMES.map((name) => [name, { description: WEBHOOK_SAMPLES[name].description }])) as Record<
    WebhookEventName,
    { description: string }
  >,
});

const WebhookEventDescriptionRef = builder.objectRef<WebhookEventName>('WebhookEventDescription').implement({
  description: 'A webhook event with a sample body.',
  fields: (t) => ({
    event: t.field({ type: WebhookEventType, description: 'The name in GraphQL.', resolve: (name) => name }),
    wireName: t.string({
      description: 'The name in bodies and in REST, such as `lead.captured`.',
      resolve: (name) => WEBHOOK_EVENTS[name],
    }),
    description: t.string({
      description: 'The condition that triggers the event.',
      resolve: (name) => WEBHOOK_SAMPLES[name].description,
    }),
    sample: t.field({
      type: 'JSON',
      description: 'A sample body: an object of `event`, `chatbot_id`, `timestamp` and `data`.',
      resolve: (name) => {
        const data = toJson(WEBHOOK_SAMPLES[name].data);
        return JSON.parse(buildDefaultBody({ name, ...displayedSampleContext(name), data }));
      },
    }),
  }),
});

builder.queryField('webhookEvents', (t) =>
  t.field({
    type: [WebhookEventDescriptionRef],
    allowsRestricted: true,
    authScopes: { MANAGE: true },
    description: 'All webhook events. Needs `MANAGE`.',
    extensions: { listSize: () => NAMES.length } satisfies FieldExtensions,
    resolve: () => NAMES,
  }),
);
