import { WARNING_PERCENTAGES } from '../../src/conversations/quota.ts';
import type { Account } from '../../src/domain/entities.ts';
import { BadUserInputError } from '../../src/domain/errors.ts';
import { type IdKind, parseId } from '../../src/domain/ids.ts';
import { monthOf } from '../../src/domain/time.ts';
import type { UsageCounts } from '../../src/domain/usage.ts';
import { countReserved } from '../../src/store/usage.ts';
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

/** What was used in a month, by whom was asked for; the rest is asked for when it is wanted. */
interface Usage extends UsageCounts {
  readonly accountId: string;
  readonly filter: UsageFilter;
  /** The replies that count against the quota; null where these are only some. */
  readonly reserved: number | null;
}

const MAX_DAYS = 31;
const DEFAULT_SHARES = 20;
const MAX_SHARES = 100;
/** Reads the month of a chatbot, message by message: an operation may ask for it once, as two cost more than the limit. */
const VISITORS_COST = 5_000;

/** The most that an `Int` can say. A busy account's tokens may be more, and must not fail the query. */
const MAX_INT = 2 ** 31 - 1;
const toInt = (count: number): number => Math.min(count, MAX_INT);
const CAPPED = `At most ${MAX_INT.toLocaleString('en')}: what is more is told as that, and each day has its own.`;

const ENDED = 'Replies that have ended, those that failed on the way among them: they may have cost something.';

const UsageCountsRef = builder.interfaceRef<UsageCounts>('UsageCounts').implement({
  description: 'What replies took.',
  fields: (t) => ({
    messages: t.int({ description: ENDED, resolve: ({ messages }) => toInt(messages) }),
    inputTokens: t.int({
      description: `Tokens that engines were given. ${CAPPED}`,
      resolve: ({ inputTokens }) => toInt(inputTokens),
    }),
    cachedTokens: t.int({
      description: `Those of them that came from a provider's cache. ${CAPPED}`,
      resolve: ({ cachedTokens }) => toInt(cachedTokens),
    }),
    outputTokens: t.int({
      description: `Tokens that engines wrote. ${CAPPED}`,
      resolve: ({ outputTokens }) => toInt(outputTokens),
    }),
    reasoningTokens: t.int({
      description: `Those of them that were thoughts, not text. ${CAPPED}`,
      resolve: ({ reasoningTokens }) => toInt(reasoningTokens),
    }),
    priceUsd: t.float({
      nullable: true,
      authScopes: { $any: { READ: true, MANAGE: true } },
      description:
        'What the replies cost whose price is known, in US dollars; null when there are replies and the price of none is known. Needs `READ` or `MANAGE`.',
      resolve: ({ messages, priceNano, unpricedMessages }) =>
        messages > 0 && messages === unpricedMessages ? null : toUsd(priceNano),
    }),
    unpricedMessages: t.int({
      description: 'The replies whose price is not known.',
      resolve: ({ unpricedMessages }) => toInt(unpricedMessages),
    }),
  }),
});

const UsageDay = builder.objectRef<UsageShare>('UsageDay').implement({
  description: 'What was used on one day.',
  interfaces: [UsageCountsRef],
  fields: (t) => ({
    day: t.exposeString('key', {
      description: 'The day in UTC, `YYYY-MM-DD`, on which the replies were asked for.',
    }),
  }),
});

const UsageShareRef = builder.objectRef<UsageShare & { readonly by: UsageColumn }>('UsageShare').implement({
  description: 'What was used of one chatbot, with one API key or by one visitor.',
  interfaces: [UsageCountsRef],
  fields: (t) => ({
    key: t.exposeString('key', {
      description:
        'The id of the chatbot or the API key, or the session id of the visitor; empty where it is not known.',
    }),
    chatbot: t.field({
      type: ChatbotRef,
      nullable: true,
      description: 'The chatbot; null when it was deleted since, and for shares of something else.',
      resolve: async ({ by, key }, _args, { loaders }) =>
        (by === 'chatbot_id' && (await loaders.chatbot.load(key))) || null,
    }),
    apiKey: t.field({
      type: ApiKeyRef,
      nullable: true,
      authScopes: { MANAGE: true },
      description: 'The API key; null when it is gone, and for shares of something else. Needs `MANAGE`.',
      resolve: async ({ by, key }, _args, { loaders }) =>
        (by === 'api_key_id' && (await loaders.apiKey.load(key))) || null,
    }),
  }),
});

const UsageDimension = builder.enumType('UsageDimension', {
  description: 'What usage can be split by.',
  values: {
    CHATBOT: { value: 'chatbot_id', description: 'The chatbots that were asked.' },
    API_KEY: { value: 'api_key_id', description: 'The API keys that asked.' },
    VISITOR: { value: 'visitor', description: 'The visitors, by the `sessionId` of their conversations.' },
  } as const satisfies Record<string, { value: UsageColumn; description: string }>,
});

