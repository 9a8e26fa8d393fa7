import type { Kysely } from 'kysely';

/** Counts how often gateways have started each reply. */
export async function addAttempts({ schema }: Kysely<unknown>): Promise<void> {
  await schema
    .alterTable('messages')
    .addColumn('attempts', 'integer', (c) => c.notNull().defaultTo(0))
    .execute();
}
