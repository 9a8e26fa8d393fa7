import { requireFound } from '../../src/domain/errors.ts';
import type {
  DeliveryStatus as DeliveryStatusName,
  WebhookAttempt,
  WebhookDelivery,
} from '../../src/domain/webhooks.ts';
import { listWebhookDeliveries } from '../../src/store/webhooks/deliveries.ts';
import { subscribeToDeliveries } from '../../src/webhooks/delivery-stream.ts';
import { signAgain } from '../../src/webhooks/headers.ts';
import { builder, type FieldExtensions } from '../builder.ts';
import { pageExtensions, paginate } from '../connection.ts';
import { Node } from '../node.ts';
import { WebhookEvent } from './event.ts';
import { WebhookSubscriptionRef } from './subscription.ts';

/** As many as are shown of a delivery: more than any schedule makes. */
const MAX_ATTEMPTS = 20;

const DeliveryStatus = builder.enumType('DeliveryStatus', {
  description: 'How a delivery stands.',
  values: {
    PENDING: { description: 'Not tried yet, or not since it was asked for again.' },
    DELIVERED: { description: 'The endpoint has answered with a status from 200 to 299.' },
    FAILED: { description: 'The last attempt has failed, and another is due.' },
    EXHAUSTED: { description: 'The last attempt has failed, and none is left.' },
  } satisfies Record<DeliveryStatusName, object>,
});

const WebhookAttemptRef = builder.objectRef<WebhookAttempt>('WebhookAttempt').implement({
  description: 'One HTTP request for a delivery.',
  fields: (t) => ({
    number: t.exposeInt('number', { description: 'Its place among the attempts, from 1.' }),
    at: t.expose('at', { type: 'DateTime', description: 'When it was made.' }),
    durationMs: t.exposeInt('durationMs', { description: 'How many milliseconds it took.' }),
    statusCode: t.exposeInt('statusCode', {
      nullable: true,
      description: 'The HTTP status of the answer; null where none came.',
    }),
    error: t.exposeString('error', { nullable: true, description: 'Why it failed; null when it succeeded.' }),
    response: t.exposeString('response', {
      authScopes: { READ: true },
      description:
        'The first kilobyte of the answer, which may repeat what it was sent; may be empty. Needs `READ` beside `MANAGE`.',
    }),
  }),
});

/** A delivery. */
export const WebhookDeliveryRef = builder.objectRef<WebhookDelivery>('WebhookDelivery').implement({
  description: 'One event to one endpoint, and what became of it.',
  interfaces: [Node],
  fields: (t) => ({
    subscription: t.field({
      type: WebhookSubscriptionRef,
      description: 'Whom it is for.',
      resolve: async ({ subscriptionId }, _args, { loaders }) =>
        requireFound('Webhook subscription', await loaders.webhookSubscription.load(subscriptionId)),
    }),
    event: t.expose('name', { type: WebhookEvent, description: 'What it tells of.' }),
    eventId: t.exposeID('eventId', {
      description: 'The id of the event, the header `webhook-id`: the same in every attempt and when it is replayed.',
    }),
    occurredAt: t.field({
      type: 'DateTime',
      description: 'When the event happened.',
      resolve: async ({ eventId }, _args, { loaders }) =>
        requireFound('Webhook event', await loaders.webhookEvent.load(eventId)).at,
    }),
    status: t.expose('status', { type: DeliveryStatus, description: 'How it stands.' }),
    payload: t.exposeString('body', {
      nullable: true,
      authScopes: { READ: true },
      description:
        'The body as it is sent, the same each time; null until it is made, before the first attempt. Needs `READ` beside `MANAGE`.',
    }),
    headers: t.field({
      type: 'JSON',
      nullable: true,
      description:
        'What `payload` would be sent with if it were sent now, as an object of names and values: signed at this moment, and without the custom headers of the subscription. Null while there is no payload, and where the secret cannot be read.',
      resolve: async (delivery, _args, { deps, loaders }) =>
        signAgain(deps, delivery, await loaders.sealedParts.load(delivery.subscriptionId)),
    }),
    payloadProblem: t.exposeString('bodyProblem', {
      nullable: true,
      description:
        'Why `payload` is the default body although the subscription has a `document`; null where it is not.',
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was made.' }),
    nextAttemptAt: t.expose('nextAttemptAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it is tried next; null when it is not.',
    }),
    attemptCount: t.exposeInt('attemptCount', { description: 'How often it was tried.' }),
    attempts: t.field({
      type: [WebhookAttemptRef],
      description: `Its attempts, oldest first; the last ${MAX_ATTEMPTS} where there are more.`,
      extensions: { listSize: () => MAX_ATTEMPTS } satisfies FieldExtensions,
      resolve: async ({ id }, _args, { loaders }) => (await loaders.webhookAttempts.load(id)).slice(-MAX_ATTEMPTS),
    }),
  }),
});

builder.objectField(WebhookSubscriptionRef, 'deliveries', (t) =>
  t.connection(
    {
      type: WebhookDeliveryRef,
      description: 'What it was told, newest first, for as long as `EVENT_RETENTION_DAYS` says.',
      args: { status: t.arg({ type: DeliveryStatus, description: 'Only deliveries that stand so.' }) },
      extensions: pageExtensions,
      resolve: (subscription, { status, ...args }, { deps, viewer }) => {
        const of = { subscriptionId: subscription.id, status: status ?? undefined };
        return paginate('webhookDelivery', args, (page) =>
          listWebhookDeliveries(deps.db.read, viewer.accountId, of, page),
        );
      },
    },
    { name: 'WebhookSubscriptionDeliveriesConnection', description: "A page of a subscription's deliveries." },
    { name: 'WebhookSubscriptionDeliveriesConnectionEdge', description: 'A delivery and its place in the list.' },
  ),
);

builder.subscriptionField('webhookDeliveries', (t) =>
  t.field({
    type: WebhookDeliveryRef,
    authScopes: { MANAGE: true },
    description:
      'Follows deliveries: tells one when it was made and whenever it was tried, as it stands then; several changes may be told as one. Stays open until the subscription is deleted. What is missed stands in `WebhookSubscription.deliveries`. Error before the first event: `NOT_FOUND`. Needs `MANAGE`.',
    args: {
      subscriptionId: t.arg.id({ description: 'Only those of this subscription; absent: all of the account.' }),
    },
    subscribe: (_root, args, { deps, viewer, signal }) => subscribeToDeliveries(deps, viewer, args, signal),
    resolve: (delivery) => delivery,
  }),
);
