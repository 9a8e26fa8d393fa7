import { type Kysely, sql } from 'kysely';

/** Adds the index of the conversations that are assigned to a person, and wait for one, in the order of the waits. */
export async function addWaitingAssigned({ schema }: Kysely<unknown>): Promise<void> {
  await schema
    .createIndex('conversations_waiting_assigned')
    .on('conversations')
    .columns(['account_id', 'assignee', 'waiting_since', 'id'])
    .where(sql<boolean>`waiting_since is not null and assignee is not null`)
    .execute();
}
