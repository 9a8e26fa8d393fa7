import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CONVERSATION_ORDERS } from '../src/domain/conversation-list.ts';
import { parseTextQuery } from '../src/domain/language/message-words.ts';
import { DELIVERY_ORDERS, LEAD_ORDERS, SOURCE_ORDERS } from '../src/domain/list-filters.ts';
import type { ListOrder, ListPosition } from '../src/domain/ordered-list.ts';
import { openDatabase } from '../src/store/database.ts';
import { countConversations, listConversations } from '../src/store/inbox/conversation-list.ts';
import { countInbox } from '../src/store/inbox/inbox-counts.ts';
import { listWebhookDeliveries } from '../src/store/lists/delivery-list.ts';
import { listLeads } from '../src/store/lists/lead-list.ts';
import { listSources } from '../src/store/lists/source-list.ts';
import type { Page } from '../src/store/pages.ts';
import type { Queryable } from '../src/store/tables.ts';
import type { BenchContext, Benchmark, Figure } from './benchmark.ts';
import { type FilledAccount, fillLists, ITEMS, idOf, minutesAgo, NOW, titleOf } from './list-data.ts';
import { createScaleStack } from './scale-stack.ts';

const PAGE_SIZE = 21;
const PAGES_PER_ROUND = 200;
const SEARCHES = 20;
/** The texts: words of 30 % to none of the conversations, alone and together, whole and incomplete. */
const TEXTS = [
  ...['parcel', 'parc', 'p', 'b7', 'c7 reply', 'd7', 'e7', 'f77', 'f7777', 'o1234', 'o12345', 'missing'],
  ...['where parcel b7', 'parcel c17 e117', 'reply b7', 'parcel missing', 'missing p'],
];
/** A title of few sources. */
const TITLE = '12345';

/**
 * The lists of an account with `BENCH_CONVERSATIONS` items each, on both engines; if absent, with a million.
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
    const account = await fillLists(db, url);
    const { accountId } = account;
    const figures: Figure[] = [];
    const amount = ITEMS.toLocaleString('en');
    for (const { name, read, positionOf } of listOrderedLists(db.read, account)) {
      const pages = await repeat(bench.rounds, () => comparePages(read, positionOf));
      const quantity = `${engine}: a page of ${amount} ${name}, against the first page`;
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
    figures.push({ quantity: `${engine}: Account.inbox of ${amount} conversations`, unit: 'µs', gateway: counts });
    const searches = await repeat(bench.rounds, () => compareSearches(db.read, account));
    figures.push({
      quantity: `${engine}: a page of ${amount} conversations by the slowest text, against sources by title`,
      unit: 'µs',
      gateway: searches.map(({ page }) => page),
      baseline: searches.map(({ title }) => title),
      target: 3,
    });
    const textCounts = searches.map(({ count }) => count);
    figures.push({ quantity: `${engine}: totalCount of the slowest text`, unit: 'µs', gateway: textCounts });
    for (const { quantity, gateway } of figures) bench.logProgress(`${quantity}: ${gateway.map(Math.round).join(' ')}`);
    return figures;
  } finally {
    await db.close();
  }
}

type Direction = ListOrder<string>['direction'];
type ReadPage = (direction: Direction, page: Page<ListPosition>) => Promise<unknown>;

/** A list in one of its orders, and the position of its item with a number. */
interface OrderedList {
  readonly name: string;
  readonly read: ReadPage;
  readonly positionOf: (n: number) => ListPosition;
}

function listOrderedLists(db: Queryable, { accountId, chatbotIds, subscriptionId }: FilledAccount): OrderedList[] {
  const [chatbotId = ''] = chatbotIds;
  const fieldsOf = <Field extends string>({ values }: { values: Readonly<Record<Field, unknown>> }) =>
    Object.keys(values) as Field[];
  const byTime = (kind: Parameters<typeof idOf>[0]) => (n: number) => ({ value: minutesAgo(n), id: idOf(kind, n) });
  const byTitle = (n: number) => ({ value: titleOf(n).toLowerCase(), id: idOf('source', n) });
  const filter = {};
  return [
    ...fieldsOf(CONVERSATION_ORDERS).map((field) => ({
      name: `conversations by ${field}`,
      read: ((direction, page) =>
        listConversations(db, accountId, { filter, order: { field, direction }, now: NOW }, page)) as ReadPage,
      positionOf: byTime('conversation'),
    })),
    ...fieldsOf(LEAD_ORDERS).map((field) => ({
      name: `leads by ${field}`,
      read: ((direction, page) => listLeads(db, accountId, { filter, order: { field, direction } }, page)) as ReadPage,
      positionOf: byTime('lead'),
    })),
    ...fieldsOf(SOURCE_ORDERS).map((field) => ({
      name: `sources by ${field}`,
      read: ((direction, page) =>
        listSources(db, accountId, { chatbotId, filter, order: { field, direction } }, page)) as ReadPage,
      positionOf: field === 'TITLE' ? byTitle : byTime('source'),
    })),
    ...fieldsOf(DELIVERY_ORDERS).map((field) => ({
      name: `deliveries by ${field}`,
      read: ((direction, page) =>
        listWebhookDeliveries(
          db,
          accountId,
          { subscriptionId, filter, order: { field, direction } },
          page,
        )) as ReadPage,
      positionOf: byTime('webhookDelivery'),
    })),
  ];
}

/** The times of the first page, and of pages anywhere, in both directions of an order; in microseconds. */
async function comparePages(
  read: ReadPage,
  positionOf: OrderedList['positionOf'],
): Promise<{ first: number; anywhere: number }> {
  // The four ways to read an order.
  const readWay = (index: number, position?: ListPosition) => {
    const fromEnd = Math.floor(index / 2) % 2 === 0;
    const bound = fromEnd ? { before: position } : { after: position };
    return read(index % 2 === 0 ? 'ASC' : 'DESC', { limit: PAGE_SIZE, fromEnd, ...bound });
  };
  const first = await time(PAGES_PER_ROUND, (index) => readWay(index));
  const anywhere = await time(PAGES_PER_ROUND, (index) => readWay(index, positionOf((index * 4_999) % ITEMS)));
  return { first, anywhere };
}

/** The times of the slowest text, of the slowest count, and of a search of sources by title, in microseconds. */
async function compareSearches(db: Queryable, { accountId, chatbotIds }: FilledAccount) {
  const order = { field: 'LAST_MESSAGE_AT', direction: 'DESC' } as const;
  const pages: number[] = [];
  const counts: number[] = [];
  for (const query of TEXTS) {
    const parsed = parseTextQuery(query);
    if (parsed === undefined) throw new Error('The text has no words.');
    const list = { filter: { text: { ...parsed, withNotes: true } }, order, now: NOW };
    pages.push(await time(SEARCHES, () => listConversations(db, accountId, list, { limit: PAGE_SIZE })));
    counts.push(await time(1, () => countConversations(db, accountId, list)));
  }
  const [chatbotId = ''] = chatbotIds;
  const sources = { chatbotId, filter: { title: TITLE }, order: { field: 'CREATED_AT', direction: 'DESC' } } as const;
  const title = await time(SEARCHES, () => listSources(db, accountId, sources, { limit: PAGE_SIZE }));
  return { page: Math.max(...pages), count: Math.max(...counts), title };
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
