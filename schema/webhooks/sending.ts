import { InvalidInputError, NotFoundError } from '../../src/domain/errors.ts';
import type { WebhookDelivery } from '../../src/domain/webhooks.ts';
import { redeliverWebhook } from '../../src/webhooks/redeliver.ts';
import { MAX_REPLAYED_EVENTS, replayWebhooks } from '../../src/webhooks/replay.ts';
import { sendTestWebhook } from '../../src/webhooks/send-test.ts';
import { builder, type ObjectFields } from '../builder.ts';
import { WebhookDeliveryRef } from './delivery.ts';
import { WebhookEventType } from './event.ts';
import { WebhookSubscriptionRef } from './subscription.ts';

const errors = { types: [NotFoundError, InvalidInputError] };

/** The payload of a mutation that sends one delivery. */
const deliveryPayload = (description: string) => ({
  description,
  outputFields: (t: ObjectFields<{ delivery: WebhookDelivery }>) => ({
    webhookDelivery: t.expose('delivery', {
      type: WebhookDeliveryRef,
      description: 'The delivery, scheduled for now.',
    }),
  }),
});

builder.relayMutationField(
  'sendTestWebhook',
  {
    description: 'The subscription and the type of the sample event.',
    inputFields: (t) => ({
      id: t.id({ required: true, description: 'The id of the subscription.' }),
      event: t.field({
        type: WebhookEventType,
        required: true,
        description: 'The type of the sample event, which the subscription need not list.',
      }),
    }),
  },
  {
    description:
      'Sends a sample event to an endpoint, signed and retried like any other event. Refused while the subscription is disabled. Needs `MANAGE`.',
    authScopes: { MANAGE: true },
    errors,
    resolve: async (_root, { input }, { deps, viewer }) => ({ delivery: await sendTestWebhook(deps, viewer, input) }),
  },
  deliveryPayload('The delivery of the sample event.'),
);

builder.relayMutationField(
  'redeliverWebhook',
  {
    description: 'The delivery to send again.',
    inputFields: (t) => ({
      id: t.id({ required: true, description: 'The id of the delivery, in any state.' }),
    }),
  },
  {
    description:
      'Sends a delivery again, with the same event id and body. Refused while the subscription is disabled. Needs `MANAGE`.',
    authScopes: { MANAGE: true },
    errors,
    resolve: async (_root, { input }, { deps, viewer }) => ({ delivery: await redeliverWebhook(deps, viewer, input) }),
  },
  deliveryPayload('The delivery to be sent again.'),
);

builder.relayMutationField(
  'replayWebhooks',
  {
    description: 'The subscription and the events to replay.',
    inputFields: (t) => ({
      id: t.id({ required: true, description: 'The id of the subscription.' }),
      since: t.field({
        type: 'DateTime',
        required: true,
        description: 'The time of the earliest event, at most 30 days ago.',
      }),
      events: t.field({
        type: [WebhookEventType],
        required: false,
        description: 'The event types to replay, which the subscription must list; if absent, all that it lists.',
      }),
    }),
  },
  {
    description: `Sends recorded events again to an endpoint, with their original ids: at most ${MAX_REPLAYED_EVENTS.toLocaleString('en')} events. An event is recorded if it matched a subscription of the account when it occurred; sample events are not replayed. Refused while the subscription is disabled. Needs \`MANAGE\`.`,
    authScopes: { MANAGE: true },
    errors,
    resolve: (_root, { input }, { deps, viewer }) => replayWebhooks(deps, viewer, input),
  },
  {
    description: 'The result of a replay.',
    outputFields: (t) => ({
      webhookSubscription: t.expose('subscription', {
        type: WebhookSubscriptionRef,
        description: 'The subscription of the replay.',
      }),
      count: t.exposeInt('count', { description: 'The number of events to be sent.' }),
      nextSince: t.expose('nextSince', {
        type: 'DateTime',
        nullable: true,
        description: 'The `since` of the next request if there are more events; null if there are none.',
      }),
    }),
  },
);
