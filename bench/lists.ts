import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql } from 'kysely';
import { Client } from 'pg';
import { CONVERSATION_ORDERS, type ConversationOrder } from '../src/domain/conversation-list.ts';
import { createId } from '../src/domain/ids.ts';
import { type Timestamp, toTimestamp } from '../src/domain/time.ts';
import { insertAccount } from '../src/store/accounts.ts';
import { type Database, openDatabase } from '../src/store/database.ts';
import { isPostgres } from '../src/store/engines/engine.ts';
import { listConversations } from '../src/store/inbox/conversation-list.ts';
import { countInbox } from '../src/store/inbox/inbox-counts.ts';
import type { Queryable } from '../src/store/tables.ts';
import type { BenchContext, Benchmark, Figure } from './benchmark.ts';
import { createChatbotRow } from './data.ts';
import { createScaleStack } from './scale-stack.ts';

const CONVERSATIONS = Number(process.env.BENCH_CONVERSATIONS ?? 1_000_000);
/** So few that Postgres stores a batch well within the query timeout of its pool. */
const BATCH_SIZE = 5_000;
const CHATBOTS = 20;
const START = Date.UTC(2026, 2, 15, 10, 30);
const NOW = toTimestamp(START);
const PAGE_SIZE = 21;
const PAGES_PER_ROUND = 200;

/**
 * The lists of an inbox in an account with `BENCH_CONVERSATIONS` conversations, on both engines; if absent, with a
 * million.
 */
export const lists: Benchmark = {
  name: 'lists',
  async run(bench) {
    const dir = await mkdtemp(join(tmpdir(), 'chatgraph-bench-'));
    try {
      const figures = await measure(bench, 'SQLite', `sqlite:${join(dir, 'chatgraph.db')}`);
      const stack = await createScaleStack().catch((error: Error) => {
        bench.logProgress(`lists on Postgres: not measured. ${error.message}`);
      });
      if (!stack) return figures;
      try {
        return [...figures, ...(await measure(bench, 'Postgres', stack.settings.DATABASE_URL))];
      } finally {
        await stack.drop();
      }
    } finally {
      await rm(dir, { recursive: true });
    }
  },
};

async function measure(bench: BenchContext, engine: string, url: string): Promise<Figure[]> {
  const db = await openDatabase({ url, role: 'tool' });
  try {
    bench.logProgress(`${engine}: filling the database`);
    const accountId = await fill(db, url);
    const figures: Figure[] = [];
    const amount = `${CONVERSATIONS.toLocaleString('en')} conversations`;
    for (const field of Object.keys(CONVERSATION_ORDERS.values) as ConversationOrder['field'][]) {
      const pages = await repeat(bench.rounds, () => comparePages(db.read, accountId, field));
      const quantity = `${engine}: a page of ${amount} by ${field}, against the first page`;
      const [gateway, baseline] = [pages.map(({ anywhere }) => anywhere), pages.map(({ first }) => first)];
      figures.push({ goal: 'G10', quantity, unit: 'µs', gateway, baseline, target: 1.5 });
    }
    const filter = { hasUnread: true, channels: ['GRAPHQL' as const] };
    const order = { field: 'LAST_MESSAGE_AT', direction: 'DESC' } as const;
    const rare = await repeat(bench.rounds, () =>
      time(5, () => listConversations(db.read, accountId, { filter, order, now: NOW }, { limit: PAGE_SIZE })),
    );
    figures.push({ quantity: `${engine}: the longest page of a rare filter`, unit: 'µs', gateway: rare });
    const counts = await repeat(bench.rounds, () =>
      time(5, () => countInbox(db.read, accountId, { chatbotIds: undefined, now: NOW })),
    );
    figures.push({ quantity: `${engine}: Account.inbox of ${amount}`, unit: 'µs', gateway: counts });
    for (const { quantity, gateway } of figures) bench.logProgress(`${quantity}: ${gateway.map(Math.round).join(' ')}`);
    return figures;
  } finally {
    await db.close();
  }
}

