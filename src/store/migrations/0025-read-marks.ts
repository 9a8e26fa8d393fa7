import type { Kysely } from 'kysely';

/**
 * Adds up to where each side has marked a conversation as read. Until now that was mixed with what was answered, so a
 * deleted answer could not become unanswered. Earlier marks are unknown.
 */
export async function addReadMarks({ schema }: Kysely<unknown>): Promise<void> {
  await schema
    .alterTable('conversations')
    .addColumn('marked_read_until', 'text', (c) => c.notNull().defaultTo(''))
    .execute();
  await schema
    .alterTable('conversations')
    .addColumn('visitor_read_event', 'integer', (c) => c.notNull().defaultTo(0))
    .execute();
}
