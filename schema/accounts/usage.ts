import { WARNING_PERCENTAGES } from '../../src/conversations/quota.ts';
import type { Account } from '../../src/domain/entities.ts';
import { BadUserInputError } from '../../src/domain/errors.ts';
import { type IdKind, parseId } from '../../src/domain/ids.ts';
import { monthOf } from '../../src/domain/time.ts';
import type { UsageCounts } from '../../src/domain/usage.ts';
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

/** One month's usage by the replies that match `filter`. Resolvers read its days, shares and warnings on demand. */
interface Usage extends UsageCounts {
  readonly accountId: string;
  readonly filter: UsageFilter;
  /** The number of replies that count against the quota; null if `filter` selects only a part of the account. */
  readonly reservedReplies: number | null;
}

const MAX_DAYS = 31;
const DEFAULT_SHARES = 20;
const MAX_SHARES = 100;
/** The cost of reading all messages of a chatbot in a month: two such reads in one operation exceed the limit. */
const VISITORS_COST = 5_000;

/** The maximum of a GraphQL `Int`. A busy account may use more tokens, and its query must not fail. */
const MAX_INT = 2 ** 31 - 1;
const toInt = (count: number): number => Math.min(count, MAX_INT);
const CAP_NOTE = `Capped at ${MAX_INT.toLocaleString('en')}; the counts of each of the \`days\` are capped separately.`;

const ENDED_REPLIES = 'The number of replies that have ended, including those that failed after they began.';

const UsageCountsRef = builder.interfaceRef<UsageCounts>('UsageCounts').implement({
  description: 'The usage of a set of replies.',
  fields: (t) => ({
    messages: t.int({ description: ENDED_REPLIES, resolve: ({ messages }) => toInt(messages) }),
    inputTokens: t.int({
      description: `The tokens of prompts. ${CAP_NOTE}`,
      resolve: ({ inputTokens }) => toInt(inputTokens),
    }),
    cachedTokens: t.int({
      description: `The part of \`inputTokens\` that came from a provider's cache. ${CAP_NOTE}`,
      resolve: ({ cachedTokens }) => toInt(cachedTokens),
    }),
    outputTokens: t.int({
      description: `The tokens that models wrote. ${CAP_NOTE}`,
      resolve: ({ outputTokens }) => toInt(outputTokens),
    }),
    reasoningTokens: t.int({
      description: `The part of \`outputTokens\` that was reasoning. ${CAP_NOTE}`,
      resolve: ({ reasoningTokens }) => toInt(reasoningTokens),
    }),
    priceUsd: t.float({
      nullable: true,
      authScopes: { $any: { READ: true, MANAGE: true } },
      description:
        'The price in US dollars of the replies with a known price; null if there are replies and none has a known price. Needs `READ` or `MANAGE`.',
      resolve: ({ messages, priceNano, unpricedMessages }) =>
        messages > 0 && messages === unpricedMessages ? null : toUsd(priceNano),
    }),
    unpricedMessages: t.int({
      description: 'The number of replies without a known price.',
      resolve: ({ unpricedMessages }) => toInt(unpricedMessages),
    }),
  }),
});

