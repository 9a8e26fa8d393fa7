import { parseId } from '../../src/domain/ids.ts';
import { toTimestamp } from '../../src/domain/time.ts';
import type { WebhookSchedule as WebhookScheduleName, WebhookSubscription } from '../../src/domain/webhooks.ts';
import { listWebhookSubscriptions } from '../../src/store/webhooks/subscriptions.ts';
import { FAILURE_STAGE_MS } from '../../src/webhooks/health.ts';
import { MAX_HEADERS } from '../../src/webhooks/rules.ts';
import { readHeaderNames } from '../../src/webhooks/sealed.ts';
import { builder, type FieldExtensions } from '../builder.ts';
import { ChatbotRef } from '../chatbots/chatbot.ts';
import { pageExtensions, paginate } from '../connection.ts';
import { Channel } from '../conversations/conversation.ts';
import { Node } from '../node.ts';
import { WebhookEvent } from './event.ts';

/** When what failed is tried again. */
export const WebhookSchedule = builder.enumType('WebhookSchedule', {
  description: 'When what failed is tried again.',
  values: {
    SHORT: { description: 'As `WEBHOOK_RETRY_SCHEDULE` says; as a rule after 1, 5 and 15 minutes.' },
    LONG: { description: 'Ten attempts over some three days, in ever longer pauses.' },
  } satisfies Record<WebhookScheduleName, object>,
});

/** A subscription. Its deliveries are added by their own file. */
export const WebhookSubscriptionRef = builder.objectRef<WebhookSubscription>('WebhookSubscription').implement({
  description: 'An endpoint of yours, and what it is told.',
  interfaces: [Node],
  fields: (t) => ({
    chatbot: t.field({
      type: ChatbotRef,
      nullable: true,
      description: 'Whose events it is told; null for those of all chatbots, and for what belongs to none.',
      resolve: async ({ chatbotId }, _args, { loaders }) =>
        (chatbotId !== null && (await loaders.chatbot.load(chatbotId))) || null,
    }),
    url: t.exposeString('url', { description: 'Where it is.' }),
    description: t.exposeString('description', { description: 'What it is for, in the words of its owner.' }),
    events: t.field({
      type: [WebhookEvent],
      description: 'What it is told of, one event at least.',
      extensions: { listSize: () => 14 } satisfies FieldExtensions,
      resolve: ({ events }) => [...events],
    }),
    channels: t.field({
      type: [Channel],
      nullable: true,
      description:
        'It is told only of conversations that came in these ways; null: whatever the way. What belongs to no conversation is told always.',
      extensions: { listSize: () => 4 } satisfies FieldExtensions,
      resolve: ({ channels }) => channels && [...channels],
    }),
    schedule: t.expose('schedule', { type: WebhookSchedule, description: 'When what failed is tried again.' }),
    document: t.exposeString('document', {
      nullable: true,
      description:
        'What its bodies say: a GraphQL document, `subscription { event { … } }`, whose result stands in `data`; null: the default bodies.',
    }),
    headerNames: t.field({
      type: ['String'],
      description: `The names of its custom headers, at most ${MAX_HEADERS}. Nobody can read their values again.`,
      extensions: { listSize: () => MAX_HEADERS } satisfies FieldExtensions,
      resolve: async ({ id }, _args, { deps, loaders }) => {
        const sealed = await loaders.sealedParts.load(id);
        return readHeaderNames(deps.sealer, id, sealed?.sealedHeaders ?? null);
      },
    }),
    isActive: t.exposeBoolean('isActive', { description: 'Whether it is told anything.' }),
    disabledReason: t.exposeString('disabledReason', {
      nullable: true,
      description: 'Why the gateway has switched it off; null while it is active, and where its owner did.',
    }),
    failingSince: t.expose('failingSince', {
      type: 'DateTime',
      nullable: true,
      description: 'Since when nothing was delivered although it was tried; null when the last attempt succeeded.',
    }),
    willBeDisabledAt: t.field({
      type: 'DateTime',
      nullable: true,
      description:
        'When it will be switched off unless something is delivered before: told from 60 hours of failing on; null while there is no need.',
      resolve: ({ isActive, failingSince, warnedAt }) =>
        isActive && failingSince !== null && warnedAt !== null
          ? toTimestamp(Date.parse(warnedAt) + FAILURE_STAGE_MS)
          : null,
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was made.' }),
    updatedAt: t.expose('updatedAt', { type: 'DateTime', description: 'When it was last changed.' }),
  }),
});

builder.queryFields((t) => ({
  webhookSubscription: t.field({
    type: WebhookSubscriptionRef,
    nullable: true,
    authScopes: { MANAGE: true },
    description: 'One webhook subscription; null when there is none. Needs `MANAGE`.',
    args: { id: t.arg.id({ required: true, description: 'Its id.' }) },
    resolve: async (_root, args, { loaders }) => {
      const id = parseId('webhookSubscription', args.id);
      return (id && (await loaders.webhookSubscription.load(id))) || null;
    },
  }),
  webhookSubscriptions: t.connection(
    {
      type: WebhookSubscriptionRef,
      authScopes: { MANAGE: true },
      description: "The account's webhook subscriptions, newest first. Needs `MANAGE`.",
      args: {
        chatbotId: t.arg.id({
          description: 'Only those of this chatbot alone; an id that names nothing has none.',
        }),
      },
      extensions: pageExtensions,
      resolve: (_root, { chatbotId, ...args }, { deps, viewer }) => {
        const of = chatbotId == null ? {} : { chatbotId: parseId('chatbot', chatbotId) ?? 'none' };
        return paginate('webhookSubscription', args, (page) =>
          listWebhookSubscriptions(deps.db.read, viewer.accountId, of, page),
        );
      },
    },
    { name: 'WebhookSubscriptionConnection', description: 'A page of webhook subscriptions.' },
    { name: 'WebhookSubscriptionEdge', description: 'A webhook subscription and its place in the list.' },
  ),
}));
