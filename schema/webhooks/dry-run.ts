import type { WebhookBody } from '../../src/webhooks/body.ts';
import { dryRunWebhook } from '../../src/webhooks/dry-run.ts';
import { builder, type FieldExtensions } from '../builder.ts';
import { WebhookEvent } from './event.ts';

const WebhookDryRunRef = builder.objectRef<WebhookBody>('WebhookDryRun').implement({
  description: 'A body as an endpoint would be sent it.',
  fields: (t) => ({
    payload: t.exposeString('body', { description: 'The body, JSON.' }),
    payloadProblem: t.exposeString('problem', {
      nullable: true,
      description: 'Why it is the default body although there is a document; null where it is not.',
    }),
  }),
});

builder.queryField('dryRunWebhook', (t) =>
  t.field({
    type: WebhookDryRunRef,
    nullable: true,
    authScopes: { MANAGE: true },
    description:
      'Shows the body that a document makes of an event; nothing is sent. Null when there is no such event. `BAD_USER_INPUT` for a document that could not be saved. Needs `MANAGE`, the scopes of what the document reads, and `READ` for an event that has happened.',
    args: {
      document: t.arg.string({ description: 'What a subscription would have as its `document`; absent: none.' }),
      eventId: t.arg.id({ description: 'An event that somebody was told of. Give either this or `sample`.' }),
      sample: t.arg({
        type: WebhookEvent,
        description: 'An example of such an event, which is about nothing that exists. Give either this or `eventId`.',
      }),
    },
    extensions: { executes: ({ document }) => document } satisfies FieldExtensions,
    resolve: async (_root, args, { deps, viewer }) => (await dryRunWebhook(deps, viewer, args)) ?? null,
  }),
);