/** The times of the first page, and of pages anywhere, in both directions of an order; in microseconds. */
async function comparePages(
  db: Queryable,
  accountId: string,
  field: ConversationOrder['field'],
): Promise<{ first: number; anywhere: number }> {
  const read = (direction: 'ASC' | 'DESC', fromEnd: boolean, minutes?: number) => {
    const position = minutes === undefined ? undefined : { value: minutesAgo(minutes), id: '' };
    const bound = fromEnd ? { before: position } : { after: position };
    const list = { filter: {}, order: { field, direction }, now: NOW };
    return listConversations(db, accountId, list, { limit: PAGE_SIZE, fromEnd, ...bound });
  };
  // The four ways to read an order.
  const readWay = (index: number, minutes?: number) =>
    read(index % 2 === 0 ? 'ASC' : 'DESC', Math.floor(index / 2) % 2 === 0, minutes);
  const first = await time(PAGES_PER_ROUND, (index) => readWay(index));
  const anywhere = await time(PAGES_PER_ROUND, (index) => readWay(index, (index * 4_999) % CONVERSATIONS));
  return { first, anywhere };
}

async function time(times: number, run: (index: number) => Promise<unknown>): Promise<number> {
  await run(0);
  const start = performance.now();
  for (let index = 0; index < times; index++) await run(index);
  return ((performance.now() - start) * 1_000) / times;
}

async function repeat<T>(times: number, run: () => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  for (let round = 0; round < times; round++) results.push(await run());
  return results;
}

const minutesAgo = (minutes: number): Timestamp => toTimestamp(START - minutes * 60_000);

/**
 * Stores an account with `CONVERSATIONS` conversations, a minute apart: 30 % are closed, 2 % are escalated and 1 % are
 * with a person, both unread, and 5 % are assigned.
 */
async function fill(db: Database, url: string): Promise<string> {
  const accountId = createId('account');
  const chatbotIds: string[] = [];
  await db.transaction(async (trx) => {
    await insertAccount(trx, { id: accountId, name: 'Benchmark', createdAt: NOW });
    for (let i = 1; i <= CHATBOTS; i++) chatbotIds.push(await createChatbotRow(trx, accountId, NOW, i));
    // With the usual cache, SQLite would write each page of the indexes to the disk many times.
    if (!isPostgres(trx)) await sql`pragma cache_size = -1000000`.execute(trx);
  });
  for (let first = 0; first < CONVERSATIONS; first += BATCH_SIZE) {
    await db.transaction((trx) => insertBatch(trx, accountId, chatbotIds, first));
  }
  if (isPostgres(db.read)) await vacuum(url);
  else await db.transaction((trx) => sql`analyze`.execute(trx));
  return accountId;
}

/** Lets Postgres count within indexes, as it does in a database that has run for a while. */
async function vacuum(url: string): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  await client.query('vacuum analyze conversations');
  await client.end();
}

async function insertBatch(trx: Queryable, accountId: string, chatbotIds: readonly string[], first: number) {
  if (isPostgres(trx)) await sql`set local statement_timeout = 0`.execute(trx);
  const last = sql.lit(Math.min(first + BATCH_SIZE, CONVERSATIONS) - 1);
  const [id, at] = isPostgres(trx)
    ? [
        sql`'00000000-0000-7000-8000-' || lpad(to_hex(n * 32 + 6), 12, '0')`,
        sql`to_char(timestamp '2026-03-15 10:30:00' - n * interval '1 minute', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"')`,
      ]
    : [
        sql`printf('00000000-0000-7000-8000-%012x', n * 32 + 6)`,
        sql`strftime('%Y-%m-%dT%H:%M:%S.000000+00:00', '2026-03-15 10:30:00', '-' || n || ' minutes')`,
      ];
  const chatbots = sql.join(
    chatbotIds.map((id, index) => sql`when ${sql.lit(index)} then ${sql.lit(id)}`),
    sql` `,
  );
  const isUnread = sql`n % 50 = 0 or n % 100 = 5`;
  await sql`
    with recursive numbers(n) as (select ${sql.lit(first)} union all select n + 1 from numbers where n < ${last})
    insert into conversations (
      id, account_id, chatbot_id, session_id, channel, status, silent_until, assignee, unread_count, unread_since,
      waiting_since, last_message_at, metadata, created_at, updated_at)
    select ${id}, ${sql.lit(accountId)}, case n % ${sql.lit(CHATBOTS)} ${chatbots} end, ${id}, 'API',
      case when n % 50 = 0 then 'ESCALATED' when n % 10 < 3 then 'CLOSED' else 'OPEN' end,
      case when n % 100 = 5 then ${sql.lit(minutesAgo(-60))} end,
      case when n % 20 = 4 then 'Person ' || n % 7 end,
      case when ${isUnread} then 1 else 0 end,
      case when ${isUnread} then ${at} end,
      case when ${isUnread} then ${at} end,
      ${at}, '{}', ${at}, ${at} from numbers`.execute(trx);
}
