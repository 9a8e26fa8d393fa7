import type { Viewer } from '../access/viewer.ts';
import type { Chatbot, Message } from '../domain/entities.ts';
import { QuotaExceededError } from '../domain/errors.ts';
import type { Budget } from '../domain/limits.ts';
import { monthOf } from '../domain/time.ts';
import type { TokenUsage } from '../domain/usage.ts';
import { addBudgetUsage, listBudgetOwners, reserveBudget } from '../store/limits/budgets.ts';
import type { ReplyEnd } from '../store/open-replies.ts';
import type { Queryable } from '../store/tables.ts';

/** A budget that a reply counts against. */
export interface ReplyBudget {
  /** The id of an API key, of a chatbot for all its sessions, or of a visitor. */
  readonly ownerId: string;
  readonly owner: 'API key' | 'sessions of the chatbot' | 'visitor';
  readonly budget: Budget;
}

/**
 * The budgets that a reply counts against: that of the API key of the request or, for a session, those of the chatbot's
 * sessions and of its visitor. Usage is counted without a limit too, so that a limit that is set later counts the whole
 * month.
 */
export function listReplyBudgets(
  { apiKeyId, limits, session }: Pick<Viewer, 'apiKeyId' | 'limits' | 'session'>,
  chatbot: Pick<Chatbot, 'id' | 'limits'>,
): ReplyBudget[] {
  if (apiKeyId !== null) return [{ ownerId: apiKeyId, owner: 'API key', budget: limits?.monthly ?? {} }];
  if (session === undefined) return [];
  const { monthly = {}, visitorMonthly = {} } = chatbot.limits;
  const ofSessions: ReplyBudget = { ownerId: chatbot.id, owner: 'sessions of the chatbot', budget: monthly };
  // A session of the demo's page has no visitor.
  if (!session.visitorId) return [ofSessions];
  return [ofSessions, { ownerId: session.visitorId, owner: 'visitor', budget: visitorMonthly }];
}

/**
 * Reserves one reply of each budget in the transaction of the message, which has reserved the account's quota before.
 * @throws QuotaExceededError when one is used up.
 */
export async function reserveReplyBudgets(
  trx: Queryable,
  accountId: string,
  budgets: readonly ReplyBudget[],
  now: number,
): Promise<void> {
  for (const { ownerId, owner, budget } of budgets) {
    const isReserved = await reserveBudget(trx, { accountId, ownerId, month: monthOf(now) }, budget);
    if (!isReserved) throw new QuotaExceededError(`The monthly budget of the ${owner} is used up.`);
  }
}

/** The tokens and the price of a request to a model. */
interface RequestUsage {
  readonly usage: Pick<TokenUsage, 'inputTokens' | 'outputTokens'> | null;
  readonly priceNano: number | null;
}

/**
 * Counts the end of a reply: its tokens and its price, also of models that were asked in vain. A reply without text no
 * longer counts as a message. To be called before the transaction locks the chatbot.
 */
export async function settleReplyBudgets(
  trx: Queryable,
  reply: Pick<Message, 'id' | 'accountId' | 'createdAt'>,
  { content, usage, generation, discardedUsage = [] }: ReplyEnd,
): Promise<void> {
  const requests = [{ usage, priceNano: generation?.priceNano ?? null }, ...discardedUsage];
  await addReplyUsage(trx, reply, requests, content === '' ? -1 : 0);
}

/** Counts requests to models for a reply against its budgets. To be called before the transaction locks the chatbot. */
export async function addReplyUsage(
  trx: Queryable,
  { id, accountId, createdAt }: Pick<Message, 'id' | 'accountId' | 'createdAt'>,
  requests: readonly RequestUsage[],
  messages: -1 | 0 = 0,
): Promise<void> {
  const tokens = requests.reduce((sum, { usage }) => sum + (usage ? usage.inputTokens + usage.outputTokens : 0), 0);
  const priceNano = requests.reduce((sum, request) => sum + (request.priceNano ?? 0), 0);
  if (messages === 0 && tokens === 0 && priceNano === 0) return;
  for (const ownerId of await listBudgetOwners(trx, accountId, id)) {
    await addBudgetUsage(trx, { accountId, ownerId, month: createdAt.slice(0, 7) }, { messages, tokens, priceNano });
  }
}
