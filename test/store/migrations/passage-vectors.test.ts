import { expect, it, onTestFinished } from 'vitest';
import { createId } from '../../../src/domain/ids.ts';
import { openDatabase } from '../../../src/store/database.ts';
import { countUnembedded, listUnembedded, saveVectors } from '../../../src/store/search/vectors.ts';
import { describeDatabases } from '../../helpers/databases.ts';
import { insertChatbots, openAtMigration } from './support.ts';

const AT = '2026-01-01T00:00:00.000000+00:00';
const MODEL = { model: 'small', dimensions: undefined };

describeDatabases('a database without vectors', (engine) => {
  it('has passages that are waiting for their vectors after the migration', async () => {
    const { db: old, url } = await openAtMigration(engine, '0027-search-index');
    const [chatbot_id, source_id, id] = [createId('chatbot'), createId('source'), createId('passage')];
    const { accountId: account_id } = await insertChatbots(old, [chatbot_id]);
    const owner = { account_id, chatbot_id };
    const source = { ...owner, id: source_id, type: 'TEXT', title: 'T', status: 'DONE', page_count: 1 };
    await old
      .insertInto('sources')
      .values({ ...source, created_at: AT, updated_at: AT } as never)
      .execute();
    await old
      .insertInto('passages')
      .values({ ...owner, id, source_id, position: 0, heading_path: '[]', text: 'Text' } as never)
      .execute();
    await old.destroy();

    const db = await openDatabase({ url, role: 'tool' });
    onTestFinished(() => db.close());
    expect(await listUnembedded(db.read, MODEL, '')).toEqual({ ids: [id], last: undefined });
    await db.transaction((trx) => saveVectors(trx, 'small', new Map([[id, Float32Array.of(1, 2)]])));
    expect(await listUnembedded(db.read, MODEL, '')).toEqual({ ids: [], last: undefined });
    expect(await countUnembedded(db.read, { model: 'large', dimensions: undefined })).toBe(1);
  });
});
