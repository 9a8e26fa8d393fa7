import type { Kysely } from 'kysely';

/** Adds the outcome of a reply and the confidence of its search; both are null for earlier replies. */
export async function explainReplies({ schema }: Kysely<unknown>): Promise<void> {
  await schema.alterTable('messages').addColumn('outcome', 'text').execute();
  await schema.alterTable('messages').addColumn('confidence', 'double precision').execute();
}
