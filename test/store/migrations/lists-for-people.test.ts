import { expect, it, onTestFinished } from 'vitest';
import { createId } from '../../../src/domain/ids.ts';
import { openDatabase } from '../../../src/store/database.ts';
import { describeDatabases } from '../../helpers/databases.ts';
import { openAtMigration } from './support.ts';

const timeOf = (minute: number) => `2026-01-01T00:${String(minute).padStart(2, '0')}:00.000000+00:00`;

/** The messages of each conversation in order, by role; `FALLBACK` is a reply with the chatbot's fallback message. */
const CONVERSATIONS = {
  answered: { unread: 2, messages: ['USER', 'ASSISTANT', 'USER', 'ASSISTANT'] },
  fallback: { unread: 2, messages: ['USER', 'ASSISTANT', 'USER', 'FALLBACK'] },
  escalated: { unread: 2, messages: ['USER', 'FALLBACK', 'USER'] },
  read: { unread: 0, messages: ['USER', 'FALLBACK', 'USER'] },
  readOnce: { unread: 1, messages: ['USER', 'FALLBACK', 'USER', 'NOTE'] },
  person: { unread: 1, messages: ['USER', 'AGENT', 'USER'] },
  closed: { unread: 0, messages: ['USER', 'AGENT'] },
  empty: { unread: 0, messages: [] },
} as const;

describeDatabases('a database without the columns of lists', (engine) => {
  it('finds out what is unread, who waits, and when conversations were last written to and closed', async () => {
    const { db, url } = await openAtMigration(engine, '0013-public-names');
    const [account_id, chatbot_id] = [createId('account'), createId('chatbot')];
    const owner = { account_id, metadata: '{}', created_at: timeOf(0) };
    await db
      .insertInto('accounts')
      .values({ id: account_id, name: 'A', created_at: timeOf(0) } as never)
      .execute();
    const texts = { name: 'B', slug: 'b', provider: 'builtin', instructions: '', handoff_message: '', is_active: 1 };
    await db
      .insertInto('chatbots')
      .values({ ...owner, ...texts, id: chatbot_id, fallback_message: 'No.', updated_at: timeOf(0) } as never)
      .execute();
    for (const [name, { unread, messages }] of Object.entries(CONVERSATIONS)) {
      const id = createId('conversation');
      const status = { escalated: 'ESCALATED', closed: 'CLOSED' }[name] ?? 'OPEN';
      const silent_until = name === 'person' ? timeOf(59) : null;
      const fields = { id, chatbot_id, session_id: name, channel: 'API', status, silent_until, unread_count: unread };
      await db
        .insertInto('conversations')
        .values({ ...owner, ...fields, updated_at: timeOf(30) } as never)
        .execute();
      for (const [minute, kind] of messages.entries()) {
        const role = { FALLBACK: 'ASSISTANT', NOTE: 'AGENT' }[kind as string] ?? kind;
        const content = kind === 'FALLBACK' ? 'No.' : 'Text';
        const message = { id: createId('message'), conversation_id: id, role, content, status: 'COMPLETED' };
        await db
          .insertInto('messages')
          .values({
            ...{ ...owner, ...message, citations: '[]', created_at: timeOf(minute + 1) },
            ...{ is_shown: 1, is_private: kind === 'NOTE' ? 1 : 0 },
          } as never)
          .execute();
      }
    }
    await db.destroy();

    const opened = await openDatabase({ url, role: 'gateway' });
    onTestFinished(() => opened.close());
    const rows = await opened.read.selectFrom('conversations').selectAll().execute();
    const minuteOf = (time: string | null) => time && Number(time.slice(14, 16));
    const found = rows.map((row) => [
      row.session_id,
      [row.unread_count, ...[row.unread_since, row.waiting_since, row.last_message_at].map(minuteOf)],
      [row.closed_at, row.first_agent_reply_at].map(minuteOf),
    ]);
    expect(Object.fromEntries(found.map(([name, ...values]) => [name, values]))).toEqual({
      answered: [
        [0, null, null, 4],
        [null, null],
      ],
      fallback: [
        [1, 3, null, 4],
        [null, null],
      ],
      escalated: [
        [2, 1, 1, 3],
        [null, null],
      ],
      read: [
        [0, null, null, 3],
        [null, null],
      ],
      readOnce: [
        [1, 3, null, 3],
        [null, null],
      ],
      person: [
        [1, 3, 3, 3],
        [null, 2],
      ],
      closed: [
        [0, null, null, 2],
        [30, 2],
      ],
      empty: [
        [0, null, null, 0],
        [null, null],
      ],
    });
    expect(rows.map(({ labels, priority }) => [labels, priority])).toEqual(rows.map(() => ['[]', 'NORMAL']));
  });
});
