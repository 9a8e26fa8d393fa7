import { requireFound } from '../../src/domain/errors.ts';
import type {
  DeliveryStatus as DeliveryStatusName,
  WebhookAttempt,
  WebhookDelivery,
} from '../../src/domain/webhooks.ts';
import { subscribeToDeliveries } from '../../src/webhooks/delivery-stream.ts';
import { signForForwarding } from '../../src/webhooks/headers.ts';
import { builder, type FieldExtensions } from '../builder.ts';
import { defineConnection } from '../connection.ts';
import { Node } from '../node.ts';
import { WebhookEventType } from './event.ts';
import { WebhookSubscriptionRef } from './subscription.ts';

/** The maximum number of attempts that a delivery shows: more than any schedule makes. */
const MAX_ATTEMPTS = 20;

/** The state of a delivery. */
export const DeliveryStatus = builder.enumType('DeliveryStatus', {
  description: 'The state of a delivery.',
  values: {
    PENDING: { description: 'No attempt was made yet, or none since the delivery was requested again.' },
    DELIVERED: { description: 'The endpoint responded with a status from 200 to 299.' },
    FAILED: { description: 'The last attempt failed; another is scheduled.' },
    EXHAUSTED: { description: 'The last attempt failed; none is left.' },
  } satisfies Record<DeliveryStatusName, object>,
});

const WebhookAttemptRef = builder.objectRef<WebhookAttempt>('WebhookAttempt').implement({
  description: 'An attempt of a delivery: one HTTP request.',
  fields: (t) => ({
    number: t.exposeInt('number', { description: 'The number of the attempt, from 1.' }),
    at: t.expose('at', { type: 'DateTime', description: 'The time of the attempt.' }),
    durationMs: t.exposeInt('durationMs', { description: 'The duration in milliseconds.' }),
    statusCode: t.exposeInt('statusCode', {
      nullable: true,
      description: 'The HTTP status of the response; null if there was none.',
    }),
    error: t.exposeString('error', { nullable: true, description: 'The reason of the failure; null for a success.' }),
    response: t.exposeString('response', {
      authScopes: { READ: true },
      description:
        'The first kilobyte of the response body, which may repeat the request; may be empty. Needs `READ` and `MANAGE`.',
    }),
  }),
});

/** A delivery. */
export const WebhookDeliveryRef = builder.objectRef<WebhookDelivery>('WebhookDelivery').implement({
  description: 'A delivery of one event to one subscription.',
  interfaces: [Node],
  fields: (t) => ({
    subscription: t.field({
      type: WebhookSubscriptionRef,
      description: 'The subscription of the delivery.',
      resolve: async ({ subscriptionId }, _args, { loaders }) =>
        requireFound('Webhook subscription', await loaders.webhookSubscription.load(subscriptionId)),
    }),
    event: t.expose('name', { type: WebhookEventType, description: 'The type of the event.' }),
    eventId: t.exposeID('eventId', {
      description: 'The id of the event, sent as the header `webhook-id`. It is the same in all attempts and replays.',
    }),
    occurredAt: t.field({
      type: 'DateTime',
      description: 'The time of the event.',
      resolve: async ({ eventId }, _args, { loaders }) =>
        requireFound('Webhook event', await loaders.webhookEvent.load(eventId)).at,
    }),
    status: t.expose('status', { type: DeliveryStatus, description: 'The state of the delivery.' }),
    payload: t.exposeString('body', {
      nullable: true,
      authScopes: { READ: true },
      description:
        'The request body, the same in all attempts; null until it is built, directly before the first attempt. Needs `READ` and `MANAGE`.',
    }),
    headers: t.field({
      type: 'JSON',
      nullable: true,
      description:
        'The request headers of `payload` by name, signed as if sent now and without the custom headers of the subscription. Null while `payload` is null, and if the secret cannot be decrypted.',
      resolve: async (delivery, _args, { deps, loaders }) =>
        signForForwarding(deps, delivery, await loaders.sealedParts.load(delivery.subscriptionId)),
    }),
    payloadProblem: t.exposeString('bodyProblem', {
      nullable: true,
      description:
        'The reason why `payload` is the default body although the subscription has a `document`; null otherwise.',
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'The time of creation.' }),
    nextAttemptAt: t.expose('nextAttemptAt', {
      type: 'DateTime',
      nullable: true,
      description: 'The time of the next attempt; null if none is scheduled.',
    }),
    attemptCount: t.exposeInt('attemptCount', { description: 'The number of attempts.' }),
    attempts: t.field({
      type: [WebhookAttemptRef],
      description: `The last ${MAX_ATTEMPTS} attempts, oldest first.`,
      extensions: { listSize: () => MAX_ATTEMPTS } satisfies FieldExtensions,
      resolve: async ({ id }, _args, { loaders }) => (await loaders.webhookAttempts.load(id)).slice(-MAX_ATTEMPTS),
    }),
  }),
});

/** The connection of deliveries. */
export const WebhookDeliveryConnection = defineConnection(WebhookDeliveryRef);

builder.subscriptionField('webhookDeliveries', (t) =>
  t.field({
    type: WebhookDeliveryRef,
    allowsRestricted: true,
    authScopes: { MANAGE: true },
    description:
      'Streams deliveries in their current state when they are created and after each attempt; one event may cover several changes of a delivery. Open until the subscription is deleted. Not resumable: missed changes are in `WebhookSubscription.deliveries`. Error before the first event: `NOT_FOUND`. Needs `MANAGE`.',
    args: {
      subscriptionId: t.arg.id({
        description: 'The id of a subscription; if absent, the deliveries of the whole account are sent.',
      }),
    },
    subscribe: (_root, args, { deps, viewer, signal }) => subscribeToDeliveries(deps, viewer, args, signal),
    resolve: (delivery) => delivery,
  }),
);
