import type { Kysely } from 'kysely';

/** Adds the number of unclean ends of a delivery: how many processes crashed while they attempted it. */
export async function addUncleanEnds({ schema }: Kysely<unknown>): Promise<void> {
  await schema
    .alterTable('webhook_deliveries')
    .addColumn('unclean_ends', 'integer', (c) => c.notNull().defaultTo(0))
    .execute();
}
