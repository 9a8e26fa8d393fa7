import { expect, it, onTestFinished } from 'vitest';
import { createId } from '../../../src/domain/ids.ts';
import { openDatabase } from '../../../src/store/database.ts';
import type { Tables } from '../../../src/store/tables.ts';
import { describeDatabases } from '../../helpers/databases.ts';
import { openAtMigration } from './support.ts';

const at = '2026-01-01T00:00:00.000000+00:00' as Tables['messages']['created_at'];
const emptyJson = '{}' as Tables['messages']['metadata'];

describeDatabases('a database of an earlier version', (engine) => {
  it('makes each message refer to the message before it, and keeps all other data and the event log', async () => {
    const { db, url } = await openAtMigration(engine, '0002-conversation-events');
    const [account, chatbot, ...conversations] = [
      createId('account'),
      createId('chatbot'),
      createId('conversation'),
      createId('conversation'),
    ];
    const owner = { account_id: account, created_at: at };
    await db.insertInto('accounts').values({ id: account, name: 'A', created_at: at }).execute();
    const bot = {
      name: 'B',
      slug: 'b',
      provider: 'builtin',
      instructions: '',
      fallback_message: '',
      handover_message: '',
    };
    await db
      .insertInto('chatbots')
      .values({ ...owner, ...bot, id: chatbot, is_active: 1, metadata: emptyJson, updated_at: at } as never)
      .execute();
    const messageIds = new Map<string, string[]>();
    let eventCount = 0;
    for (const id of conversations) {
      const fields = { id, chatbot_id: chatbot, session_id: id, channel: 'API', status: 'OPEN', metadata: emptyJson };
      await db
        .insertInto('conversations')
        .values({ ...owner, ...fields, updated_at: at } as never)
        .execute();
      messageIds.set(id, []);
    }
    for (let n = 0; n < 3; n++) {
      for (const conversation of conversations) {
        const question = createId('message');
        for (const [role, id, parent] of [
          ['USER', question, null],
          ['ASSISTANT', createId('message'), question],
        ] as const) {
          const message = {
            id,
            conversation_id: conversation,
            role,
            status: 'COMPLETED',
            content: `${n}`,
            parent_id: parent,
          };
          await db
            .insertInto('messages')
            .values({ ...owner, ...message, citations: '[]', metadata: emptyJson, rating: 'UP' } as never)
            .execute();
          messageIds.get(conversation)?.push(id);
          const number = messageIds.get(conversation)?.length ?? 0;
          eventCount++;
          const event = { conversation_id: conversation, number, chatbot_id: chatbot, chatbot_number: eventCount, at };
          await db
            .insertInto('conversation_events')
            .values({
              ...event,
              account_id: account,
              type: 'MessageCreated',
              message_id: id,
              status: 'COMPLETED',
            } as never)
            .execute();
        }
      }
    }
    await db.destroy();

    const opened = await openDatabase({ url, role: 'gateway' });
    onTestFinished(() => opened.close());
    for (const [conversation, expected] of messageIds) {
      const rows = await opened.read
        .selectFrom('messages')
        .select(['id', 'parent_id', 'is_shown', 'rating', 'content'])
        .where('conversation_id', '=', conversation)
        .orderBy('id')
        .execute();
      expect(rows).toEqual(
        expected.map((id, index) => ({
          id,
          parent_id: expected[index - 1] ?? null,
          is_shown: 1,
          rating: 'UP',
          content: `${Math.floor(index / 2)}`,
        })),
      );
    }
    const log = await opened.read.selectFrom('conversation_events').selectAll().orderBy('chatbot_number').execute();
    expect(log.map((row) => row.chatbot_number)).toEqual([...log.keys()].map((index) => index + 1));
    expect(log).toHaveLength(12);
    for (const [conversation, expected] of messageIds) {
      const logged = log.filter((row) => row.conversation_id === conversation);
      expect(logged.map(({ number, message_id, lead_id }) => [number, message_id, lead_id])).toEqual(
        expected.map((id, index) => [index + 1, id, null]),
      );
    }
  });

  it('keeps handoff messages and webhook schedules when migrations give them their public names', async () => {
    const { db, url } = await openAtMigration(engine, '0012-unclean-ends');
    const [account, chatbot] = [createId('account'), createId('chatbot')];
    const owner = { account_id: account, created_at: at, updated_at: at };
    await db.insertInto('accounts').values({ id: account, name: 'A', created_at: at }).execute();
    const texts = { name: 'B', slug: 'b', provider: 'builtin', instructions: '', fallback_message: '' };
    await db
      .insertInto('chatbots')
      .values({
        ...owner,
        ...texts,
        id: chatbot,
        handover_message: 'Wait.',
        is_active: 1,
        metadata: emptyJson,
      } as never)
      .execute();
    for (const schedule of ['CONTRACT', 'LONG']) {
      const endpoint = { url: schedule, description: '', events: '[]', sealed_secret: '', is_active: 1, schedule };
      await db
        .insertInto('webhook_subscriptions')
        .values({ ...owner, ...endpoint, id: createId('webhookSubscription') } as never)
        .execute();
    }
    await db.destroy();

    const opened = await openDatabase({ url, role: 'gateway' });
    onTestFinished(() => opened.close());
    expect(await opened.read.selectFrom('chatbots').select('handoff_message').execute()).toEqual([
      { handoff_message: 'Wait.' },
    ]);
    expect(
      await opened.read.selectFrom('webhook_subscriptions').select(['url', 'schedule']).orderBy('url').execute(),
    ).toEqual([
      { url: 'CONTRACT', schedule: 'SHORT' },
      { url: 'LONG', schedule: 'LONG' },
    ]);
  });

  it('keeps the changes of handoffs in the event log under their new name, without an activity', async () => {
    const { db, url } = await openAtMigration(engine, '0013-public-names');
    const [account, chatbot, conversation] = [createId('account'), createId('chatbot'), createId('conversation')];
    const owner = { account_id: account, created_at: at, updated_at: at, metadata: emptyJson };
    await db.insertInto('accounts').values({ id: account, name: 'A', created_at: at }).execute();
    const texts = { name: 'B', slug: 'b', provider: 'builtin', instructions: '', fallback_message: '' };
    await db
      .insertInto('chatbots')
      .values({ ...owner, ...texts, id: chatbot, handoff_message: '', is_active: 1 } as never)
      .execute();
    await db
      .insertInto('conversations')
      .values({
        ...owner,
        id: conversation,
        chatbot_id: chatbot,
        session_id: 's',
        channel: 'API',
        status: 'OPEN',
      } as never)
      .execute();
    const event = { conversation_id: conversation, chatbot_id: chatbot, account_id: account, at };
    for (const [index, type] of ['MessageCreated', 'HandoffChanged'].entries()) {
      const numbers = { number: index + 1, chatbot_number: index + 1 };
      await db
        .insertInto('conversation_events')
        .values({ ...event, ...numbers, type } as never)
        .execute();
    }
    await db.destroy();

    const opened = await openDatabase({ url, role: 'gateway' });
    onTestFinished(() => opened.close());
    const log = opened.read.selectFrom('conversation_events').select(['type', 'activity_id']).orderBy('number');
    expect(await log.execute()).toEqual([
      { type: 'MessageCreated', activity_id: null },
      { type: 'ConversationChanged', activity_id: null },
    ]);
  });

  it('counts earlier ratings in the usage of the day, and copies that usage to a quarter-hour of the day', async () => {
    const { db, url } = await openAtMigration(engine, '0013-public-names');
    const [account, chatbot, conversation] = [createId('account'), createId('chatbot'), createId('conversation')];
    const owner = { account_id: account, created_at: at, updated_at: at, metadata: emptyJson };
    await db.insertInto('accounts').values({ id: account, name: 'A', created_at: at }).execute();
    const texts = { name: 'B', slug: 'b', provider: 'builtin', instructions: '', fallback_message: '' };
    await db
      .insertInto('chatbots')
      .values({ ...owner, ...texts, id: chatbot, handoff_message: '', is_active: 1 } as never)
      .execute();
    const place = { chatbot_id: chatbot, session_id: 's', channel: 'API', status: 'OPEN' };
    await db
      .insertInto('conversations')
      .values({ ...owner, ...place, id: conversation } as never)
      .execute();
    const message = {
      account_id: account,
      conversation_id: conversation,
      status: 'COMPLETED',
      content: 'A',
      citations: '[]',
    };
    for (const [role, rating, api_key_id] of [
      ['ASSISTANT', 'UP', null],
      ['ASSISTANT', 'UP', 'key'],
      ['ASSISTANT', 'DOWN', 'key'],
      ['AGENT', 'UP', null],
      ['ASSISTANT', null, null],
    ]) {
      await db
        .insertInto('messages')
        .values({
          ...message,
          id: createId('message'),
          role,
          rating,
          api_key_id,
          created_at: at,
          metadata: emptyJson,
        } as never)
        .execute();
    }
    const counted = { messages: 3, input_tokens: 5, cached_tokens: 0, output_tokens: 0, reasoning_tokens: 0 };
    const day = { account_id: account, day: '2026-01-01', chatbot_id: chatbot, api_key_id: 'key' };
    await db
      .insertInto('usage_days')
      .values({ ...day, ...counted, price_nano: 0, unpriced_messages: 0 } as never)
      .execute();
    await db.destroy();

    const opened = await openDatabase({ url, role: 'gateway' });
    onTestFinished(() => opened.close());
    const columns = ['api_key_id', 'messages', 'input_tokens', 'answered', 'rated_up', 'rated_down'] as const;
    const expected = [
      { api_key_id: '', messages: 0, input_tokens: 0, answered: 0, rated_up: 1, rated_down: 0 },
      { api_key_id: 'key', messages: 3, input_tokens: 5, answered: 0, rated_up: 1, rated_down: 1 },
    ];
    const { read } = opened;
    expect(await read.selectFrom('usage_days').select(columns).orderBy('api_key_id').execute()).toEqual(expected);
    expect(
      await read
        .selectFrom('usage_quarter_hours')
        .select([...columns, 'quarter_hour'])
        .orderBy('api_key_id')
        .execute(),
    ).toEqual(expected.map((row) => ({ ...row, quarter_hour: '2026-01-01T10:00' })));
  });
});
