import { restrictChatbots } from '../../src/access/restriction.ts';
import { CHANNELS } from '../../src/domain/entities.ts';
import { parseId } from '../../src/domain/ids.ts';
import { toTimestamp } from '../../src/domain/time.ts';
import type { WebhookSchedule as WebhookScheduleName, WebhookSubscription } from '../../src/domain/webhooks.ts';
import { countWebhookSubscriptions, listWebhookSubscriptions } from '../../src/store/webhooks/subscriptions.ts';
import { FAILURE_STAGE_MS } from '../../src/webhooks/health.ts';
import { MAX_HEADERS } from '../../src/webhooks/rules.ts';
import { readHeaderNames } from '../../src/webhooks/sealed.ts';
import { builder, type FieldExtensions } from '../builder.ts';
import { ChatbotRef } from '../chatbots/chatbot.ts';
import { defineConnection, pageExtensions, paginate } from '../connection.ts';
import { Channel } from '../conversations/conversation.ts';
import { Node } from '../node.ts';
import { WebhookEventType } from './event.ts';

/** The retry schedule of failed deliveries. */
export const WebhookSchedule = builder.enumType('WebhookSchedule', {
  description: 'The delays between delivery attempts.',
  values: {
    SHORT: { description: 'The delays of `WEBHOOK_RETRY_SCHEDULE`: 1, 5 and 15 minutes by default.' },
    LONG: { description: 'Ten attempts over about three days, with increasing delays.' },
  } satisfies Record<WebhookScheduleName, object>,
});

/** A subscription. `delivery.ts` adds its deliveries. */
export const WebhookSubscriptionRef = builder.objectRef<WebhookSubscription>('WebhookSubscription').implement({
  description: 'A subscription of an HTTP endpoint to events.',
  interfaces: [Node],
  fields: (t) => ({
    chatbot: t.field({
      type: ChatbotRef,
      nullable: true,
      description: 'The chatbot whose events are sent; null for the events of all chatbots and of the account.',
      resolve: async ({ chatbotId }, _args, { loaders }) =>
        (chatbotId !== null && (await loaders.chatbot.load(chatbotId))) || null,
    }),
    url: t.exposeString('url', { description: 'The URL of the endpoint.' }),
    description: t.exposeString('description', { description: 'The description given by its creator; may be empty.' }),
    events: t.field({
      type: [WebhookEventType],
      description: 'The events that are sent, at least one.',
      extensions: { listSize: () => 14 } satisfies FieldExtensions,
      resolve: ({ events }) => [...events],
    }),
    channels: t.field({
      type: [Channel],
      nullable: true,
      description:
        'The channels of the conversations whose events are sent; null means all channels. Events without a conversation are always sent.',
      extensions: { listSize: () => CHANNELS.length } satisfies FieldExtensions,
      // A gateway of another version on the same database may have stored a channel that this one does not have.
      resolve: ({ channels }) => channels?.filter((channel) => CHANNELS.includes(channel)) ?? null,
    }),
    schedule: t.expose('schedule', { type: WebhookSchedule, description: 'The delays between delivery attempts.' }),
    document: t.exposeString('document', {
      nullable: true,
      description:
        'A GraphQL document of the schema of webhooks, `subscription { event { … } }`, whose result is the `data` of the bodies; null means the default bodies.',
    }),
    documentProblem: t.string({
      nullable: true,
      description:
        'The reason why `document` no longer fits the schema of webhooks, so that default bodies are sent; null while it fits, and without a document.',
      resolve: ({ document }, _args, { deps }) => (document !== null && deps.selections.findProblem(document)) || null,
    }),
    headerNames: t.field({
      type: ['String'],
      description: `The names of the custom headers, at most ${MAX_HEADERS}. Their values cannot be read again.`,
      extensions: { listSize: () => MAX_HEADERS } satisfies FieldExtensions,
      resolve: async ({ id }, _args, { deps, loaders }) => {
        const sealed = await loaders.sealedParts.load(id);
        return readHeaderNames(deps.sealer, id, sealed?.sealedHeaders ?? null);
      },
    }),
    isActive: t.exposeBoolean('isActive', {
      description: 'False while the subscription is disabled: nothing is sent.',
    }),
    disabledReason: t.exposeString('disabledReason', {
      nullable: true,
      description:
        'The reason why the gateway disabled the subscription; null while it is active, and if its owner disabled it.',
    }),
    failingSince: t.expose('failingSince', {
      type: 'DateTime',
      nullable: true,
      description: 'The time of the first failure since the last success; null if the last attempt succeeded.',
    }),
    willBeDisabledAt: t.field({
      type: 'DateTime',
      nullable: true,
      description:
        'The time when the gateway will disable the subscription unless a delivery succeeds; null until deliveries have failed for 60 hours.',
      resolve: ({ isActive, failingSince, warnedAt }) =>
        isActive && failingSince !== null && warnedAt !== null
          ? toTimestamp(Date.parse(warnedAt) + FAILURE_STAGE_MS)
          : null,
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'The time of creation.' }),
    updatedAt: t.expose('updatedAt', { type: 'DateTime', description: 'The time of the last change.' }),
  }),
});

const WebhookSubscriptionConnection = defineConnection(WebhookSubscriptionRef);

builder.queryFields((t) => ({
  webhookSubscription: t.field({
    type: WebhookSubscriptionRef,
    nullable: true,
    authScopes: { MANAGE: true },
    description: 'Finds a webhook subscription by its id; null if there is none. Needs `MANAGE`.',
    args: { id: t.arg.id({ required: true, description: 'The id of the subscription.' }) },
    resolve: async (_root, args, { loaders }) => {
      const id = parseId('webhookSubscription', args.id);
      return (id && (await loaders.webhookSubscription.load(id))) || null;
    },
  }),
  webhookSubscriptions: t.connection(
    {
      type: WebhookSubscriptionRef,
      allowsRestricted: true,
      authScopes: { MANAGE: true },
      description: 'The webhook subscriptions of the account, newest first. Needs `MANAGE`.',
      args: {
        chatbotId: t.arg.id({
          description: 'The id of a chatbot: only subscriptions to its events are returned, none for an unknown id.',
        }),
      },
      extensions: pageExtensions,
      resolve: (_root, { chatbotId, ...args }, { deps, viewer }) => {
        const chosen = chatbotId == null ? undefined : [parseId('chatbot', chatbotId) ?? 'none'];
        const filter = { chatbotIds: restrictChatbots(viewer, chosen) };
        return paginate(
          'webhookSubscription',
          args,
          (page) => listWebhookSubscriptions(deps.db.read, viewer.accountId, filter, page),
          () => countWebhookSubscriptions(deps.db.read, viewer.accountId, filter),
        );
      },
    },
    WebhookSubscriptionConnection,
  ),
}));
