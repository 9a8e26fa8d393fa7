import { expect, it, onTestFinished } from 'vitest';
import { createId } from '../../../src/domain/ids.ts';
import type { Timestamp } from '../../../src/domain/time.ts';
import { openDatabase } from '../../../src/store/database.ts';
import { countInbox } from '../../../src/store/inbox/inbox-counts.ts';
import { describeDatabases } from '../../helpers/databases.ts';
import { insertChatbots, openAtMigration } from './support.ts';

const at = '2026-01-01T00:00:00.000000+00:00' as Timestamp;

describeDatabases('a database without the counts of the inbox', (engine) => {
  it('counts the stored conversations of each chatbot once, and then what changes', async () => {
    const { db, url } = await openAtMigration(engine, '0021-lookups');
    const [one, two] = [createId('chatbot'), createId('chatbot')];
    const chatbotIds = [one, two, createId('chatbot')];
    const { accountId } = await insertChatbots(db, chatbotIds);
    const kinds = [
      { chatbot_id: one, status: 'OPEN', assignee: null, unread_since: at },
      { chatbot_id: one, status: 'ESCALATED', assignee: null, unread_since: null },
      { chatbot_id: one, status: 'CLOSED', assignee: null, unread_since: at },
      { chatbot_id: two, status: 'OPEN', assignee: 'Ada', unread_since: at, silent_until: at },
    ];
    for (const kind of kinds) {
      const id = createId('conversation');
      const fields = { id, account_id: accountId, session_id: id, channel: 'API', unread_count: 0, metadata: '{}' };
      await db
        .insertInto('conversations')
        .values({ ...fields, ...kind, created_at: at, updated_at: at } as never)
        .execute();
    }
    await db.destroy();

    const opened = await openDatabase({ url, role: 'gateway' });
    onTestFinished(() => opened.close());
    const count = async (...ids: string[]) =>
      Object.values(await countInbox(opened.read, accountId, { chatbotIds: ids, now: at }));
    expect(await count(...chatbotIds)).toEqual([2, 1, 0, 2, 2]);
    expect(await count(one)).toEqual([1, 1, 0, 2, 1]);
    expect(await count(two)).toEqual([1, 0, 0, 0, 1]);
    await opened.transaction((trx) => trx.updateTable('conversations').set({ status: 'CLOSED' }).execute());
    expect(await count(...chatbotIds)).toEqual([0, 0, 0, 0, 0]);
    await opened.transaction((trx) =>
      trx.updateTable('conversations').set({ status: 'OPEN', assignee: 'Ben' }).execute(),
    );
    expect(await count(...chatbotIds)).toEqual([4, 0, 0, 0, 3]);
    await opened.transaction((trx) => trx.deleteFrom('conversations').where('chatbot_id', '=', one).execute());
    expect(await count(...chatbotIds)).toEqual([1, 0, 0, 0, 1]);
  });
});
