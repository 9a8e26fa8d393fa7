import { type QuotaWarningEvent, subscribeToQuotaWarnings } from '../../src/streams/quota-stream.ts';
import { builder } from '../builder.ts';

/** An account has used a share of its month's quota. */
export const QuotaWarningRef = builder.objectRef<QuotaWarningEvent>('QuotaWarning').implement({
  description: 'The account has used a share of its replies of a month. Told once for each month and share.',
  fields: (t) => ({
    cursor: t.string({
      description:
        'The position after this warning, signed by the gateway. Give it back as `after` to go on from here.',
      resolve: ({ cursor }) => cursor(),
    }),
    at: t.expose('at', { type: 'DateTime', description: 'When the share was reached.' }),
    month: t.exposeString('month', { description: 'The month in UTC, `YYYY-MM`.' }),
    percent: t.exposeInt('percent', { description: 'The share in percent: 80, or 100 when there are none left.' }),
    used: t.exposeInt('used', { description: 'How many replies were used then, those under way included.' }),
    limit: t.exposeInt('limit', { description: 'How many the month allowed then.' }),
  }),
});

builder.subscriptionField('quotaWarnings', (t) =>
  t.field({
    type: QuotaWarningRef,
    authScopes: { MANAGE: true },
    description:
      "Follows the warnings of the account's quota, at 80 and at 100 percent. Stays open. Error before the first event: `BAD_USER_INPUT`. Needs `MANAGE`.",
    args: {
      after: t.arg.string({
        description:
          'The `cursor` of the last warning seen: only what follows is told. One that a restored backup has undone begins with the warnings of this month again. Absent: the warnings of this month, then what comes.',
      }),
    },
    subscribe: (_root, args, { deps, viewer, signal }) => subscribeToQuotaWarnings(deps, viewer, args, signal),
    resolve: (warning) => warning,
  }),
);
