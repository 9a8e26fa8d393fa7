import { z } from 'zod';
import { MAX_LIMIT } from '../coordination/rate-limiter.ts';
import type { ApiKey, Chatbot } from '../domain/entities.ts';
import { InvalidInputError, requireFound } from '../domain/errors.ts';
import { parseId } from '../domain/ids.ts';
import { parseChanges } from '../domain/input.ts';
import type { Budget, Limits } from '../domain/limits.ts';
import { lockAccount } from '../store/accounts.ts';
import { findApiKey, updateApiKeyLimits } from '../store/api-keys.ts';
import { lockChatbot, updateChatbotLimits } from '../store/chatbots.ts';
import type { Queryable } from '../store/tables.ts';
import { type KeyringDeps, refreshKeys } from './api-keys.ts';
import type { SessionTokens } from './session-tokens/session-tokens.ts';
import type { Viewer } from './viewer.ts';

/** The limits of an API key, or of the sessions of a chatbot. Null clears a limit; an absent one keeps its value. */
export interface RateLimitInput {
  readonly apiKeyId?: string | null | undefined;
  readonly chatbotId?: string | null | undefined;
  readonly perMinute?: number | null | undefined;
  readonly perVisitorPerMinute?: number | null | undefined;
  readonly monthlyMessages?: number | null | undefined;
  readonly monthlyPriceUsd?: number | null | undefined;
  readonly visitorMonthlyMessages?: number | null | undefined;
  readonly visitorMonthlyTokens?: number | null | undefined;
  readonly visitorMonthlyPriceUsd?: number | null | undefined;
}

/** The largest budget, so that sums in billionths of a dollar stay exact. */
export const MAX_PRICE_USD = 1_000_000;

const NANO_PER_USD = 1_000_000_000;

const perMinute = z.int().min(1, 'Must be at least 1.').max(MAX_LIMIT, `Must be at most ${MAX_LIMIT}.`);
const count = z.int().min(0, 'Must not be negative.');
const priceUsd = z
  .number()
  .min(0, 'Must not be negative.')
  .max(MAX_PRICE_USD, `Must be at most ${MAX_PRICE_USD}.`)
  .transform((usd) => Math.round(usd * NANO_PER_USD));

const rules = z.object({
  perMinute: perMinute.nullish(),
  perVisitorPerMinute: perMinute.nullish(),
  monthlyMessages: count.nullish(),
  monthlyPriceUsd: priceUsd.nullish(),
  visitorMonthlyMessages: count.nullish(),
  visitorMonthlyTokens: count.nullish(),
  visitorMonthlyPriceUsd: priceUsd.nullish(),
});

/**
 * Sets the limits of an API key, or of the sessions of a chatbot; in force at once on this gateway, and on others within
 * moments.
 * @throws InvalidInputError, NotFoundError
 */
export async function setRateLimit(
  deps: KeyringDeps & { readonly sessionTokens: Pick<SessionTokens, 'refresh'> },
  { accountId }: Pick<Viewer, 'accountId'>,
  { apiKeyId, chatbotId, ...input }: RateLimitInput,
): Promise<{ apiKey: ApiKey | null; chatbot: Chatbot | null }> {
  if ((apiKeyId == null) === (chatbotId == null)) {
    throw new InvalidInputError([{ path: [], message: 'Give exactly one of `apiKeyId` and `chatbotId`.' }]);
  }
  const changes = parseChanges(rules, input);
  if (chatbotId == null) requireNoVisitorBudget(input);
  const changed = await deps.db.transaction(async (trx) => {
    if (chatbotId != null) {
      return { apiKey: null, chatbot: await changeChatbot(trx, accountId, chatbotId, changes) };
    }
    return { apiKey: await changeKey(trx, accountId, apiKeyId ?? '', changes), chatbot: null };
  });
  if (changed.apiKey !== null) await refreshKeys(deps, changed.apiKey.id);
  else {
    deps.announcements.announce('sessions', changed.chatbot.id);
    await deps.sessionTokens.refresh();
  }
  return changed;
}

type Changes = z.output<typeof rules>;

/** @throws InvalidInputError */
function requireNoVisitorBudget(input: Omit<RateLimitInput, 'apiKeyId' | 'chatbotId'>): void {
  const names = ['visitorMonthlyMessages', 'visitorMonthlyTokens', 'visitorMonthlyPriceUsd'] as const;
  const fields = names.filter((name) => input[name] != null);
  if (fields.length === 0) return;
  const message = 'Only the sessions of a chatbot have budgets for each visitor.';
  throw new InvalidInputError(fields.map((name) => ({ path: [name], message })));
}

async function changeKey(trx: Queryable, accountId: string, givenId: string, changes: Changes): Promise<ApiKey> {
  const id = requireFound('API key', parseId('apiKey', givenId));
  await lockAccount(trx, accountId);
  const apiKey = requireFound('API key', await findApiKey(trx, accountId, id));
  const limits = applyChanges(apiKey.limits, changes);
  await updateApiKeyLimits(trx, accountId, id, limits);
  return { ...apiKey, limits };
}

async function changeChatbot(trx: Queryable, accountId: string, givenId: string, changes: Changes): Promise<Chatbot> {
  const id = requireFound('Chatbot', parseId('chatbot', givenId));
  const chatbot = requireFound('Chatbot', await lockChatbot(trx, accountId, id));
  const limits = applyChanges(chatbot.limits, changes);
  await updateChatbotLimits(trx, accountId, id, limits);
  return { ...chatbot, limits };
}

function applyChanges(limits: Limits, changes: Changes): Limits {
  return omitEmpty({
    perMinute: choose(changes.perMinute, limits.perMinute),
    perVisitorPerMinute: choose(changes.perVisitorPerMinute, limits.perVisitorPerMinute),
    monthly: omitEmpty<Budget>({
      messages: choose(changes.monthlyMessages, limits.monthly?.messages),
      priceNano: choose(changes.monthlyPriceUsd, limits.monthly?.priceNano),
    }),
    visitorMonthly: omitEmpty<Budget>({
      messages: choose(changes.visitorMonthlyMessages, limits.visitorMonthly?.messages),
      tokens: choose(changes.visitorMonthlyTokens, limits.visitorMonthly?.tokens),
      priceNano: choose(changes.visitorMonthlyPriceUsd, limits.visitorMonthly?.priceNano),
    }),
  });
}

/** The value after a change: null clears it, and an absent change keeps it. */
function choose(change: number | null | undefined, value: number | undefined): number | undefined {
  return change === undefined ? value : (change ?? undefined);
}

/** Omits undefined fields, and objects without fields. */
function omitEmpty<T extends object>(fields: { [K in keyof T]: T[K] | undefined }): T {
  const isSet = (value: unknown) =>
    value !== undefined && (typeof value !== 'object' || value === null || Object.keys(value).length > 0);
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => isSet(value))) as T;
}
