import type { WebhookBody } from '../../src/webhooks/body.ts';
import { dryRunWebhook } from '../../src/webhooks/dry-run.ts';
import { builder, type FieldExtensions } from '../builder.ts';
import { WebhookEventType } from './event.ts';

const WebhookDryRunRef = builder.objectRef<WebhookBody>('WebhookDryRun').implement({
  description: 'The webhook body that an endpoint would receive.',
  fields: (t) => ({
    payload: t.exposeString('body', { description: 'The body, as JSON.' }),
    payloadProblem: t.exposeString('problem', {
      nullable: true,
      description: 'The reason why `payload` is the default body although a document was given; null otherwise.',
    }),
  }),
});

builder.queryField('dryRunWebhook', (t) =>
  t.field({
    type: WebhookDryRunRef,
    nullable: true,
    allowsRestricted: true,
    authScopes: { MANAGE: true },
    description:
      'Builds the body of an event without sending it. Null if there is no such event. A document that a webhook subscription would reject gets `BAD_USER_INPUT`. Needs `MANAGE`, the scopes of the fields that the document selects, and `READ` for an `eventId`.',
    args: {
      document: t.arg.string({
        description:
          'A document as a subscription has it, of the schema of webhooks; if absent, the default body is built.',
      }),
      eventId: t.arg.id({
        description: 'The id of a recorded event. Exactly one of `eventId` and `sample` is required.',
      }),
      sample: t.arg({
        type: WebhookEventType,
        description:
          'The type of a sample event, in which all objects, such as `conversation`, are null. Exactly one of `eventId` and `sample` is required.',
      }),
    },
    argumentScopes: ({ eventId }) => (eventId == null ? undefined : { READ: true }),
    extensions: { executedDocument: ({ document }) => document } satisfies FieldExtensions,
    resolve: async (_root, args, { deps, viewer }) => (await dryRunWebhook(deps, viewer, args)) ?? null,
  }),
);
