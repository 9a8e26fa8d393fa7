import type { Kysely } from 'kysely';

/**
 * Adds an id to each logged event (null for earlier events), and secrets that the gateways on a database share. The
 * migration's name refers to the positions in event streams: a cursor contains the position after an event, by its
 * number and id, and a shared secret signs the cursor.
 */
export async function addEventIdsAndSecrets({ schema }: Kysely<unknown>): Promise<void> {
  await schema.alterTable('conversation_events').addColumn('id', 'text').execute();
  await schema
    .createTable('gateway_secrets')
    .addColumn('purpose', 'text', (c) => c.primaryKey().notNull())
    .addColumn('secret', 'text', (c) => c.notNull())
    .execute();
}
