import { InvalidInputError, NotFoundError } from '../../src/domain/errors.ts';
import type { WebhookDelivery } from '../../src/domain/webhooks.ts';
import { redeliverWebhook } from '../../src/webhooks/redeliver.ts';
import { MAX_REPLAYED_EVENTS, replayWebhooks } from '../../src/webhooks/replay.ts';
import { sendTestWebhook } from '../../src/webhooks/send-test.ts';
import { builder, type ObjectFields } from '../builder.ts';
import { WebhookDeliveryRef } from './delivery.ts';
import { WebhookEvent } from './event.ts';
import { WebhookSubscriptionRef } from './subscription.ts';

const errors = { types: [NotFoundError, InvalidInputError] };

/** The payload of a mutation that sends one delivery. */
const deliveryPayload = (description: string) => ({
  description,
  outputFields: (t: ObjectFields<{ delivery: WebhookDelivery }>) => ({
    webhookDelivery: t.expose('delivery', { type: WebhookDeliveryRef, description: 'The delivery, due now.' }),
  }),
});

builder.relayMutationField(
  'sendTestWebhook',
  {
    description: 'Whom to send what.',
    inputFields: (t) => ({
      subscriptionId: t.id({ required: true, description: 'The subscription.' }),
      event: t.field({
        type: WebhookEvent,
        required: true,
        description: 'What to send an example of; the subscription need not list it.',
      }),
    }),
  },
  {
    description:
      'Sends an endpoint an example of an event, signed and tried like any other. Refused where it is switched off. Needs `MANAGE`.',
    authScopes: { MANAGE: true },
    errors,
    resolve: async (_root, { input }, { deps, viewer }) => ({ delivery: await sendTestWebhook(deps, viewer, input) }),
  },
  deliveryPayload('What is sent.'),
);

builder.relayMutationField(
  'redeliverWebhook',
  {
    description: 'What to send again.',
    inputFields: (t) => ({ deliveryId: t.id({ required: true, description: 'The delivery, however it stands.' }) }),
  },
  {
    description:
      'Sends a delivery once more: the same event with the same id, the same body. Refused where the subscription is switched off. Needs `MANAGE`.',
    authScopes: { MANAGE: true },
    errors,
    resolve: async (_root, { input }, { deps, viewer }) => ({ delivery: await redeliverWebhook(deps, viewer, input) }),
  },
  deliveryPayload('What is sent again.'),
);

builder.relayMutationField(
  'replayWebhooks',
  {
    description: 'What to send again, and to whom.',
    inputFields: (t) => ({
      subscriptionId: t.id({ required: true, description: 'The subscription.' }),
      since: t.field({ type: 'DateTime', required: true, description: 'From when on; at most 30 days ago.' }),
      events: t.field({
        type: [WebhookEvent],
        required: false,
        description: 'Only these, which the subscription must list; absent: all that it lists.',
      }),
    }),
  },
  {
    description: `Sends an endpoint once more what has happened and what it wants to be told, with the ids that the events had: at most ${MAX_REPLAYED_EVENTS.toLocaleString('en')} events. Those count that some endpoint of the account was to be told when they happened, and no tests. Refused where the subscription is switched off. Needs \`MANAGE\`.`,
    authScopes: { MANAGE: true },
    errors,
    resolve: (_root, { input }, { deps, viewer }) => replayWebhooks(deps, viewer, input),
  },
  {
    description: 'What is sent again.',
    outputFields: (t) => ({
      webhookSubscription: t.expose('subscription', { type: WebhookSubscriptionRef, description: 'The subscription.' }),
      count: t.exposeInt('count', { description: 'How many events.' }),
      nextSince: t.expose('nextSince', {
        type: 'DateTime',
        nullable: true,
        description: 'From when on to ask again, as there were more; null when these were all.',
      }),
    }),
  },
);