const UsageRef = builder.objectRef<Usage>('Usage').implement({
  description: 'What an account used in one month.',
  interfaces: [UsageCountsRef],
  fields: (t) => ({
    month: t.string({ description: 'The month in UTC, `YYYY-MM`.', resolve: ({ filter }) => filter.month }),
    messages: t.int({
      description: `AI replies, those under way included: what counts against the quota. Of one chatbot, key or visitor: ${ENDED.charAt(0).toLowerCase()}${ENDED.slice(1)}`,
      resolve: ({ reserved, messages }) => toInt(reserved ?? messages),
    }),
    limit: t.int({
      nullable: true,
      description: 'How many replies a month allows the account; null means any number.',
      resolve: (_usage, _args, { deps }) => deps.config.monthlyMessageLimit || null,
    }),
    warnings: t.field({
      type: [QuotaWarningRef],
      authScopes: { MANAGE: true },
      description: `What the account was told of its quota in this month, oldest first; at most ${WARNING_PERCENTAGES.length}. Needs \`MANAGE\`.`,
      extensions: { listSize: () => WARNING_PERCENTAGES.length } satisfies FieldExtensions,
      resolve: ({ accountId, filter }, _args, { deps }) => listWarningEvents(deps, accountId, filter.month),
    }),
    days: t.field({
      type: [UsageDay],
      authScopes: { $any: { READ: true, MANAGE: true } },
      description: `The same by days, those without a reply left out; at most ${MAX_DAYS}. Needs \`READ\` or \`MANAGE\`.`,
      extensions: { listSize: () => MAX_DAYS } satisfies FieldExtensions,
      resolve: ({ accountId, filter }, _args, { deps }) => listUsageDays(deps.db.read, accountId, filter),
    }),
    top: t.field({
      type: [UsageShareRef],
      authScopes: { $any: { READ: true, MANAGE: true } },
      description:
        'The largest shares in it: the dearest first, then those of most replies. By `VISITOR` once in an operation. Needs `READ` or `MANAGE`.',
      args: {
        by: t.arg({
          type: UsageDimension,
          required: true,
          defaultValue: 'chatbot_id',
          description: 'What to split by; `VISITOR` only with a `chatbotId`.',
        }),
        first: t.arg.int({ defaultValue: DEFAULT_SHARES, description: `How many, at most ${MAX_SHARES}.` }),
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
      'What it used in a month: all, or that of one chatbot, key or visitor. Ids that name nothing have used nothing.',
    args: {
      month: t.arg.string({ description: 'A month in UTC, `YYYY-MM`; absent means this one.' }),
      chatbotId: t.arg.id({ description: 'Only replies of this chatbot, which may be deleted by now.' }),
      apiKeyId: t.arg.id({ description: 'Only replies that were asked for with this API key.' }),
      visitor: t.arg.string({
        description: 'Only replies to this visitor: the `sessionId` of a conversation. Only with `chatbotId`.',
      }),
    },
    resolve: (account, { month, ...of }, context) => {
      if (month != null && !/^\d{4}-(0[1-9]|1[0-2])$/.test(month)) {
        throw new BadUserInputError('`month` must be of the form YYYY-MM.');
      }
      const filter = {
        month: month ?? monthOf(context.deps.clock.now()),
        chatbotId: readId('chatbot', of.chatbotId),
        apiKeyId: readId('apiKey', of.apiKeyId),
        visitor: of.visitor ?? undefined,
      };
      if (filter.visitor !== undefined) requireChatbot(filter);
      return readUsage(context, account, filter);
    },
  }),
);

async function readUsage({ deps }: GraphContext, account: Account, filter: UsageFilter): Promise<Usage> {
  const { id: accountId } = account;
  const isOfAll = filter.chatbotId === undefined && filter.apiKeyId === undefined;
  return {
    ...(await sumUsage(deps.db.read, accountId, filter)),
    reserved: isOfAll ? await countReserved(deps.db.read, accountId, filter.month) : null,
    accountId,
    filter,
  };
}

/** What is no id has used nothing, as one that names nothing. */
function readId(kind: IdKind, id: string | null | undefined): string | undefined {
  return id == null ? undefined : (parseId(kind, id) ?? 'none');
}

/** @throws BadUserInputError */
function requireChatbot({ chatbotId }: UsageFilter): void {
  if (chatbotId === undefined) throw new BadUserInputError('Visitors are those of a chatbot: `chatbotId` is needed.');
}
