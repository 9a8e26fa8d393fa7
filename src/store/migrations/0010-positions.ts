import type { Kysely } from 'kysely';

/** Gives each logged event an id (null for earlier events), and gateways that share a database a secret. */
export async function addPositions({ schema }: Kysely<unknown>): Promise<void> {
  await schema.alterTable('conversation_events').addColumn('id', 'text').execute();
  await schema
    .createTable('gateway_secrets')
    .addColumn('purpose', 'text', (c) => c.primaryKey().notNull())
    .addColumn('secret', 'text', (c) => c.notNull())
    .execute();
}
