import { InvalidInputError, NotFoundError } from '../../src/domain/errors.ts';
import { MAX_HEADERS } from '../../src/webhooks/rules.ts';
import {
  createWebhookSubscription,
  deleteWebhookSubscription,
  MAX_SUBSCRIPTIONS,
  rotateWebhookSecret,
  updateWebhookSubscription,
} from '../../src/webhooks/subscriptions.ts';
import { builder } from '../builder.ts';
import { Channel } from '../conversations/conversation.ts';
import { WebhookEvent } from './event.ts';
import { WebhookSchedule, WebhookSubscriptionRef } from './subscription.ts';

const WebhookHeaderInput = builder.inputType('WebhookHeaderInput', {
  description: 'A header of your own, sent with every request to the endpoint.',
  fields: (t) => ({
    name: t.string({
      required: true,
      description: 'Its name, 1 to 128 characters; none that HTTP or the gateway sets, such as `Host` or `webhook-id`.',
    }),
    value: t.string({
      required: true,
      description: 'Its value, 1 to 1,000 printable ASCII characters. Nobody can read it again.',
    }),
  }),
});

const texts = {
  url: 'Where the endpoint is: public, http or https, on port 80, 443, 8080 or 8443; at most 2,048 characters.',
  events:
    'What it is told of: one event at least, each once. Needs `READ` beside `MANAGE`, as does `url`, but for `QUOTA_WARNING` and `WEBHOOK_DISABLED`.',
  description: 'What it is for, in your own words; at most 255 characters.',
  channels: 'Only conversations that came in these ways; empty: whatever the way.',
  schedule: 'When what failed is tried again; `SHORT` unless given.',
  document:
    'What its bodies are to say: a GraphQL document, `subscription { event { … } }`, whose result stands in `data`. At most 10,000 characters, within the limits of any operation; it reads with `READ` alone. Whoever saves it needs the scopes of what it reads: else `FORBIDDEN`. Where it fails for an event, the default body is sent.',
  headers: `Headers of your own, at most ${MAX_HEADERS}.`,
};
const one = { required: true, description: 'Its id.' } as const;

builder.relayMutationField(
  'createWebhookSubscription',
  {
    description: 'What to subscribe.',
    inputFields: (t) => ({
      chatbotId: t.id({ description: 'Whose events; absent: those of all chatbots, and what belongs to none.' }),
      url: t.string({ required: true, description: texts.url }),
      events: t.field({ type: [WebhookEvent], required: true, description: texts.events }),
      description: t.string({ description: texts.description }),
      channels: t.field({ type: [Channel], required: false, description: texts.channels }),
      schedule: t.field({ type: WebhookSchedule, required: false, description: texts.schedule }),
      document: t.string({ description: `${texts.document} Absent: the default bodies.` }),
      headers: t.field({ type: [WebhookHeaderInput], required: false, description: texts.headers }),
    }),
  },
  {
    description: `Subscribes an endpoint to events from now on. At most ${MAX_SUBSCRIPTIONS} for an account. Needs \`MANAGE\`.`,
    authScopes: { MANAGE: true },
    errors: { types: [NotFoundError, InvalidInputError] },
    resolve: (_root, { input }, { deps, viewer }) => createWebhookSubscription(deps, viewer, input),
  },
  {
    description: 'The new subscription.',
    outputFields: (t) => ({
      webhookSubscription: t.expose('subscription', {
        type: WebhookSubscriptionRef,
        description: 'The subscription, as it will be listed.',
      }),
      secret: t.exposeString('secret', {
        description: 'What its requests are signed with, `whsec_…`. Keep it now: it is never shown again.',
      }),
    }),
  },
);

builder.relayMutationField(
  'updateWebhookSubscription',
  {
    description: 'What to change; what is absent or null stays as it is, but for `document`.',
    inputFields: (t) => ({
      id: t.id(one),
      url: t.string({ description: texts.url }),
      events: t.field({ type: [WebhookEvent], required: false, description: texts.events }),
      description: t.string({ description: texts.description }),
      channels: t.field({ type: [Channel], required: false, description: texts.channels }),
      schedule: t.field({ type: WebhookSchedule, required: false, description: 'When what failed is tried again.' }),
      document: t.string({ description: `${texts.document} Null removes it.` }),
      headers: t.field({
        type: [WebhookHeaderInput],
        required: false,
        description: `${texts.headers} They take the place of all that it had; empty: none.`,
      }),
      isActive: t.boolean({
        description:
          'Whether it is told anything. Switched on again, it has no `disabledReason` and no `failingSince`.',
      }),
    }),
  },
  {
    description: 'Changes a webhook subscription. Needs `MANAGE`.',
    authScopes: { MANAGE: true },
    errors: { types: [NotFoundError, InvalidInputError] },
    resolve: async (_root, { input }, { deps, viewer }) => ({
      subscription: await updateWebhookSubscription(deps, viewer, input),
    }),
  },
  {
    description: 'What was changed.',
    outputFields: (t) => ({
      webhookSubscription: t.expose('subscription', {
        type: WebhookSubscriptionRef,
        description: 'The subscription as it is now.',
      }),
    }),
  },
);

builder.relayMutationField(
  'deleteWebhookSubscription',
  { description: 'What to delete.', inputFields: (t) => ({ id: t.id(one) }) },
  {
    description:
      'Deletes a webhook subscription with the log of its deliveries; what was due is not sent. Needs `MANAGE`.',
    authScopes: { MANAGE: true },
    errors: { types: [NotFoundError] },
    resolve: (_root, { input }, { deps, viewer }) => deleteWebhookSubscription(deps, viewer, input),
  },
  {
    description: 'What was deleted.',
    outputFields: (t) => ({ deletedId: t.exposeID('deletedId', { description: 'The id that it had.' }) }),
  },
);

builder.relayMutationField(
  'rotateWebhookSecret',
  { description: 'Whose secret to replace.', inputFields: (t) => ({ id: t.id(one) }) },
  {
    description:
      'Gives a webhook subscription a new secret. For 24 hours its requests are signed with the one before it, too. Needs `MANAGE`.',
    authScopes: { MANAGE: true },
    errors: { types: [NotFoundError, InvalidInputError] },
    resolve: (_root, { input }, { deps, viewer }) => rotateWebhookSecret(deps, viewer, input),
  },
  {
    description: 'The new secret.',
    outputFields: (t) => ({
      webhookSubscription: t.expose('subscription', { type: WebhookSubscriptionRef, description: 'The subscription.' }),
      secret: t.exposeString('secret', {
        description: 'What its requests are signed with from now on. Keep it now: it is never shown again.',
      }),
      oldSecretUntil: t.expose('oldSecretUntil', {
        type: 'DateTime',
        nullable: true,
        description:
          'Until when they are signed with the one before it, too; null where that cannot be read any more, as `SECRET_KEY` was lost: then the headers are gone as well.',
      }),
    }),
  },
);
