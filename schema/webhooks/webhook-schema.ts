import {
  GraphQLBoolean,
  type GraphQLNamedType,
  GraphQLNonNull,
  GraphQLObjectType,
  GraphQLSchema,
  isInterfaceType,
  isObjectType,
} from 'graphql';

const PAYLOAD_NAME = 'WebhookPayload';

/** Whether a type is only for webhook documents: the payload, or one of the types that implement it. */
export function isWebhookType(type: GraphQLNamedType): boolean {
  return (
    type.name === PAYLOAD_NAME || (isObjectType(type) && type.getInterfaces().some(({ name }) => name === PAYLOAD_NAME))
  );
}

/**
 * Creates the schema of webhook documents. It shares the types of chatbots, conversations, messages, leads and sources
 * with the public schema; only its roots and the webhook types are its own. The root value of an execution is the event.
 * @param types the types of the builder, webhook types included.
 */
export function createWebhookSchema(types: readonly GraphQLNamedType[]): GraphQLSchema {
  const webhookTypes = types.filter(isWebhookType);
  const payload = webhookTypes.find(isInterfaceType);
  if (payload === undefined) throw new Error(`The builder has no ${PAYLOAD_NAME}.`);
  return new GraphQLSchema({
    description:
      'The schema of webhook documents, which select the `data` of webhook bodies. A document is one subscription of `event`, and runs with the scope `READ`.',
    query: new GraphQLObjectType({
      name: 'Query',
      description: 'Not for documents: GraphQL requires a query type.',
      fields: { unused: { type: GraphQLBoolean, description: 'Always null.' } },
    }),
    subscription: new GraphQLObjectType({
      name: 'Subscription',
      description: 'The root of every document.',
      fields: {
        event: {
          type: new GraphQLNonNull(payload),
          description: 'The event to send. The type of the event has its objects.',
          resolve: (event) => event,
        },
      },
    }),
    types: webhookTypes,
  });
}
