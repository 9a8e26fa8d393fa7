import { toJson } from '../../src/domain/json.ts';
import { WEBHOOK_EVENTS, type WebhookEventName } from '../../src/domain/webhooks.ts';
import { buildDefaultBody } from '../../src/webhooks/body.ts';
import { sampleContext, WEBHOOK_SAMPLES } from '../../src/webhooks/samples.ts';
import { builder, type FieldExtensions } from '../builder.ts';

const NAMES = Object.keys(WEBHOOK_EVENTS) as WebhookEventName[];

/** What endpoints can be told of. */
export const WebhookEvent = builder.enumType('WebhookEvent', {
  description: 'What endpoints can be told of; on the wire `LEAD_CAPTURED` is `lead.captured`.',
  values: Object.fromEntries(NAMES.map((name) => [name, { description: WEBHOOK_SAMPLES[name].description }])) as Record<
    WebhookEventName,
    { description: string }
  >,
});

const WebhookEventDescriptionRef = builder.objectRef<WebhookEventName>('WebhookEventDescription').implement({
  description: 'An event that endpoints can be told of.',
  fields: (t) => ({
    event: t.field({ type: WebhookEvent, description: 'Its name in the graph.', resolve: (name) => name }),
    wireName: t.string({
      description: 'Its name in bodies and in REST, such as `lead.captured`.',
      resolve: (name) => WEBHOOK_EVENTS[name],
    }),
    description: t.string({
      description: 'When it fires.',
      resolve: (name) => WEBHOOK_SAMPLES[name].description,
    }),
    sample: t.field({
      type: 'JSON',
      description: 'A body as an example: an object of `event`, `chatbot_id`, `timestamp` and `data`.',
      resolve: (name) => {
        const data = toJson(WEBHOOK_SAMPLES[name].data);
        return JSON.parse(buildDefaultBody({ name, ...sampleContext(name), data }));
      },
    }),
  }),
});

builder.queryField('webhookEvents', (t) =>
  t.field({
    type: [WebhookEventDescriptionRef],
    authScopes: { MANAGE: true },
    description: 'All events that endpoints can be told of. Needs `MANAGE`.',
    extensions: { listSize: () => NAMES.length } satisfies FieldExtensions,
    resolve: () => NAMES,
  }),
);