const UsageDay = builder.objectRef<UsageShare>('UsageDay').implement({
  description: 'The usage of one day.',
  interfaces: [UsageCountsRef],
  fields: (t) => ({
    day: t.exposeString('key', {
      description: 'The day in UTC, `YYYY-MM-DD`, on which the replies were requested.',
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
      description: 'The API key; null if it no longer exists, or if `by` is not API_KEY. Needs `MANAGE`.',
      resolve: async ({ by, key }, _args, { loaders }) =>
        (by === 'api_key_id' && (await loaders.apiKey.load(key))) || null,
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
  description: 'The usage of an account in one month.',
  interfaces: [UsageCountsRef],
  fields: (t) => ({
    month: t.string({ description: 'The month in UTC, `YYYY-MM`.', resolve: ({ filter }) => filter.month }),
    messages: t.int({
      description: `The number of replies that count against the quota, unfinished ones included. With a filter by chatbot, API key or visitor: ${ENDED_REPLIES.charAt(0).toLowerCase()}${ENDED_REPLIES.slice(1)}`,
      resolve: ({ reservedReplies, messages }) => toInt(reservedReplies ?? messages),
    }),
    limit: t.int({
      nullable: true,
      description: 'The monthly quota of replies; null means unlimited.',
      resolve: (_usage, _args, { deps }) => deps.config.monthlyMessageLimit || null,
    }),
    warnings: t.field({
      type: [QuotaWarningRef],
      authScopes: { MANAGE: true },
      description: `The quota warnings of this month, oldest first; at most ${WARNING_PERCENTAGES.length}. Needs \`MANAGE\`.`,
      extensions: { listSize: () => WARNING_PERCENTAGES.length } satisfies FieldExtensions,
      resolve: ({ accountId, filter }, _args, { deps }) => listWarningEvents(deps, accountId, filter.month),
    }),
    days: t.field({
      type: [UsageDay],
      authScopes: { $any: { READ: true, MANAGE: true } },
      description: `The usage of each day with a reply; at most ${MAX_DAYS}. Needs \`READ\` or \`MANAGE\`.`,
      extensions: { listSize: () => MAX_DAYS } satisfies FieldExtensions,
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
          description: 'The dimension; VISITOR needs a `chatbotId` in `usage`.',
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
        const shares = await listUsageShares(deps.db.read, accountId, filter, { by, limit });
        return shares.map((share) => ({ ...share, by }));
      },
    }),
  }),
});

builder.objectField(AccountRef, 'usage', (t) =>
  t.field({
    type: UsageRef,
    description:
      'The usage of one month, of the whole account or of one chatbot, API key or visitor. An unknown id has no usage.',
    args: {
      month: t.arg.string({ description: 'The month in UTC, `YYYY-MM`; by default the current month.' }),
      chatbotId: t.arg.id({ description: 'The id of a chatbot, possibly deleted: only its replies count.' }),
      apiKeyId: t.arg.id({ description: 'The id of an API key: only replies requested with it count.' }),
      visitor: t.arg.string({
        description: 'The `sessionId` of a conversation: only its replies count. Only with `chatbotId`.',
      }),
    },
    resolve: (account, { month, ...filterArgs }, context) => {
      if (month != null && !/^\d{4}-(0[1-9]|1[0-2])$/.test(month)) {
        throw new BadUserInputError('`month` must be of the form YYYY-MM.');
      }
      const filter = {
        month: month ?? monthOf(context.deps.clock.now()),
        chatbotId: readId('chatbot', filterArgs.chatbotId),
        apiKeyId: readId('apiKey', filterArgs.apiKeyId),
        visitor: filterArgs.visitor ?? undefined,
      };
      if (filter.visitor !== undefined) requireChatbot(filter);
      return readUsage(context, account, filter);
    },
  }),
);

async function readUsage({ deps }: GraphContext, account: Account, filter: UsageFilter): Promise<Usage> {
  const { id: accountId } = account;
  const isWholeAccount = filter.chatbotId === undefined && filter.apiKeyId === undefined;
  return {
    ...(await sumUsage(deps.db.read, accountId, filter)),
    reservedReplies: isWholeAccount ? await countReservedReplies(deps.db.read, accountId, filter.month) : null,
    accountId,
    filter,
  };
}

/** Parses an id. A malformed id becomes `none`, which matches nothing, as an unknown id does. */
function readId(kind: IdKind, id: string | null | undefined): string | undefined {
  return id == null ? undefined : (parseId(kind, id) ?? 'none');
}

/** @throws BadUserInputError */
function requireChatbot({ chatbotId }: UsageFilter): void {
  if (chatbotId === undefined) throw new BadUserInputError('The usage of visitors needs a `chatbotId`.');
}
