import { type Kysely, sql } from 'kysely';

/** Renames a column and a stored value to the names that the API uses. */
export async function adoptPublicNames(db: Kysely<unknown>): Promise<void> {
  await db.schema.alterTable('chatbots').renameColumn('handover_message', 'handoff_message').execute();
  await sql`update webhook_subscriptions set schedule = 'SHORT' where schedule = 'CONTRACT'`.execute(db);
}
