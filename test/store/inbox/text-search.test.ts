import { sql } from 'kysely';
import { expect, it, onTestFinished } from 'vitest';
import { createId } from '../../../src/domain/ids.ts';
import { parseTextQuery } from '../../../src/domain/language/message-words.ts';
import type { ListPosition } from '../../../src/domain/ordered-list.ts';
import { toTimestamp } from '../../../src/domain/time.ts';
import { deleteMessages } from '../../../src/store/branches.ts';
import type { Database } from '../../../src/store/database.ts';
import { countConversations, listConversations } from '../../../src/store/inbox/conversation-list.ts';
import { indexMessage } from '../../../src/store/inbox/message-index.ts';
import { findTextCandidates } from '../../../src/store/inbox/text-search.ts';
import { updateMessage } from '../../../src/store/messages.ts';
import { addChatbot } from '../../helpers/corpus.ts';
import { describeDatabases, openTestDatabase } from '../../helpers/databases.ts';

const START = Date.UTC(2026, 0, 1);
const NOW = toTimestamp(START);

const parse = (text: string) => parseTextQuery(text) ?? { words: [], prefixes: [] };

/** Stores a message with its words. */
async function addMessage(db: Database, accountId: string, conversationId: string, content: string): Promise<string> {
  const id = createId('message');
  await db.transaction(async (trx) => {
    await sql`
      insert into messages (
        id, account_id, conversation_id, role, status, content, citations, metadata, is_shown, is_private, created_at)
      values (${id}, ${accountId}, ${conversationId}, 'USER', 'COMPLETED', ${content}, '[]', '{}', 1, 0, ${NOW})
    `.execute(trx);
    await indexMessage(trx, { id, accountId }, content);
  });
  return id;
}

/** Stores conversations, the newest first, and returns their ids. */
async function addConversations(db: Database, count: number) {
  const { accountId, chatbotId } = await addChatbot(db);
  const rows = Array.from({ length: count }, (_, index) => {
    const at = toTimestamp(START - index * 60_000);
    const fields = {
      id: createId('conversation'),
      account_id: accountId,
      chatbot_id: chatbotId,
      session_id: `${index}`,
    };
    return {
      ...fields,
      channel: 'API',
      status: 'OPEN',
      metadata: '{}',
      last_message_at: at,
      created_at: at,
      updated_at: at,
    };
  });
  await db.transaction((trx) =>
    trx
      .insertInto('conversations')
      .values(rows as never)
      .execute(),
  );
  return { accountId, conversationIds: rows.map(({ id }) => id) };
}

describeDatabases('the search for a text', (engine) => {
  const open = async (count: number) => {
    const { db, close } = await openTestDatabase(engine);
    onTestFinished(close);
    const { accountId, conversationIds } = await addConversations(db, count);
    const find = async (text: string) => (await findTextCandidates(db.read, accountId, parse(text)))?.sort();
    /** Reads all pages, and returns the numbers of the conversations and of the pages. */
    const list = async (text: string, direction: 'ASC' | 'DESC' = 'DESC') => {
      const order = { field: 'LAST_MESSAGE_AT', direction } as const;
      const request = { filter: { text: { ...parse(text), withNotes: true } }, order, now: NOW };
      const found: number[] = [];
      let pages = 0;
      let after: ListPosition | undefined;
      do {
        const page = await listConversations(db.read, accountId, request, { limit: 5, after });
        found.push(...page.items.map(({ sessionId }) => Number(sessionId)));
        const last = page.items.length === 5 ? page.items[4] : undefined;
        after = page.stoppedAt ?? (last && { value: last.lastMessageAt, id: last.id });
        pages += 1;
      } while (after !== undefined);
      return { found, pages, count: await countConversations(db.read, accountId, request) };
    };
    const add = (index: number, content: string) => addMessage(db, accountId, conversationIds[index] ?? '', content);
    return { db, accountId, conversationIds, find, list, add };
  };

  it('has the same words as the messages after any insertion, change and deletion', async () => {
    const { db, accountId, conversationIds, find, add } = await open(3);
    const [a, b, c] = conversationIds as [string, string, string];
    // Enough messages that SQLite indexes several batches, and keeps a part of a batch.
    const ids: string[] = [];
    for (let n = 0; n < 300; n++) ids.push(await add(n % 2, `number${n} filler`));
    expect(await find('number0 filler')).toEqual([a]);
    expect(await find('number299')).toEqual([b]);
    expect(await find('filler')).toEqual([a, b]);
    for (const [n, word] of [
      [1, 'old'],
      [299, 'new'],
    ] as const) {
      const message = { id: ids[n] ?? '', accountId };
      await db.transaction((trx) => updateMessage(trx, message, { content: `changed ${word}` }, NOW));
      expect(await find(`number${n} filler`)).toEqual([]);
      expect(await find(`changed ${word}`)).toEqual([b]);
      await db.transaction((trx) => deleteMessages(trx, { accountId, parentId: null }, [message.id]));
      expect(await find(`changed ${word}`)).toEqual([]);
    }
    // Ids of deleted rows are not used again: the index would take the new rows for the deleted ones.
    await db.transaction((trx) => deleteMessages(trx, { accountId, parentId: null }, ids.slice(100)));
    for (let n = 0; n < 200; n++) await add(2, `later${n}`);
    for (const n of [0, 100, 199]) expect(await find(`later${n} late`)).toEqual([c]);
    expect(await find('number100 filler')).toEqual([]);
    // More words begin with this than SQLite searches for; the rest of the text limits the candidates.
    expect(await find('later1 l')).toEqual([c]);
    await db.transaction((trx) => trx.deleteFrom('accounts').where('id', '=', accountId).execute());
    expect(await find('later1')).toEqual([]);
    expect(await find('filler')).toEqual([]);
  });

  it('finds rare texts anywhere at once, and frequent ones page by page', async () => {
    const { db, accountId, conversationIds, list, add } = await open(450);
    for (const n of [3, 210, 449]) await add(n, 'A rare word');
    expect(await list('rare')).toEqual({ found: [3, 210, 449], pages: 1, count: 3 });
    expect(await list('rar', 'ASC')).toEqual({ found: [449, 210, 3], pages: 1, count: 3 });
    for (const n of [...conversationIds.keys()].filter((n) => n % 40 === 0)) await add(n, 'An old parcel');
    const multiples = Array.from({ length: 12 }, (_, n) => n * 40);
    expect(await list('parcel')).toEqual({ found: multiples, pages: 3, count: 12 });
    expect(await list('parcel', 'ASC')).toEqual({ found: multiples.toReversed(), pages: 3, count: 12 });

    // So many messages that the index does not list their conversations, all beyond the first conversations.
    const busyId = conversationIds[300] ?? '';
    const values = sql`'busy' || n, ${accountId}, ${busyId}`;
    await db.transaction(async (trx) => {
      const numbers = sql`with recursive numbers(n) as (select 1 union all select n + 1 from numbers where n < 5001)`;
      await sql`
        insert into messages (
          id, account_id, conversation_id, role, status, content, citations, metadata, is_shown, is_private, created_at)
        ${numbers} select ${values}, 'USER', 'COMPLETED', 'Busy', '[]', '{}', 1, 0, ${NOW} from numbers`.execute(trx);
      await sql`
        insert into message_words (message_id, account_id, conversation_id, words, is_private)
        ${numbers} select ${values}, ' busy ', 0 from numbers`.execute(trx);
    });
    expect(await findTextCandidates(db.read, accountId, parse('busy'))).toBeUndefined();
    for (const text of ['busy', 'b']) expect(await list(text)).toMatchObject({ found: [300], count: 1 });
  });
});
