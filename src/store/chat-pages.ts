import type { Queryable } from './tables.ts';

/** What has to be known of a chatbot before its page has a credential. */
export interface PagedChatbot {
  readonly id: string;
  readonly accountId: string;
  readonly name: string;
  readonly slug: string;
}

/** Finds a chatbot by its id in every account, as an address in a browser names no account. */
export async function findPagedChatbot(db: Queryable, id: string): Promise<PagedChatbot | undefined> {
  return db
    .selectFrom('chatbots')
    .select(['id', 'account_id as accountId', 'name', 'slug'])
    .where('id', '=', id)
    .where('deleted_at', 'is', null)
    .executeTakeFirst();
}
