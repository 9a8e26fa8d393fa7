import type { Passage, SourceType } from '../../src/domain/entities.ts';
import { createId } from '../../src/domain/ids.ts';
import { toJson } from '../../src/domain/json.ts';
import { toIndexTerms } from '../../src/domain/language/terms.ts';
import { toTimestamp } from '../../src/domain/time.ts';
import type { Database } from '../../src/store/database.ts';
import { addIndexEntries } from '../../src/store/search/inverted-index.ts';
import { insertPassages } from '../../src/store/search/passages.ts';

const NOW = toTimestamp(Date.UTC(2026, 0, 1));

/** A source to insert, with its passages. */
export interface SourceFixture {
  title: string;
  type?: SourceType;
  url?: string;
  passages: readonly { headingPath?: readonly string[]; text: string }[];
}

/** Inserts a chatbot into an account, which is created if it does not exist; by default into a new account. */
export async function addChatbot(db: Database, accountId = createId('account')) {
  const chatbotId = createId('chatbot');
  await db.transaction(async (trx) => {
    await trx
      .insertInto('accounts')
      .values({ id: accountId, name: accountId, created_at: NOW })
      .onConflict((conflict) => conflict.doNothing())
      .execute();
    await trx
      .insertInto('chatbots')
      .values({
        id: chatbotId,
        account_id: accountId,
        name: 'Test',
        slug: chatbotId,
        provider: 'builtin',
        model: null,
        instructions: '',
        fallback_message: '',
        handoff_message: '',
        lead_form: toJson({}),
        answering: toJson({}),
        is_active: 1,
        metadata: toJson({}),
        created_at: NOW,
        updated_at: NOW,
      })
      .execute();
  });
  return { accountId, chatbotId };
}

/** Inserts a source with its passages, and indexes them. */
export async function addSource(db: Database, accountId: string, chatbotId: string, source: SourceFixture) {
  const sourceId = createId('source');
  const passages = source.passages.map(
    ({ headingPath = [], text }, position): Passage => ({
      id: createId('passage'),
      accountId,
      chatbotId,
      sourceId,
      position,
      headingPath,
      text,
    }),
  );
  await db.transaction(async (trx) => {
    await trx
      .insertInto('sources')
      .values({
        id: sourceId,
        account_id: accountId,
        chatbot_id: chatbotId,
        type: source.type ?? 'TEXT',
        title: source.title,
        url: source.url ?? null,
        status: 'DONE',
        error: null,
        page_count: 1,
        created_at: NOW,
        updated_at: NOW,
      })
      .execute();
    await insertPassages(trx, passages);
    await addIndexEntries(
      trx,
      passages.map(({ id, headingPath, text }) => ({
        ...{ passageId: id, accountId, chatbotId, sourceId },
        terms: toIndexTerms([source.title, ...headingPath, text].join('\n')),
      })),
    );
  });
  return { sourceId, passages };
}
