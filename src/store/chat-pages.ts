import type { Queryable } from './tables.ts';

/** The fields of a chatbot that its chat page needs before the visitor has a credential. */
export interface ChatPageChatbot {
  readonly id: string;
  readonly accountId: string;
  readonly name: string;
  readonly slug: string;
}

/** Finds a chatbot of any account by its id, because the URL of a chat page does not contain the account. */
export async function findChatPageChatbot(db: Queryable, id: string): Promise<ChatPageChatbot | undefined> {
  return db
    .selectFrom('chatbots')
    .select(['id', 'account_id as accountId', 'name', 'slug'])
    .where('id', '=', id)
    .where('deleted_at', 'is', null)
    .executeTakeFirst();
}
