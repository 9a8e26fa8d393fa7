import type { Kysely } from 'kysely';

/** Adds the outcome of a reply, the confidence of its search, and its models; they are null for earlier replies. */
export async function explainReplies({ schema }: Kysely<unknown>): Promise<void> {
  await schema.alterTable('messages').addColumn('outcome', 'text').execute();
  await schema.alterTable('messages').addColumn('confidence', 'double precision').execute();
  await schema.alterTable('messages').addColumn('model_attempts', 'text').execute();
}
