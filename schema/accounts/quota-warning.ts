import { type QuotaWarningEvent, subscribeToQuotaWarnings } from '../../src/streams/quota-stream.ts';
import { builder } from '../builder.ts';

/** The warning that an account has used a certain share of its monthly quota. */
export const QuotaWarningRef = builder.objectRef<QuotaWarningEvent>('QuotaWarning').implement({
  description:
    'A warning that the account has used 80 or 100 percent of its monthly quota. Sent once for each month and percentage.',
  fields: (t) => ({
    cursor: t.string({
      description: 'The signed position after this warning. Pass it as `after` to resume from here.',
      resolve: ({ cursor }) => cursor(),
    }),
    at: t.expose('at', { type: 'DateTime', description: 'The time when the percentage was reached.' }),
    month: t.exposeString('month', { description: 'The month in UTC, `YYYY-MM`.' }),
    percent: t.exposeInt('percent', { description: 'The percentage: 80, or 100 if no reply is left.' }),
    used: t.exposeInt('used', { description: 'The number of replies used at that time, unfinished ones included.' }),
    limit: t.exposeInt('limit', { description: 'The monthly quota at that time.' }),
  }),
});

builder.subscriptionField('quotaWarnings', (t) =>
  t.field({
    type: QuotaWarningRef,
    authScopes: { MANAGE: true },
    description:
      'Streams the quota warnings of the account. Error before the first event: `BAD_USER_INPUT`. Needs `MANAGE`.',
    args: {
      after: t.arg.string({
        description:
          'The `cursor` of the last received warning: the stream resumes after it. If absent, or if a restored backup has undone that warning, the stream starts with the warnings of this month.',
      }),
    },
    subscribe: (_root, args, { deps, viewer, signal }) => subscribeToQuotaWarnings(deps, viewer, args, signal),
    resolve: (warning) => warning,
  }),
);
