import { expect, it, onTestFinished } from 'vitest';
import { indexMessages } from '../../../src/conversations/index-messages.ts';
import { createId } from '../../../src/domain/ids.ts';
import { parseTextQuery } from '../../../src/domain/language/message-words.ts';
import { toTimestamp } from '../../../src/domain/time.ts';
import { openDatabase } from '../../../src/store/database.ts';
import { listConversations } from '../../../src/store/inbox/conversation-list.ts';
import { describeDatabases } from '../../helpers/databases.ts';
import { openAtMigration } from './support.ts';

const AT = '2026-01-01T00:00:00.000000+00:00';
const HOUR_MS = 60 * 60 * 1_000;

describeDatabases('a database without the index of messages', (engine) => {
  it('gets the words of all messages in the background, in parts, and those that older gateways still write', async () => {
    const { db: old, url } = await openAtMigration(engine, '0021-lookups');
    const [account_id, chatbot_id] = [createId('account'), createId('chatbot')];
    const conversationId = createId('conversation');
    const owner = { account_id, metadata: '{}', created_at: AT };
    const texts = { name: 'B', slug: 'b', provider: 'builtin', instructions: '', handoff_message: '', is_active: 1 };
    const messageOf = (content: string, status = 'COMPLETED') => ({
      ...{ ...owner, id: createId('message'), conversation_id: conversationId, role: 'USER', status, content },
      ...{ citations: '[]', is_shown: 1, is_private: 0 },
    });
    await old
      .insertInto('accounts')
      .values({ id: account_id, name: 'A', created_at: AT } as never)
      .execute();
    await old
      .insertInto('chatbots')
      .values({ ...owner, ...texts, id: chatbot_id, fallback_message: 'No.', updated_at: AT } as never)
      .execute();
    await old
      .insertInto('conversations')
      .values({
        ...owner,
        id: conversationId,
        chatbot_id,
        session_id: 's',
        channel: 'API',
        status: 'OPEN',
        updated_at: AT,
      } as never)
      .execute();
    const messages = Array.from({ length: 250 }, (_, n) => messageOf(n % 10 === 0 ? '' : `Old${n} message`));
    messages.push(messageOf('Unfinished', 'STREAMING'));
    await old
      .insertInto('messages')
      .values(messages as never)
      .execute();
    await old.destroy();

    const db = await openDatabase({ url, role: 'gateway' });
    onTestFinished(() => db.close());
    let isDraining = false;
    let now = Date.parse(AT) + 30 * 60_000;
    const run = () => {
      const background = { run: () => {}, drain: async () => {}, size: 0, isDraining };
      return indexMessages(
        { db, clock: { now: () => now, monotonicMs: () => now }, background },
        new AbortController().signal,
      );
    };
    const find = async (query: string) => {
      const filter = { text: { words: [], prefixes: [], ...parseTextQuery(query), withNotes: true } };
      const order = { field: 'LAST_MESSAGE_AT', direction: 'DESC' } as const;
      const list = { filter, order, now: toTimestamp(now) };
      return (await listConversations(db.read, account_id, list, { limit: 9 })).items.map(({ id }) => id);
    };
    const countWords = async () => (await db.read.selectFrom('message_words').select('words').execute()).length;

    expect(await find('old1')).toEqual([]);
    isDraining = true;
    await run();
    expect(await countWords()).toBe(180);
    isDraining = false;
    await run();
    expect(await countWords()).toBe(225);
    expect(await find('old249 message')).toEqual([conversationId]);
    expect(await find('unfinished')).toEqual([]);

    // An older gateway writes a message whose id is before others that are indexed already.
    const late = { ...messageOf('Late'), id: messages[100]?.id.replace(/.{3}$/, '007') };
    await db.transaction((trx) =>
      trx
        .insertInto('messages')
        .values(late as never)
        .execute(),
    );
    await run();
    expect(await find('late')).toEqual([conversationId]);
    now += HOUR_MS;
    await run();
    const progress = await db.read.selectFrom('task_progress').select('position').executeTakeFirst();
    expect(progress?.position).toBe(messages.at(-1)?.id);
    await run();
    expect(await countWords()).toBe(226);
  });
});
