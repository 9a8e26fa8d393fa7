import { restrictChatbots, seesApiKey } from '../../src/access/restriction.ts';
import { WARNING_PERCENTAGES } from '../../src/conversations/quota.ts';
import type { Account } from '../../src/domain/entities.ts';
import { BadUserInputError } from '../../src/domain/errors.ts';
import { type IdKind, parseId } from '../../src/domain/ids.ts';
import { monthOf } from '../../src/domain/time.ts';
import type { UsageCounts } from '../../src/domain/usage.ts';
import { MAX_PERIOD_DAYS, periodOfDays, periodOfMonth, type UsagePeriod } from '../../src/domain/usage-period.ts';
import { countReservedReplies } from '../../src/store/usage.ts';
import {
  listUsageDays,
  listUsageShares,
  sumUsage,
  type UsageColumn,
  type UsageFilter,
  type UsageShare,
} from '../../src/store/usage-sums.ts';
import { listWarningEvents } from '../../src/streams/quota-stream.ts';
import { builder, type FieldExtensions } from '../builder.ts';
import { ChatbotRef } from '../chatbots/chatbot.ts';
import type { GraphContext } from '../context.ts';
import { toUsd } from '../messages/generation.ts';
import { ApiKeyRef } from './api-key.ts';
import { QuotaWarningRef } from './quota-warning.ts';
import { AccountRef } from './viewer.ts';

/** The usage in a period by the replies that match `filter`. Resolvers read its days, shares and warnings on demand. */
interface Usage extends UsageCounts {
  readonly id: string;
  readonly accountId: string;
  readonly filter: UsageFilter;
  /** The number of replies that count against the quota; null if `filter` selects less than a month of the account. */
  readonly reservedReplies: bigint | null;
}

const DEFAULT_SHARES = 20;
const MAX_SHARES = 100;
/** The cost of reading all messages of a chatbot in a month: two such reads in one operation exceed the limit. */
const VISITORS_COST = 5_000;
const MAX_VISITOR_DAYS = 31;

const ENDED_REPLIES = 'The number of replies that have ended, including those that failed after they began.';

const UsageCountsRef = builder.interfaceRef<UsageCounts>('UsageCounts').implement({
  description: 'The usage of a set of replies.',
  fields: (t) => {
    const count = (name: Exclude<keyof UsageCounts, 'priceNano'>, description: string) =>
      t.field({ type: 'BigInt', description, resolve: (counts) => counts[name] });
    return {
      messages: count('messages', ENDED_REPLIES),
      inputTokens: count('inputTokens', 'The tokens of prompts.'),
      cachedTokens: count('cachedTokens', "The part of `inputTokens` that came from a provider's cache."),
      outputTokens: count('outputTokens', 'The tokens that models wrote, reasoning included.'),
      reasoningTokens: count('reasoningTokens', 'The part of `outputTokens` that was reasoning.'),
      priceUsd: t.float({
        nullable: true,
        authScopes: { $any: { READ: true, MANAGE: true } },
        description:
          'The price in US dollars of the replies with a known price; null if there are replies and none has a known price. Needs `READ` or `MANAGE`.',
        resolve: ({ messages, priceNano, unpricedMessages }) =>
          messages > 0n && messages === unpricedMessages ? null : toUsd(Number(priceNano)),
      }),
      unpricedMessages: count('unpricedMessages', 'The number of replies without a known price.'),
      answered: count('answered', 'The number of completed replies whose `outcome` is ANSWERED.'),
      unsure: count('unsure', 'The number of completed replies whose `outcome` is UNSURE.'),
      fallbacks: count('fallbacks', 'The number of completed replies whose `outcome` is FALLBACK.'),
      ratedUp: count('ratedUp', 'The number of replies whose current rating is UP, whenever they were rated.'),
      ratedDown: count('ratedDown', 'The number of replies whose current rating is DOWN, whenever they were rated.'),
    };
  },
});

const UsageDay = builder.objectRef<UsageShare>('UsageDay').implement({
  description: 'The usage of one day.',
  interfaces: [UsageCountsRef],
  fields: (t) => ({
    day: t.expose('key', {
      type: 'Date',
      description: 'The day on which the replies were requested, in the time zone of the range, or in UTC.',
    }),
  }),
});

