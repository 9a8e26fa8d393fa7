import { expect, it, onTestFinished } from 'vitest';
import { createId } from '../../../src/domain/ids.ts';
import type { Timestamp } from '../../../src/domain/time.ts';
import { openDatabase } from '../../../src/store/database.ts';
import { appendEvent } from '../../../src/store/events.ts';
import { listShardHeads, shardOf } from '../../../src/store/logs/account-logs.ts';
import { describeDatabases } from '../../helpers/databases.ts';
import { insertChatbots, openAtMigration } from './support.ts';

const timeOf = (minute: number) => `2026-01-01T00:${String(minute).padStart(2, '0')}:00.000000+00:00` as Timestamp;

/** Returns the id of a chatbot whose events are in the given shard. */
const idInShard = (shard: string) => createId('chatbot').replace(/^(.{33})./, `$1${shard}`);

/**
 * The events of each chatbot in their order, by the minute of each. The clock of `late` was set back after its second
 * event, so its events up to the next later time stay behind that event.
 */
const EVENTS = { early: [1, 3, 5], late: [2, 9, 4, 6], other: [7, 8], empty: [] } as const;
const SHARDS = { early: 'a', late: 'a', other: '0', empty: '1' } as const;
const NAMES = ['early', 'late', 'other', 'empty'] as const;

describeDatabases('a database without the logs of accounts', (engine) => {
  it('numbers the stored events of each account by shard and time, and goes on with the next number', async () => {
    const { db, url } = await openAtMigration(engine, '0013-public-names');
    const ids = Object.fromEntries(NAMES.map((name) => [name, idInShard(SHARDS[name])]));
    const { accountId } = await insertChatbots(db, Object.values(ids));
    const foreignId = idInShard('a');
    const foreign = await insertChatbots(db, [foreignId]);
    const conversations = new Map<string, string>();
    const insertEvents = async (owner: string, chatbotId: string, minutes: readonly number[]) => {
      // Two conversations take turns: the order of a chatbot is not that of its conversations.
      const pair = [createId('conversation'), createId('conversation')];
      for (const id of pair) {
        const fields = { id, account_id: owner, chatbot_id: chatbotId, session_id: id, channel: 'API', status: 'OPEN' };
        const times = { created_at: timeOf(0), updated_at: timeOf(0) };
        await db
          .insertInto('conversations')
          .values({ ...fields, ...times, metadata: '{}', last_event: minutes.length } as never)
          .execute();
      }
      conversations.set(chatbotId, pair[0] ?? '');
      for (const [index, minute] of minutes.entries()) {
        const event = { id: `${chatbotId} ${minute}`, type: 'MessageCreated', at: timeOf(minute) };
        const numbers = { number: index + 1, chatbot_number: index + 1 };
        const place = { conversation_id: pair[index % 2], chatbot_id: chatbotId, account_id: owner };
        await db
          .insertInto('conversation_events')
          .values({ ...event, ...numbers, ...place } as never)
          .execute();
      }
      await db.updateTable('chatbots').set({ last_event: minutes.length }).where('id', '=', chatbotId).execute();
    };
    for (const name of NAMES) await insertEvents(accountId, ids[name] ?? '', EVENTS[name]);
    await insertEvents(foreign.accountId, foreignId, [4, 5]);
    await db.destroy();

    const opened = await openDatabase({ url, role: 'gateway' });
    onTestFinished(() => opened.close());
    const readLog = async (owner: string) => {
      const rows = await opened.read
        .selectFrom('conversation_events')
        .select(['shard', 'shard_number', 'id'])
        .where('account_id', '=', owner)
        .orderBy('shard')
        .orderBy('shard_number')
        .execute();
      return rows.map(({ shard, shard_number, id }) => `${shard} ${shard_number} ${id}`);
    };
    const [early, late, other] = [ids.early, ids.late, ids.other];
    const expected = [
      ...[`${other} 7`, `${other} 8`].map((id, index) => `0 ${index + 1} ${id}`),
      ...[`${early} 1`, `${late} 2`, `${early} 3`, `${early} 5`, `${late} 9`, `${late} 4`, `${late} 6`].map(
        (id, index) => `a ${index + 1} ${id}`,
      ),
    ];
    expect(await readLog(accountId)).toEqual(expected);
    expect(await readLog(foreign.accountId)).toEqual([`a 1 ${foreignId} 4`, `a 2 ${foreignId} 5`]);
    const heads = await listShardHeads(opened.read, accountId);
    expect(heads.sort((one, two) => (one.shard < two.shard ? -1 : 1))).toEqual([
      { shard: '0', number: 2, id: `${other} 8`, trimmedNumber: 0 },
      { shard: 'a', number: 7, id: `${late} 6`, trimmedNumber: 0 },
    ]);

    for (const [name, number] of [
      ['early', 8],
      ['empty', 1],
    ] as const) {
      const conversationId = conversations.get(ids[name] ?? '') ?? '';
      const event = { conversationId, type: 'MessageCreated', at: timeOf(30) } as const;
      const logged = await opened.transaction((trx) => appendEvent(trx, accountId, event));
      expect([logged.shard, logged.shardNumber]).toEqual([shardOf(ids[name] ?? ''), number]);
    }
  });
});
