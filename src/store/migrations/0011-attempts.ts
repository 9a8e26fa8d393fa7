import type { Kysely } from 'kysely';

/** Adds the number of times that gateways have started a reply. */
export async function addAttempts({ schema }: Kysely<unknown>): Promise<void> {
  await schema
    .alterTable('messages')
    .addColumn('attempts', 'integer', (c) => c.notNull().defaultTo(0))
    .execute();
}
