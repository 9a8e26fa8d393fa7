import { sql } from 'kysely';
import { Client } from 'pg';
import { createId } from '../src/domain/ids.ts';
import { type Timestamp, toTimestamp } from '../src/domain/time.ts';
import { insertAccount } from '../src/store/accounts.ts';
import type { Database } from '../src/store/database.ts';
import { isPostgres } from '../src/store/engines/engine.ts';
import type { Queryable } from '../src/store/tables.ts';
import { createChatbotRow } from './data.ts';

/** The number of items of each kind. */
export const ITEMS = Number(process.env.BENCH_CONVERSATIONS ?? 1_000_000);
/** So few that Postgres stores a batch well within the query timeout of its pool. */
const BATCH_SIZE = 5_000;
const CHATBOTS = 20;
const START = Date.UTC(2026, 2, 15, 10, 30);
/** The time of the benchmark. */
export const NOW = toTimestamp(START);

/** The time a number of minutes before `NOW`. */
export const minutesAgo = (minutes: number): Timestamp => toTimestamp(START - minutes * 60_000);

/** The id of the item of a kind with a number. The items with greater numbers have earlier times, but later ids. */
export const idOf = (kind: 'conversation' | 'lead' | 'source' | 'webhookDelivery', n: number): string =>
  `00000000-0000-7000-8000-${(n * 32 + KINDS[kind]).toString(16).padStart(12, '0')}`;

/** The title of the source with a number. */
export const titleOf = (n: number): string => `Part ${String(n).padStart(7, '0')}`;

/** The last bits of the ids of a kind: see `createId`. */
const KINDS = { source: 4, conversation: 6, lead: 8, webhookDelivery: 10 } as const;

/** The account with the items. */
export interface FilledAccount {
  readonly accountId: string;
  readonly chatbotIds: readonly string[];
  readonly subscriptionId: string;
}

/**
 * Stores an account with `ITEMS` conversations, a minute apart: 30 % are closed, 2 % are escalated and 1 % are with a
 * person, both unread, and 5 % are assigned. Each has a lead and two messages. The first chatbot has as many sources, and
 * a subscription as many deliveries.
 */
export async function fillLists(db: Database, url: string): Promise<FilledAccount> {
  const account = {
    accountId: createId('account'),
    chatbotIds: [] as string[],
    subscriptionId: createId('webhookSubscription'),
  };
  const { accountId, chatbotIds, subscriptionId } = account;
  const eventId = createId('webhookEvent');
  await db.transaction(async (trx) => {
    await insertAccount(trx, { id: accountId, name: 'Benchmark', createdAt: NOW });
    for (let i = 1; i <= CHATBOTS; i++) chatbotIds.push(await createChatbotRow(trx, accountId, NOW, i));
    await sql`insert into webhook_subscriptions (
      id, account_id, url, description, events, schedule, sealed_secret, is_active, created_at, updated_at)
      values (${subscriptionId}, ${accountId}, 'https://a.example', '', '[]', 'SHORT', '', 0, ${NOW}, ${NOW})`.execute(
      trx,
    );
    await sql`insert into webhook_events (id, account_id, name, data, at)
      values (${eventId}, ${accountId}, 'LEAD_CAPTURED', '{}', ${NOW})`.execute(trx);
    // With the usual cache, SQLite would write each page of the indexes to the disk many times.
    if (!isPostgres(trx)) await sql`pragma cache_size = -1000000`.execute(trx);
  });
  for (let first = 0; first < ITEMS; first += BATCH_SIZE) {
    for (const insert of [insertConversations, insertMessages, insertOthers]) {
      // Short commits: a busy machine may take longer for one than the pool waits.
      await db.transaction(async (trx) => {
        if (isPostgres(trx)) await sql`set local statement_timeout = 0`.execute(trx);
        await insert(trx, { ...account, eventId }, first);
      });
    }
  }
  if (isPostgres(db.read)) await vacuum(url);
  else await db.transaction((trx) => sql`analyze`.execute(trx));
  return account;
}

/** Lets Postgres count within indexes, as it does in a database that has run for a while. */
async function vacuum(url: string): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  await client.query('vacuum analyze conversations, messages, message_words, leads, sources, webhook_deliveries');
  await client.end();
}

/** The numbers of a batch, and expressions on the number `n` in the SQL of an engine. */
function createBatch(trx: Queryable, first: number) {
  const onPostgres = isPostgres(trx);
  const last = sql.lit(Math.min(first + BATCH_SIZE, ITEMS) - 1);
  return {
    numbers: sql`with recursive numbers(n) as (
      select ${sql.lit(first)} union all select n + 1 from numbers where n < ${last})`,
    id: (kind: keyof typeof KINDS) => {
      const number = sql`n * 32 + ${sql.lit(KINDS[kind])}`;
      return onPostgres
        ? sql`'00000000-0000-7000-8000-' || lpad(to_hex(${number}), 12, '0')`
        : sql`printf('00000000-0000-7000-8000-%012x', ${number})`;
    },
    at: onPostgres
      ? sql`to_char(timestamp '2026-03-15 10:30:00' - n * interval '1 minute', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"')`
      : sql`strftime('%Y-%m-%dT%H:%M:%S.000000+00:00', '2026-03-15 10:30:00', '-' || n || ' minutes')`,
    title: onPostgres ? sql`'Part ' || lpad(n::text, 7, '0')` : sql`printf('Part %07d', n)`,
  };
}

