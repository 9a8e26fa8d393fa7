import './scalars.ts';
import './errors.ts';
import './node.ts';
import './accounts/viewer.ts';
import './accounts/usage.ts';
import './accounts/inbox.ts';
import './accounts/quota-warning.ts';
import './accounts/api-key.ts';
import './chatbots/chatbot.ts';
import './accounts/operation-manifest.ts';
import './chatbots/key-chatbots.ts';
import './accounts/limits.ts';
import './messages/estimate.ts';
import './sources/source.ts';
import './sources/list.ts';
import './sources/search.ts';
import './conversations/conversation.ts';
import './conversations/attention.ts';
import './conversations/members.ts';
import './conversations/list.ts';
import './messages/generation.ts';
import './messages/message.ts';
import './messages/branch.ts';
import './messages/rating.ts';
import './messages/update.ts';
import './conversations/activity.ts';
import './conversations/handoff.ts';
import './conversations/update.ts';
import './chatbots/lead.ts';
import './chatbots/lead-list.ts';
import './visitors/visitor.ts';
import './visitors/block.ts';
import './visitors/session-token.ts';
import './visitors/identity.ts';
import './conversations/event.ts';
import './conversations/event-cursor.ts';
import './models/provider.ts';
import './webhooks/event.ts';
import './webhooks/payload.ts';
import './webhooks/subscription.ts';
import './webhooks/delivery.ts';
import './webhooks/delivery-list.ts';
import './webhooks/webhook.ts';
import './webhooks/sending.ts';
import './webhooks/dry-run.ts';
import { GraphQLSchema } from 'graphql';
import { builder } from './builder.ts';
import { hideOtherChatbots } from './restriction.ts';
import { acceptUnknownValues } from './unknown-values.ts';
import { createWebhookSchema, isWebhookType } from './webhooks/webhook-schema.ts';

const { types, ...config } = builder.toSchema().toConfig();
acceptUnknownValues(types);
hideOtherChatbots(types);

/** The GraphQL schema. Loading it needs neither a database nor a configuration. */
export const schema = new GraphQLSchema({
  ...config,
  types: types.filter((type) => !isWebhookType(type)),
  description:
    'The API of a ChatGraph gateway: chatbots with their sources, conversations, leads and webhooks. Descriptions state the scopes that a field needs.',
});

/** The schema of the documents of webhook subscriptions. */
export const webhookSchema = createWebhookSchema(types);
