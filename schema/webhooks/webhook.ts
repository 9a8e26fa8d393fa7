import { InvalidInputError, NotFoundError } from '../../src/domain/errors.ts';
import { MAX_HEADERS } from '../../src/webhooks/rules.ts';
import {
  createWebhookSubscription,
  deleteWebhookSubscription,
  MAX_SUBSCRIPTIONS,
  rotateWebhookSecret,
  updateWebhookSubscription,
} from '../../src/webhooks/subscriptions.ts';
import { builder, CHANGES_RULE, type FieldExtensions } from '../builder.ts';
import { Channel } from '../conversations/conversation.ts';
import { WebhookEventType } from './event.ts';
import { WebhookSchedule, WebhookSubscriptionRef } from './subscription.ts';

const WebhookHeaderInput = builder.inputType('WebhookHeaderInput', {
  description: 'A custom header, sent with every request to the endpoint.',
  fields: (t) => ({
    name: t.string({
      required: true,
      description:
        'The name, 1 to 128 characters; not a header that HTTP or the gateway sets, such as `Host` or `webhook-id`.',
    }),
    value: t.string({
      required: true,
      description: 'The value, 1 to 1,000 printable ASCII characters. It cannot be read again.',
    }),
  }),
});

const descriptions = {
  url: 'The URL of the endpoint: a public http or https address on port 80, 443, 8080 or 8443; at most 2,048 characters.',
  events:
    'The events to send: at least one, each once. This field and `url` need `READ` too, unless all events are `QUOTA_WARNING` or `WEBHOOK_DISABLED`.',
  description: 'A description for people; at most 255 characters.',
  channels: 'The channels of the conversations whose events are sent; an empty list means all channels.',
  schedule: 'The delays between delivery attempts; SHORT by default.',
  document:
    'A GraphQL document of the schema of webhooks, served at `/graphql/webhooks.graphql`: `subscription { event { … } }`, whose result is the `data` of the bodies. At most 10,000 characters, and within the limits that apply to every operation. The document runs with the scope `READ`. The credential that saves the document needs the scopes of the fields that the document selects, else `FORBIDDEN`. If the document fails for an event, the default body is sent.',
  headers: `Custom headers, at most ${MAX_HEADERS}.`,
};
const storedDocument = ({ input }: Readonly<Record<string, unknown>>) => (input as { document?: unknown }).document;
const subscriptionId = { required: true, description: 'The id of the subscription.' } as const;

builder.relayMutationField(
  'createWebhookSubscription',
  {
    description: 'The fields of a new webhook subscription.',
    inputFields: (t) => ({
      chatbotId: t.id({
        description:
          'The id of the chatbot whose events are sent; if absent, the events of all chatbots and of the account.',
      }),
      url: t.string({ required: true, description: descriptions.url }),
      events: t.field({ type: [WebhookEventType], required: true, description: descriptions.events }),
      description: t.string({ description: descriptions.description }),
      channels: t.field({ type: [Channel], required: false, description: descriptions.channels }),
      schedule: t.field({ type: WebhookSchedule, required: false, description: descriptions.schedule }),
      document: t.string({ description: `${descriptions.document} If absent, default bodies are sent.` }),
      headers: t.field({ type: [WebhookHeaderInput], required: false, description: descriptions.headers }),
    }),
  },
  {
    description: `Subscribes an endpoint to future events. An account has at most ${MAX_SUBSCRIPTIONS} subscriptions. Needs \`MANAGE\`.`,
    allowsRestricted: true,
    authScopes: { MANAGE: true },
    extensions: { storedDocument } satisfies FieldExtensions,
    errors: { types: [NotFoundError, InvalidInputError] },
    resolve: (_root, { input }, { deps, viewer }) => createWebhookSubscription(deps, viewer, input),
  },
  {
    description: 'The new subscription with its secret.',
    outputFields: (t) => ({
      webhookSubscription: t.expose('subscription', {
        type: WebhookSubscriptionRef,
        description: 'The new subscription.',
      }),
      secret: t.exposeString('secret', {
        description: 'The secret that signs its requests, `whsec_…`. It is never shown again.',
      }),
    }),
  },
);

