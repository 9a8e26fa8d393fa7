import type { Kysely } from 'kysely';

/** Counts how often a process ended uncleanly while it attempted a delivery. */
export async function addUncleanEnds({ schema }: Kysely<unknown>): Promise<void> {
  await schema
    .alterTable('webhook_deliveries')
    .addColumn('unclean_ends', 'integer', (c) => c.notNull().defaultTo(0))
    .execute();
}
