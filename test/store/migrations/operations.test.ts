import { expect, it, onTestFinished } from 'vitest';
import { createId } from '../../../src/domain/ids.ts';
import { findApiKeyByHash } from '../../../src/store/api-keys.ts';
import { findChatbot } from '../../../src/store/chatbots.ts';
import { openDatabase } from '../../../src/store/database.ts';
import { describeDatabases } from '../../helpers/databases.ts';
import { insertChatbots, openAtMigration } from './support.ts';

describeDatabases('a database without operations', (engine) => {
  it('has keys and chatbots that go on accepting any document after the migration', async () => {
    const { db: old, url } = await openAtMigration(engine, '0028-passage-vectors');
    const chatbotId = createId('chatbot');
    const { accountId: account_id } = await insertChatbots(old, [chatbotId]);
    const key = { id: createId('apiKey'), account_id, name: 'Key', prefix: 'ic_abcde', hash: 'hash', scopes: '[]' };
    await old
      .insertInto('api_keys')
      .values({ ...key, created_at: '2026-01-01T00:00:00.000000+00:00' } as never)
      .execute();
    await old.destroy();

    const db = await openDatabase({ url, role: 'tool' });
    onTestFinished(() => db.close());
    expect(await findApiKeyByHash(db.read, 'hash')).toMatchObject({ name: 'Key', persistedOnly: false });
    expect(await findChatbot(db.read, account_id, chatbotId)).toMatchObject({
      persistedOnly: false,
      sessionOperations: null,
    });
  });
});
