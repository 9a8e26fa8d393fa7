import { sql } from 'kysely';
import { padIds } from './pages.ts';
import type { Queryable } from './tables.ts';

/**
 * The lists within an object, with the table of that object and the column that contains its id. A list has the name of
 * its table, unless the table is named too.
 */
const OWNERS = {
  sources: ['chatbots', 'chatbot_id'],
  conversations: ['chatbots', 'chatbot_id'],
  leads: ['chatbots', 'chatbot_id'],
  conversation_leads: ['conversations', 'conversation_id', 'leads'],
  visitors: ['chatbots', 'chatbot_id'],
  visitor_conversations: ['visitors', 'visitor_id', 'conversations'],
  passages: ['sources', 'source_id'],
  messages: ['conversations', 'conversation_id'],
  conversation_activities: ['conversations', 'conversation_id'],
  webhook_deliveries: ['webhook_subscriptions', 'subscription_id'],
  operations: ['operation_manifests', 'manifest_id'],
} as const;

/** Selects the rows of a list: the values that columns of its table must have. */
export interface RowFilter {
  readonly table: keyof typeof OWNERS;
  readonly values: Readonly<Record<string, string | number | undefined>>;
}

/**
 * Counts the rows of the lists of several owners; an owner without rows, unknown or of another account is left out. The
 * account is compared once for each owner, not for each row: so the index of the list contains all that is counted.
 */
export async function countRows(
  db: Queryable,
  accountId: string,
  { table, values }: RowFilter,
  ownerIds: readonly string[],
): Promise<ReadonlyMap<string, number>> {
  const [owners, ownerColumn, rowTable = table]: readonly [string, string, string?] = OWNERS[table];
  const conditions = Object.entries(values)
    .filter(([, value]) => value !== undefined)
    .map(([column, value]) => sql`and item.${sql.ref(column)} = ${value}`);
  const { rows } = await sql<{ id: string; count: number | string }>`
    select owner.id, (
      select count(*) from ${sql.table(rowTable)} as item
      where item.${sql.ref(ownerColumn)} = owner.id ${sql.join(conditions, sql` `)}
    ) as count
    from ${sql.table(owners)} as owner
    where owner.account_id = ${accountId} and owner.id in (${sql.join(padIds(ownerIds))})`.execute(db);
  return new Map(rows.map(({ id, count }) => [id, Number(count)]));
}
