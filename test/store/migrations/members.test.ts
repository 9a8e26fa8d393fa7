import { expect, it, onTestFinished } from 'vitest';
import { createId } from '../../../src/domain/ids.ts';
import { findConversations } from '../../../src/store/conversations.ts';
import { openDatabase } from '../../../src/store/database.ts';
import { findMembers, insertMember, setMemberActive } from '../../../src/store/members/members.ts';
import { describeDatabases } from '../../helpers/databases.ts';
import { insertChatbots, openAtMigration } from './support.ts';

const AT = '2026-01-01T00:00:00.000000+00:00' as never;

describeDatabases('a database without members', (engine) => {
  it('has conversations without an assigned member after the migration, and takes members', async () => {
    const { db: old, url } = await openAtMigration(engine, '0030-operations');
    const [chatbotId, id] = [createId('chatbot'), createId('conversation')];
    const { accountId } = await insertChatbots(old, [chatbotId]);
    const row = { id, account_id: accountId, chatbot_id: chatbotId, session_id: 's', channel: 'API', status: 'OPEN' };
    const counts = { unread_count: 0, metadata: '{}', created_at: AT, updated_at: AT };
    await old
      .insertInto('conversations')
      .values({ ...row, ...counts, assignee: 'Ada' } as never)
      .execute();
    await old.destroy();

    const db = await openDatabase({ url, role: 'tool' });
    onTestFinished(() => db.close());
    expect(await findConversations(db.read, accountId, [id])).toMatchObject([
      { assignee: 'Ada', assignedMemberId: null },
    ]);
    const ids = { id: createId('member'), accountId, issuer: 'https://a.example', subject: 'ada' };
    const member = { ...ids, name: 'Ada', email: null, isActive: true, createdAt: AT, describedAt: AT };
    await db.transaction(async (trx) => {
      await insertMember(trx, member);
      // The same person again, as two gateways may find at the same time.
      await insertMember(trx, { ...member, id: createId('member') });
      await setMemberActive(trx, accountId, member.id, false);
    });
    expect(await findMembers(db.read, accountId, [member.id])).toMatchObject([{ name: 'Ada', isActive: false }]);
  });
});
