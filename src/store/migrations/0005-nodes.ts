import type { Kysely } from 'kysely';

/** Adds the gateways that share the database, the gateway that generates each reply, and requests to stop a reply. */
export async function createNodes({ schema }: Kysely<unknown>): Promise<void> {
  await schema
    .createTable('nodes')
    .addColumn('id', 'text', (c) => c.primaryKey().notNull())
    .addColumn('beat', 'bigint', (c) => c.notNull())
    .execute();
  await schema.alterTable('messages').addColumn('node_id', 'text').execute();
  await schema
    .alterTable('messages')
    .addColumn('stop_asked', 'integer', (c) => c.notNull().defaultTo(0))
    .execute();
}