/** An expression for the chatbot of the number `n`. */
function chatbotOf(chatbotIds: readonly string[]) {
  const cases = sql.join(
    chatbotIds.map((id, index) => sql`when ${sql.lit(index)} then ${sql.lit(id)}`),
    sql` `,
  );
  return sql`case n % ${sql.lit(CHATBOTS)} ${cases} end`;
}

async function insertConversations(trx: Queryable, { accountId, chatbotIds }: FilledAccount, first: number) {
  const { numbers, id, at } = createBatch(trx, first);
  const isUnread = sql`n % 50 = 0 or n % 100 = 5`;
  await sql`
    ${numbers}
    insert into conversations (
      id, account_id, chatbot_id, session_id, channel, status, silent_until, assignee, unread_count, unread_since,
      waiting_since, last_message_at, metadata, created_at, updated_at)
    select ${id('conversation')}, ${sql.lit(accountId)}, ${chatbotOf(chatbotIds)}, ${id('conversation')}, 'API',
      case when n % 50 = 0 then 'ESCALATED' when n % 10 < 3 then 'CLOSED' else 'OPEN' end,
      case when n % 100 = 5 then ${sql.lit(minutesAgo(-60))} end,
      case when n % 20 = 4 then 'Person ' || n % 7 end,
      case when ${isUnread} then 1 else 0 end,
      case when ${isUnread} then ${at} end,
      case when ${isUnread} then ${at} end,
      ${at}, '{}', ${at}, ${at} from numbers`.execute(trx);
}

async function insertOthers(
  trx: Queryable,
  { accountId, chatbotIds, subscriptionId, eventId }: FilledAccount & { eventId: string },
  first: number,
) {
  const { numbers, id, at, title } = createBatch(trx, first);
  const account = sql.lit(accountId);
  await sql`
    ${numbers}
    insert into leads (id, account_id, chatbot_id, conversation_id, email, custom_data, created_at)
    select ${id('lead')}, ${account}, ${chatbotOf(chatbotIds)}, ${id('conversation')}, 'visitor-' || n || '@example.com',
      '{}', ${at} from numbers`.execute(trx);
  await sql`
    ${numbers}
    insert into sources (id, account_id, chatbot_id, type, title, status, page_count, created_at, updated_at)
    select ${id('source')}, ${account}, ${sql.lit(chatbotIds[0] ?? '')}, 'TEXT', ${title}, 'DONE', 1, ${at}, ${at}
    from numbers`.execute(trx);
  await sql`
    ${numbers}
    insert into webhook_deliveries (
      id, account_id, subscription_id, event_id, name, status, body, attempt_count, created_at)
    select ${id('webhookDelivery')}, ${account}, ${sql.lit(subscriptionId)}, ${sql.lit(eventId)}, 'LEAD_CAPTURED',
      'DELIVERED', '{}', 1, ${at} from numbers`.execute(trx);
}

/**
 * Stores two messages with their words in each conversation: one conversation in `k` contains the words for `k`, and
 * `o<number>` is in one.
 */
async function insertMessages(trx: Queryable, { accountId }: FilledAccount, first: number): Promise<void> {
  const batch = createBatch(trx, first);
  const [numbers, id] = [batch.numbers, batch.id('conversation')];
  const messageId = (digit: string) => sql`replace(${id}, '-7000-8', ${`-7000-${digit}`})`;
  const frequent = sql`case when n % 10 < 3 then 'parcel ' else '' end`;
  const words = ['b', 'c', 'd', 'e', 'f'].map((letter, index) => {
    const count = sql.lit([50, 180, 190, 1_000, 10_000][index] ?? 1);
    return sql`${sql.lit(letter)} || ((n % 100000 * 7919) % ${count})`;
  });
  const texts = {
    '8': sql`' where is my ' || ${frequent} || ${sql.join(words, sql` || ' ' || `)} || ' o' || n || ' '`,
    '9': sql`' reply to ' || (n % 1000) || ' with some words that many replies have '`,
  };
  for (const [digit, text] of Object.entries(texts)) {
    await sql`
      insert into messages (
        id, account_id, conversation_id, role, status, content, citations, metadata, is_shown, is_private, created_at)
      ${numbers} select ${messageId(digit)}, ${sql.lit(accountId)}, ${id}, 'USER', 'COMPLETED', ${text}, '[]', '{}', 1, 0, '2026'
      from numbers`.execute(trx);
    await sql`
      insert into message_words (message_id, account_id, conversation_id, is_private, words)
      ${numbers} select ${messageId(digit)}, ${sql.lit(accountId)}, ${id}, 0, ${text} from numbers`.execute(trx);
  }
}