builder.relayMutationField(
  'updateWebhookSubscription',
  {
    description: `The changes to a webhook subscription. ${CHANGES_RULE}`,
    inputFields: (t) => ({
      id: t.id(subscriptionId),
      url: t.string({ description: `${descriptions.url} Must not be null.` }),
      events: t.field({
        type: [WebhookEventType],
        required: false,
        description: `${descriptions.events} Must not be null.`,
      }),
      description: t.string({ description: `${descriptions.description} Null removes it.` }),
      channels: t.field({ type: [Channel], required: false, description: `${descriptions.channels} So does null.` }),
      schedule: t.field({
        type: WebhookSchedule,
        required: false,
        description: 'The delays between delivery attempts; null resets them to SHORT.',
      }),
      document: t.string({ description: `${descriptions.document} Null removes it.` }),
      headers: t.field({
        type: [WebhookHeaderInput],
        required: false,
        description: `${descriptions.headers} They replace all custom headers; an empty list or null removes them.`,
      }),
      isActive: t.boolean({
        description:
          'False disables the subscription. True enables it and clears `disabledReason` and `failingSince`. Must not be null.',
      }),
    }),
  },
  {
    description: 'Updates a webhook subscription. Needs `MANAGE`.',
    authScopes: { MANAGE: true },
    extensions: { storedDocument } satisfies FieldExtensions,
    errors: { types: [NotFoundError, InvalidInputError] },
    resolve: async (_root, { input }, { deps, viewer }) => ({
      subscription: await updateWebhookSubscription(deps, viewer, input),
    }),
  },
  {
    description: 'The updated subscription.',
    outputFields: (t) => ({
      webhookSubscription: t.expose('subscription', {
        type: WebhookSubscriptionRef,
        description: 'The subscription after the change.',
      }),
    }),
  },
);

builder.relayMutationField(
  'deleteWebhookSubscription',
  { description: 'The subscription to delete.', inputFields: (t) => ({ id: t.id(subscriptionId) }) },
  {
    description: 'Deletes a webhook subscription with its deliveries, pending ones included. Needs `MANAGE`.',
    authScopes: { MANAGE: true },
    errors: { types: [NotFoundError] },
    resolve: (_root, { input }, { deps, viewer }) => deleteWebhookSubscription(deps, viewer, input),
  },
  {
    description: 'The deleted subscription.',
    outputFields: (t) => ({
      deletedId: t.exposeID('deletedId', { description: 'The id of the deleted subscription.' }),
    }),
  },
);

builder.relayMutationField(
  'rotateWebhookSecret',
  { description: 'The subscription whose secret to replace.', inputFields: (t) => ({ id: t.id(subscriptionId) }) },
  {
    description:
      'Replaces the secret of a webhook subscription. For 24 hours, requests are signed with the old secret too. Needs `MANAGE`.',
    authScopes: { MANAGE: true },
    errors: { types: [NotFoundError, InvalidInputError] },
    resolve: (_root, { input }, { deps, viewer }) => rotateWebhookSecret(deps, viewer, input),
  },
  {
    description: 'The subscription with its new secret.',
    outputFields: (t) => ({
      webhookSubscription: t.expose('subscription', {
        type: WebhookSubscriptionRef,
        description: 'The updated subscription.',
      }),
      secret: t.exposeString('secret', {
        description: 'The new secret. It is never shown again.',
      }),
      oldSecretUntil: t.expose('oldSecretUntil', {
        type: 'DateTime',
        nullable: true,
        description:
          'The time until which requests are signed with the old secret too; null if the old secret cannot be decrypted because `SECRET_KEY` was lost. The custom headers are then lost too.',
      }),
    }),
  },
);
