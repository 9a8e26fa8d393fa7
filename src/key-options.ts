import { SCOPES, type Scope } from './domain/entities.ts';
import { StartupError } from './domain/errors.ts';
import { parseId } from './domain/ids.ts';
import { type Timestamp, toTimestamp } from './domain/time.ts';
import { findChatbot, findChatbotBySlug } from './store/chatbots.ts';
import type { Queryable } from './store/tables.ts';

const DAY_MS = 24 * 60 * 60 * 1_000;

/**
 * Reads the scopes of a new key: names in any case, separated by commas; absent: all.
 * @throws StartupError
 */
export function readScopes(text: string | undefined): readonly Scope[] {
  if (text === undefined) return SCOPES;
  const names = text.split(',').map((name) => name.trim().toUpperCase());
  const unknown = names.filter((name) => !SCOPES.includes(name as Scope));
  if (unknown.length > 0)
    throw new StartupError(`Scopes are ${SCOPES.join(', ').toLowerCase()}; not ${unknown.join(', ')}.`);
  return SCOPES.filter((scope) => names.includes(scope));
}

/**
 * Reads the expiry of a new key: a number of days such as `30d`, or a time of RFC 3339; absent: it does not expire.
 * @throws StartupError
 */
export function readExpiry(text: string | undefined, now: number): Timestamp | null {
  if (text === undefined) return null;
  const days = /^(\d{1,5})d$/.exec(text)?.[1];
  const ms = days === undefined ? Date.parse(text) : now + Number(days) * DAY_MS;
  if (Number.isNaN(ms) || (days === undefined && !/^\d{4}-\d{2}-\d{2}(T.+(Z|[+-]\d{2}:\d{2}))?$/i.test(text))) {
    throw new StartupError('--expires must be days, such as 30d, or a time, such as 2027-01-01T00:00:00Z.');
  }
  return toTimestamp(ms);
}

/**
 * Finds chatbots of an account by their ids or slugs, and returns their ids.
 * @throws StartupError for an unknown chatbot.
 */
export async function findNamedChatbots(
  trx: Queryable,
  accountId: string,
  names: readonly string[],
): Promise<string[]> {
  const ids: string[] = [];
  for (const name of names) {
    const id = parseId('chatbot', name);
    const chatbot = await (id ? findChatbot(trx, accountId, id) : findChatbotBySlug(trx, accountId, name));
    if (chatbot === undefined) throw new StartupError(`The account has no chatbot ${name}.`);
    ids.push(chatbot.id);
  }
  return ids;
}
