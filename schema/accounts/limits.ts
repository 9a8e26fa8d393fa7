import { rateLimitOfKey } from '../../src/access/request-limits.ts';
import { MAX_PRICE_USD, setRateLimit } from '../../src/access/set-rate-limit.ts';
import { MAX_LIMIT } from '../../src/coordination/rate-limiter.ts';
import type { ApiKey, Chatbot } from '../../src/domain/entities.ts';
import { InvalidInputError, NotFoundError } from '../../src/domain/errors.ts';
import type { Limits } from '../../src/domain/limits.ts';
import { monthOf } from '../../src/domain/time.ts';
import { findBudgetUsage } from '../../src/store/limits/budgets.ts';
import { builder, CHANGES_RULE } from '../builder.ts';
import { ChatbotRef } from '../chatbots/chatbot.ts';
import { toUsd } from '../messages/generation.ts';
import { SETTINGS_SCOPES } from '../scopes.ts';
import { ApiKeyRef } from './api-key.ts';
import { RateLimitStatusRef } from './viewer.ts';

/** The limits of an API key or of the sessions of a chatbot, with the id of their owner. */
interface OwnedLimits {
  readonly ownerId: string;
  readonly limits: Limits;
}

const usdOrNull = (nano: number | undefined) => (nano === undefined ? null : toUsd(nano));

const MonthlyUsageRef = builder
  .objectRef<{ readonly messages: number; readonly tokens: number; readonly priceNano: number }>('BudgetUsage')
  .implement({
    description: 'The usage that counts against the budget of the current month, in UTC.',
    fields: (t) => ({
      messages: t.exposeInt('messages', { description: 'The number of replies, unfinished ones included.' }),
      tokens: t.field({
        type: 'BigInt',
        description: 'The tokens of prompts and of replies.',
        resolve: ({ tokens }) => BigInt(tokens),
      }),
      priceUsd: t.float({
        description: 'The price in US dollars of the replies with a known price.',
        resolve: ({ priceNano }) => toUsd(priceNano),
      }),
    }),
  });

const LimitsRef = builder.objectRef<OwnedLimits>('Limits').implement({
  description: 'The limits that `setRateLimit` has set.',
  fields: (t) => ({
    perMinute: t.int({
      nullable: true,
      description: 'The number of requests in any 60 seconds; null: `RATE_LIMIT_PER_MINUTE`.',
      resolve: ({ limits }) => limits.perMinute ?? null,
    }),
    perVisitorPerMinute: t.int({
      nullable: true,
      description: 'The number of messages of one visitor in any 60 seconds; null: the default.',
      resolve: ({ limits }) => limits.perVisitorPerMinute ?? null,
    }),
    monthlyMessages: t.int({
      nullable: true,
      description: 'The number of replies in a month in UTC; null: not limited.',
      resolve: ({ limits }) => limits.monthly?.messages ?? null,
    }),
    monthlyPriceUsd: t.float({
      nullable: true,
      description: 'The price in US dollars of the replies of a month; null: not limited.',
      resolve: ({ limits }) => usdOrNull(limits.monthly?.priceNano),
    }),
    visitorMonthlyMessages: t.int({
      nullable: true,
      description: 'The number of replies to one visitor in a month; null: not limited.',
      resolve: ({ limits }) => limits.visitorMonthly?.messages ?? null,
    }),
    visitorMonthlyTokens: t.int({
      nullable: true,
      description: 'The tokens of the replies to one visitor in a month; null: not limited.',
      resolve: ({ limits }) => limits.visitorMonthly?.tokens ?? null,
    }),
    visitorMonthlyPriceUsd: t.float({
      nullable: true,
      description: 'The price in US dollars of the replies to one visitor in a month; null: not limited.',
      resolve: ({ limits }) => usdOrNull(limits.visitorMonthly?.priceNano),
    }),
    used: t.field({
      type: MonthlyUsageRef,
      description: 'The usage of the current month.',
      resolve: ({ ownerId }, _args, { deps }) =>
        findBudgetUsage(deps.db.read, { ownerId, month: monthOf(deps.clock.now()) }),
    }),
  }),
});

builder.objectFields(ApiKeyRef, (t) => ({
  limits: t.field({
    type: LimitsRef,
    description: 'The limits of the key.',
    resolve: ({ id, limits }: ApiKey) => ({ ownerId: id, limits }),
  }),
  rateLimit: t.field({
    type: RateLimitStatusRef,
    description: 'The rate limit status of the key, without counting a request.',
    resolve: (key: ApiKey, _args, { deps }) => rateLimitOfKey(deps, key),
  }),
}));

builder.objectField(ChatbotRef, 'sessionLimits', (t) =>
  t.field({
    type: LimitsRef,
    authScopes: SETTINGS_SCOPES,
    description: 'The limits of the sessions of the chatbot. Needs `READ` or `MANAGE`.',
    resolve: ({ id, limits }: Chatbot) => ({ ownerId: id, limits }),
  }),
);

builder.relayMutationField(
  'setRateLimit',
  {
    description: `The limits of an API key or of the sessions of a chatbot; exactly one of \`apiKeyId\` and \`chatbotId\` is required. ${CHANGES_RULE}`,
    inputFields: (t) => ({
      apiKeyId: t.id({ required: false, description: 'The API key; null or absent with `chatbotId`.' }),
      chatbotId: t.id({
        required: false,
        description: 'The chatbot whose sessions are limited; null or absent with `apiKeyId`.',
      }),
      perMinute: t.int({
        required: false,
        description: `The number of requests in any 60 seconds, 1 to ${MAX_LIMIT}: of the key, or of all sessions of the chatbot together. Null: the default.`,
      }),
      perVisitorPerMinute: t.int({
        required: false,
        description: `The number of messages of one visitor in any 60 seconds, 1 to ${MAX_LIMIT}. Null: the default.`,
      }),
      monthlyMessages: t.int({
        required: false,
        description: 'The number of replies in a month in UTC; 0 allows none. Null: not limited.',
      }),
      monthlyPriceUsd: t.float({
        required: false,
        description: `The price in US dollars of the replies of a month, at most ${MAX_PRICE_USD}. A message is refused when the replies that have ended have reached it. Null: not limited.`,
      }),
      visitorMonthlyMessages: t.int({
        required: false,
        description: 'The number of replies to one visitor in a month, only with `chatbotId`. Null: not limited.',
      }),
      visitorMonthlyTokens: t.int({
        required: false,
        description: 'The tokens of the replies to one visitor in a month, only with `chatbotId`. Null: not limited.',
      }),
      visitorMonthlyPriceUsd: t.float({
        required: false,
        description:
          'The price in US dollars of the replies to one visitor in a month, only with `chatbotId`. Null: not limited.',
      }),
    }),
  },
  {
    description:
      'Limits what an API key, or the sessions of a chatbot, may do. In force on all gateways within 2 seconds. A credential that is restricted to chatbots cannot set limits. Needs `MANAGE`.',
    authScopes: { MANAGE: true },
    errors: { types: [InvalidInputError, NotFoundError] },
    resolve: (_root, { input }, { deps, viewer }) => setRateLimit(deps, viewer, input),
  },
  {
    description: 'The API key or the chatbot with its limits.',
    outputFields: (t) => ({
      apiKey: t.expose('apiKey', { type: ApiKeyRef, nullable: true, description: 'The API key; null for a chatbot.' }),
      chatbot: t.expose('chatbot', {
        type: ChatbotRef,
        nullable: true,
        description: 'The chatbot; null for an API key.',
      }),
    }),
  },
);