const UsageShareRef = builder.objectRef<UsageShare & { readonly by: UsageColumn }>('UsageShare').implement({
  description: 'The usage of one chatbot, API key or visitor.',
  interfaces: [UsageCountsRef],
  fields: (t) => ({
    key: t.exposeString('key', {
      description: 'The id of the chatbot or API key, or the `sessionId` of the visitor; empty if not known.',
    }),
    chatbot: t.field({
      type: ChatbotRef,
      nullable: true,
      description: 'The chatbot; null if it has been deleted, or if `by` is not CHATBOT.',
      resolve: async ({ by, key }, _args, { loaders }) =>
        (by === 'chatbot_id' && (await loaders.chatbot.load(key))) || null,
    }),
    apiKey: t.field({
      type: ApiKeyRef,
      nullable: true,
      authScopes: { MANAGE: true },
      description:
        'The API key; null if it no longer exists, if the credential may not see it, or if `by` is not API_KEY. Needs `MANAGE`.',
      resolve: async ({ by, key }, _args, { loaders, viewer }) => {
        const apiKey = by === 'api_key_id' ? await loaders.apiKey.load(key) : undefined;
        return (apiKey && seesApiKey(viewer, apiKey) && apiKey) || null;
      },
    }),
  }),
});

const UsageDimension = builder.enumType('UsageDimension', {
  description: 'A dimension by which usage is split.',
  values: {
    CHATBOT: { value: 'chatbot_id', description: 'The usage of each chatbot.' },
    API_KEY: { value: 'api_key_id', description: 'The usage of each API key.' },
    VISITOR: { value: 'visitor', description: 'The usage of each visitor, by the `sessionId` of the conversations.' },
  } as const satisfies Record<string, { value: UsageColumn; description: string }>,
});

const UsageRef = builder.objectRef<Usage>('Usage').implement({
  description: 'The usage of an account in one month or in a range of days.',
  interfaces: [UsageCountsRef],
  fields: (t) => ({
    id: t.exposeID('id', {
      description: 'The identity of the account with this period and filter, for caches; `node` does not find it.',
    }),
    month: t.string({
      nullable: true,
      description: 'The month in UTC, `YYYY-MM`; null for a range of days.',
      resolve: ({ filter }) => filter.period.month,
    }),
    messages: t.field({
      type: 'BigInt',
      description: `The number of replies that count against the quota, unfinished ones included. For a range of days, and with a filter by chatbot, API key or visitor: ${ENDED_REPLIES.charAt(0).toLowerCase()}${ENDED_REPLIES.slice(1)}`,
      resolve: ({ reservedReplies, messages }) => reservedReplies ?? messages,
    }),
    limit: t.int({
      nullable: true,
      description: 'The monthly quota of replies; null means unlimited.',
      resolve: (_usage, _args, { deps }) => deps.config.monthlyMessageLimit || null,
    }),
    warnings: t.field({
      type: [QuotaWarningRef],
      authScopes: { MANAGE: true },
      description: `The quota warnings of this month, oldest first; at most ${WARNING_PERCENTAGES.length}. Empty for a range of days. Needs \`MANAGE\`.`,
      extensions: { listSize: () => WARNING_PERCENTAGES.length } satisfies FieldExtensions,
      resolve: ({ accountId, filter: { period, chatbotIds } }, _args, { deps }) =>
        period.month === null || chatbotIds !== undefined ? [] : listWarningEvents(deps, accountId, period.month),
    }),
    days: t.field({
      type: [UsageDay],
      authScopes: { $any: { READ: true, MANAGE: true } },
      description: `The usage of each day with a reply; at most ${MAX_PERIOD_DAYS}. Needs \`READ\` or \`MANAGE\`.`,
      extensions: { listSize: () => MAX_PERIOD_DAYS } satisfies FieldExtensions,
      resolve: ({ accountId, filter }, _args, { deps }) => listUsageDays(deps.db.read, accountId, filter),
    }),
    top: t.field({
      type: [UsageShareRef],
      authScopes: { $any: { READ: true, MANAGE: true } },
      description:
        'The largest shares, by price and then by number of replies. An operation may select `by: VISITOR` once. Needs `READ` or `MANAGE`.',
      args: {
        by: t.arg({
          type: UsageDimension,
          required: true,
          defaultValue: 'chatbot_id',
          description: `The dimension; VISITOR needs a \`chatbotId\` in \`usage\`, and a month or at most ${MAX_VISITOR_DAYS} days.`,
        }),
        first: t.arg.int({
          defaultValue: DEFAULT_SHARES,
          description: `The maximum number of shares, at most ${MAX_SHARES}.`,
        }),
      },
      extensions: {
        listSize: ({ first }) => Number(first ?? DEFAULT_SHARES),
        fixedCost: ({ by }) => (by === ('visitor' satisfies UsageColumn) ? VISITORS_COST : 0),
      } satisfies FieldExtensions,
      resolve: async ({ accountId, filter }, { by, first }, { deps }) => {
        const limit = first ?? DEFAULT_SHARES;
        if (limit < 0 || limit > MAX_SHARES) {
          throw new BadUserInputError(`\`first\` must be between 0 and ${MAX_SHARES}.`);
        }
        if (by === 'visitor') requireChatbot(filter);
        if (by === 'visitor' && filter.period.dayCount > MAX_VISITOR_DAYS) {
          throw new BadUserInputError(`Shares by visitor need a range of at most ${MAX_VISITOR_DAYS} days.`);
        }
        const shares = await listUsageShares(deps.db.read, accountId, filter, { by, limit });
        return shares.map((share) => ({ ...share, by }));
      },
    }),
  }),
});

