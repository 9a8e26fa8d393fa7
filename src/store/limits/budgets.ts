import { sql } from 'kysely';
import { fromJson, type JsonText } from '../../domain/json.ts';
import type { Budget, BudgetUsage } from '../../domain/limits.ts';
import { prepareQuery } from '../engines/prepared.ts';
import type { Queryable } from '../tables.ts';

/** The usage of an owner in a UTC month, `YYYY-MM`. The owner is an API key, a chatbot with its sessions, or a visitor. */
export interface BudgetMonth {
  readonly accountId: string;
  readonly ownerId: string;
  readonly month: string;
}

/**
 * Counts one more reply against a budget, in the transaction of the message, and locks the row until the transaction
 * ends. Replies under way have no tokens and no price yet.
 * @returns false, without a change, when the budget is used up.
 */
export async function reserveBudget(trx: Queryable, month: BudgetMonth, budget: Budget): Promise<boolean> {
  const { messages = MAX_MESSAGES, tokens = UNLIMITED, priceNano = UNLIMITED } = budget;
  // The first reply of a month updates no row.
  if (Math.min(messages, tokens, priceNano) <= 0) return false;
  const { accountId, ownerId } = month;
  return (await RESERVE(trx, [accountId, ownerId, month.month, 1, 0, 0, messages, tokens, priceNano])).length > 0;
}

/** More than any usage; the column of messages has 32 bits on Postgres. */
const MAX_MESSAGES = 2 ** 31 - 1;
const UNLIMITED = Number.MAX_SAFE_INTEGER;

const used = (column: 'messages' | 'tokens' | 'price_nano') => sql.ref<number>(`budget_usage.${column}`);

const insertUsage = (db: Queryable) =>
  db
    .insertInto('budget_usage')
    .values({ account_id: '', owner_id: '', month: '', messages: 0, tokens: 0, price_nano: 0 });

const RESERVE = prepareQuery((db) =>
  insertUsage(db)
    .onConflict((conflict) =>
      conflict
        .columns(['owner_id', 'month'])
        .doUpdateSet({ messages: sql`${used('messages')} + 1` })
        .where(used('messages'), '<', 0)
        .where(used('tokens'), '<', 0)
        .where(used('price_nano'), '<', 0),
    )
    .returning('messages'),
);

/** Adds to the usage of a month: the tokens and the price of a reply, or -1 messages for a reply without text. */
export async function addBudgetUsage(
  trx: Queryable,
  { accountId, ownerId, month }: BudgetMonth,
  { messages = 0, tokens = 0, priceNano = 0 }: Partial<BudgetUsage>,
): Promise<void> {
  await ADD(trx, [accountId, ownerId, month, messages, tokens, priceNano]);
}

const ADD = prepareQuery((db) =>
  insertUsage(db).onConflict((conflict) =>
    conflict.columns(['owner_id', 'month']).doUpdateSet({
      messages: sql`${used('messages')} + excluded.messages`,
      tokens: sql`${used('tokens')} + excluded.tokens`,
      price_nano: sql`${used('price_nano')} + excluded.price_nano`,
    }),
  ),
);

/** The amounts that count against a budget in a month. */
export async function findBudgetUsage(
  db: Queryable,
  { ownerId, month }: Omit<BudgetMonth, 'accountId'>,
): Promise<BudgetUsage> {
  const row = await db
    .selectFrom('budget_usage')
    .select(['messages', 'tokens', 'price_nano'])
    .where('owner_id', '=', ownerId)
    .where('month', '=', month)
    .executeTakeFirst();
  return {
    messages: row?.messages ?? 0,
    tokens: Number(row?.tokens ?? 0),
    priceNano: Number(row?.price_nano ?? 0),
  };
}

/** The owners of the budgets that a reply counts against, in the order in which their rows are locked. */
export async function listBudgetOwners(db: Queryable, accountId: string, messageId: string): Promise<string[]> {
  const row = await db
    .selectFrom('messages')
    .select('budget_ids')
    .where('id', '=', messageId)
    .where('account_id', '=', accountId)
    .executeTakeFirst();
  return parseBudgetIds(row?.budget_ids ?? null);
}

/** Reads the column `budget_ids`; a reply that an earlier version wrote counts against no budget. */
export const parseBudgetIds = (json: JsonText | null): string[] => (json === null ? [] : fromJson<string[]>(json));
