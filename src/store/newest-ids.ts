import { prepareQuery } from './engines/prepared.ts';
import type { Queryable } from './tables.ts';

/**
 * The tables in which a new id must sort after the newest id of the same owner, with the column of the owner. Each has
 * an index on that column and the id.
 */
const OWNER_COLUMNS = {
  conversations: 'chatbot_id',
  leads: 'chatbot_id',
  conversation_activities: 'conversation_id',
  sources: 'chatbot_id',
  webhook_events: 'account_id',
  webhook_deliveries: 'account_id',
} as const;

/** The tables with time-ordered ids. */
const TIME_ORDERED_TABLES = [
  ...['accounts', 'api_keys', 'chatbots', 'sources', 'passages', 'conversations', 'messages', 'leads'],
  ...['conversation_activities', 'webhook_subscriptions', 'webhook_events', 'webhook_deliveries'],
  ...['operation_manifests', 'operations'],
] as 'messages'[];

/**
 * The newest id among the rows of an owner. The id of a new row must sort after it even if another machine's clock is
 * ahead, or this machine's clock was set back.
 */
export async function findNewestId(
  db: Queryable,
  table: keyof typeof OWNER_COLUMNS,
  ownerId: string,
): Promise<string | undefined> {
  const [row] = await FIND_NEWEST[table](db, [ownerId, 1]);
  return row?.id;
}

const prepareNewest = (table: keyof typeof OWNER_COLUMNS) =>
  prepareQuery((db) =>
    db
      .selectFrom(table as 'leads')
      .select('id')
      .where(OWNER_COLUMNS[table] as 'chatbot_id', '=', '')
      .orderBy('id', 'desc')
      .limit(1),
  );
const FIND_NEWEST = {
  conversations: prepareNewest('conversations'),
  leads: prepareNewest('leads'),
  conversation_activities: prepareNewest('conversation_activities'),
  sources: prepareNewest('sources'),
  webhook_events: prepareNewest('webhook_events'),
  webhook_deliveries: prepareNewest('webhook_deliveries'),
};

/** The newest id of all tables; `undefined` in an empty database. Uses the primary keys. */
export async function findNewestIdOfAll(db: Queryable): Promise<string | undefined> {
  const [first, ...others] = TIME_ORDERED_TABLES.map((table) =>
    db.selectFrom(db.selectFrom(table).select('id').orderBy('id', 'desc').limit(1).as('newest')).select('id'),
  );
  const rows = await others.reduce((union, query) => union?.unionAll(query), first)?.execute();
  return rows
    ?.map(({ id }) => id)
    .sort()
    .at(-1);
}