builder.objectField(AccountRef, 'usage', (t) =>
  t.field({
    type: UsageRef,
    allowsRestricted: true,
    description:
      'The usage of one month, or of a range of days, of the whole account or of one chatbot, API key or visitor. An unknown id has no usage.',
    args: {
      month: t.arg.string({
        description: 'The month in UTC, `YYYY-MM`; by default the current month. Not with `from` and `to`.',
      }),
      from: t.arg({ type: 'Date', description: 'The first day of a range. Only with `to`.' }),
      to: t.arg({
        type: 'Date',
        description: `The last day of the range, inclusive; the range has at most ${MAX_PERIOD_DAYS} days. Only with \`from\`.`,
      }),
      timeZone: t.arg.string({
        description:
          'The time zone of the days, by its IANA name, such as `Europe/Berlin`; by default UTC. Only with `from` and `to`.',
      }),
      chatbotId: t.arg.id({ description: 'The id of a chatbot, possibly deleted: only its replies count.' }),
      apiKeyId: t.arg.id({ description: 'The id of an API key: only replies requested with it count.' }),
      visitor: t.arg.string({
        description: 'The `sessionId` of a conversation: only its replies count. Only with `chatbotId`.',
      }),
    },
    resolve: (account, args, context) => {
      const filter = {
        period: readPeriod(args, context.deps.clock.now()),
        chatbotId: readId('chatbot', args.chatbotId),
        apiKeyId: readId('apiKey', args.apiKeyId),
        chatbotIds: restrictChatbots(context.viewer, undefined),
        visitor: args.visitor?.trim(),
      };
      if (filter.visitor !== undefined) requireChatbot(filter);
      return readUsage(context, account, filter);
    },
  }),
);

/** The arguments that choose a period. */
type PeriodArgs = Partial<Record<'month' | 'from' | 'to' | 'timeZone', string | null | undefined>>;

/** @throws BadUserInputError */
function readPeriod({ month, from, to, timeZone }: PeriodArgs, now: number): UsagePeriod {
  if (from != null && to != null && month == null) return periodOfDays({ from, to, timeZone: timeZone ?? 'UTC' });
  if (from != null || to != null) {
    throw new BadUserInputError('A period is a `month`, or the days `from` and `to`.');
  }
  if (timeZone != null) throw new BadUserInputError('`timeZone` needs `from` and `to`: a month is a month in UTC.');
  if (month != null && !/^\d{4}-(0[1-9]|1[0-2])$/.test(month)) {
    throw new BadUserInputError('`month` must be of the form YYYY-MM.');
  }
  return periodOfMonth(month ?? monthOf(now));
}

async function readUsage({ deps }: GraphContext, account: Account, filter: UsageFilter): Promise<Usage> {
  const { id: accountId } = account;
  const { month } = filter.period;
  const { chatbotId, chatbotIds, apiKeyId } = filter;
  const isWholeMonth = month !== null && [chatbotId, chatbotIds, apiKeyId].every((each) => each === undefined);
  return {
    id: identify(accountId, filter),
    ...(await sumUsage(deps.db.read, accountId, filter)),
    reservedReplies: isWholeMonth ? BigInt(await countReservedReplies(deps.db.read, accountId, month)) : null,
    accountId,
    filter,
  };
}

function identify(accountId: string, filter: UsageFilter): string {
  const { period, chatbotId = '', chatbotIds, apiKeyId = '', visitor = '' } = filter;
  const restriction = chatbotIds ? [chatbotIds.toSorted().join()] : [];
  return ['usage', accountId, period.name, chatbotId, apiKeyId, visitor, ...restriction].join(':');
}

/** Parses an id. A malformed id becomes `none`, which matches nothing, as an unknown id does. */
function readId(kind: IdKind, id: string | null | undefined): string | undefined {
  return id == null ? undefined : (parseId(kind, id) ?? 'none');
}

/** @throws BadUserInputError */
function requireChatbot({ chatbotId }: UsageFilter): void {
  if (chatbotId === undefined) throw new BadUserInputError('The usage of visitors needs a `chatbotId`.');
}
