import type { Queryable } from './tables.ts';

/** What the page of a chatbot has to know of it before anybody has shown a credential. */
export interface PagedChatbot {
  readonly id: string;
  readonly accountId: string;
  readonly name: string;
  readonly slug: string;
}

/**
 * Finds chatbots by their id or slug, oldest first, in every account: an address in a browser names no account, and
 * slugs are unique only within one. Reads the whole table where a slug is given, which is small.
 */
export async function listPagedChatbots(db: Queryable, idOrSlug: string): Promise<PagedChatbot[]> {
  return db
    .selectFrom('chatbots')
    .select(['id', 'account_id as accountId', 'name', 'slug'])
    .where((where) => where.or([where('id', '=', idOrSlug.toLowerCase()), where('slug', '=', idOrSlug)]))
    .orderBy('id')
    .execute();
}
