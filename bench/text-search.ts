import { type RawBuilder, sql } from 'kysely';
import { parseTextQuery } from '../src/domain/message-words.ts';
import type { Timestamp } from '../src/domain/time.ts';
import { countConversations, listConversations } from '../src/store/inbox/conversation-list.ts';
import { listSources } from '../src/store/lists/source-list.ts';
import type { Queryable } from '../src/store/tables.ts';

/** The texts: words of 30 % to none of the conversations, alone and together, whole and incomplete. */
const TEXTS = [
  ...['parcel', 'parc', 'p', 'b7', 'c7 reply', 'd7', 'e7', 'f77', 'f7777', 'o1234', 'o12345', 'missing'],
  ...['where parcel b7', 'parcel c17 e117', 'reply b7', 'parcel missing', 'missing p'],
];
/** A title of few sources. */
const TITLE = '12345';
const PAGE_SIZE = 21;
const SEARCHES = 20;

/**
 * Stores two messages with their words in conversations: one conversation in `k` contains the words for `k`, and
 * `o<number>` is in one.
 * @param numbers the common table expression with the numbers `n` of the conversations.
 * @param id the id of the conversation `n`.
 */
export async function insertMessages(
  trx: Queryable,
  accountId: string,
  numbers: RawBuilder<unknown>,
  id: RawBuilder<unknown>,
): Promise<void> {
  const messageId = (digit: string) => sql`replace(${id}, '-7000-8', ${`-7000-${digit}`})`;
  const frequent = sql`case when n % 10 < 3 then 'parcel ' else '' end`;
  const words = ['b', 'c', 'd', 'e', 'f'].map((letter, index) => {
    const count = sql.lit([50, 180, 190, 1_000, 10_000][index] ?? 1);
    return sql`${sql.lit(letter)} || ((n % 100000 * 7919) % ${count})`;
  });
  const texts = {
    '8': sql`' where is my ' || ${frequent} || ${sql.join(words, sql` || ' ' || `)} || ' o' || n || ' '`,
    '9': sql`' reply to ' || (n % 1000) || ' with some words that many replies have '`,
  };
  for (const [digit, text] of Object.entries(texts)) {
    await sql`
      insert into messages (
        id, account_id, conversation_id, role, status, content, citations, metadata, is_shown, is_private, created_at)
      ${numbers} select ${messageId(digit)}, ${sql.lit(accountId)}, ${id}, 'USER', 'COMPLETED', ${text}, '[]', '{}', 1, 0, '2026'
      from numbers`.execute(trx);
    await sql`
      insert into message_words (message_id, account_id, conversation_id, is_private, words)
      ${numbers} select ${messageId(digit)}, ${sql.lit(accountId)}, ${id}, 0, ${text} from numbers`.execute(trx);
  }
}

/** An account with sources in its first chatbot. */
interface SearchedAccount {
  readonly accountId: string;
  readonly chatbotIds: readonly string[];
}

/** The times of the slowest text, of the slowest count, and of a search of sources by title, in microseconds. */
export async function compareSearches(db: Queryable, { accountId, chatbotIds }: SearchedAccount, now: Timestamp) {
  const order = { field: 'LAST_MESSAGE_AT', direction: 'DESC' } as const;
  const pages: number[] = [];
  const counts: number[] = [];
  for (const query of TEXTS) {
    const parsed = parseTextQuery(query);
    if (parsed === undefined) throw new Error('The text has no words.');
    const list = { filter: { text: { ...parsed, withNotes: true } }, order, now };
    pages.push(await time(SEARCHES, () => listConversations(db, accountId, list, { limit: PAGE_SIZE })));
    counts.push(await time(1, () => countConversations(db, accountId, list)));
  }
  const [chatbotId = ''] = chatbotIds;
  const sources = { chatbotId, filter: { title: TITLE }, order: { field: 'CREATED_AT', direction: 'DESC' } } as const;
  const title = await time(SEARCHES, () => listSources(db, accountId, sources, { limit: PAGE_SIZE }));
  return { page: Math.max(...pages), count: Math.max(...counts), title };
}

async function time(times: number, run: (index: number) => Promise<unknown>): Promise<number> {
  await run(0);
  const start = performance.now();
  for (let index = 0; index < times; index++) await run(index);
  return ((performance.now() - start) * 1_000) / times;
}
