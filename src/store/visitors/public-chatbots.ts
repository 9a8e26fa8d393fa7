import type { Chatbot } from '../../domain/entities.ts';
import { toChatbot } from '../chatbots.ts';
import type { Queryable } from '../tables.ts';

/** A chatbot that pages may use without a key. */
export type PublicChatbot = Chatbot;

/** Finds a public chatbot of any account; undefined if it does not exist, is deleted or is not public. */
export async function findPublicChatbot(db: Queryable, id: string): Promise<PublicChatbot | undefined> {
  const row = await db
    .selectFrom('chatbots')
    .selectAll()
    .where('id', '=', id)
    .where('is_public', '=', 1)
    .where('deleted_at', 'is', null)
    .executeTakeFirst();
  return row && toChatbot(row);
}
