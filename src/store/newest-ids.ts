import { prepareQuery } from './engines/prepared.ts';
import type { Queryable } from './tables.ts';

/**
 * The tables in which a new id must sort after the owner's newest id, with the owner's column. Each has an index on
 * both columns.
 */
const OWNERS = {
  conversations: 'chatbot_id',
  leads: 'chatbot_id',
  sources: 'chatbot_id',
  webhook_events: 'account_id',
  webhook_deliveries: 'account_id',
} as const;

/** The tables with time-ordered ids. */
const TABLES = [
  ...['accounts', 'api_keys', 'chatbots', 'sources', 'passages', 'conversations', 'messages', 'leads'],
  ...['webhook_subscriptions', 'webhook_events', 'webhook_deliveries'],
] as 'messages'[];

/**
 * The newest id of a list. A new row's id must sort after it: another machine's clock may be ahead, or this machine's
 * clock may have been set back.
 */
export async function findNewestId(
  db: Queryable,
  table: keyof typeof OWNERS,
  ownerId: string,
): Promise<string | undefined> {
  const [row] = await NEWEST[table](db, [ownerId, 1]);
  return row?.id;
}

const prepareNewest = (table: keyof typeof OWNERS) =>
  prepareQuery((db) =>
    db
      .selectFrom(table as 'leads')
      .select('id')
      .where(OWNERS[table] as 'chatbot_id', '=', '')
      .orderBy('id', 'desc')
      .limit(1),
  );
const NEWEST = {
  conversations: prepareNewest('conversations'),
  leads: prepareNewest('leads'),
  sources: prepareNewest('sources'),
  webhook_events: prepareNewest('webhook_events'),
  webhook_deliveries: prepareNewest('webhook_deliveries'),
};

/** The newest id of all tables; `undefined` in an empty database. Uses the primary keys. */
export async function findNewestIdOfAll(db: Queryable): Promise<string | undefined> {
  const [first, ...others] = TABLES.map((table) =>
    db.selectFrom(db.selectFrom(table).select('id').orderBy('id', 'desc').limit(1).as('newest')).select('id'),
  );
  const rows = await others.reduce((union, query) => union?.unionAll(query), first)?.execute();
  return rows
    ?.map(({ id }) => id)
    .sort()
    .at(-1);
}
