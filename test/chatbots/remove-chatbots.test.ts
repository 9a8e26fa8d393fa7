import { sql } from 'kysely';
import { expect, it, onTestFinished } from 'vitest';
import { createId } from '../../src/domain/ids.ts';
import { toTimestamp } from '../../src/domain/time.ts';
import { removeChatbotPart } from '../../src/store/chatbot-removal.ts';
import { markChatbotDeleted } from '../../src/store/deleted-chatbots.ts';
import { createChatbot, send } from '../helpers/chatbots.ts';
import { describeDatabases, type TestEngine } from '../helpers/databases.ts';
import { startGateway, type TestGateway } from '../helpers/gateway.ts';
import { webSocket } from '../helpers/streams.ts';
import { SECRET_KEY, storeDelivery, subscribe } from '../helpers/webhooks/webhooks.ts';
import { mutate, openGateway } from '../schema/support.ts';

/** The number of messages of a large chatbot; `DELETED_MESSAGES=100000` makes a long run. */
const MESSAGE_COUNT = Number(process.env.DELETED_MESSAGES ?? 6_000);
const CHATBOT_TABLES = [
  'chatbots',
  'conversations',
  'messages',
  'leads',
  'sources',
  'passages',
  'conversation_events',
  'conversation_activities',
] as const;
const OTHER_TABLES = ['idempotency_keys', 'webhook_subscriptions', 'webhook_deliveries', 'search_entries'] as const;

/** Creates a chatbot with one row of everything; returns the ids that a client can query. */
async function createFullChatbot(gateway: TestGateway) {
  const chatbotId = await createChatbot(gateway, { sources: ['Towers are tall.'] });
  const { conversationId, messageId, replyId } = await send(gateway, {
    chatbotId,
    content: 'Are towers tall?',
    clientMessageId: 'one',
  });
  await webSocket.subscribe(gateway, { messageId: replyId }).ended;
  await mutate(gateway, 'captureLead', { conversationId, email: 'a@example.com' });
  await mutate(gateway, 'escalateConversation', { id: conversationId });
  const subscription = await subscribe(gateway, { chatbotId });
  const delivery = await storeDelivery(gateway, subscription.id);
  const { read } = gateway.deps.db;
  const idsOf = async (table: 'sources' | 'passages' | 'leads' | 'conversation_activities') =>
    (await read.selectFrom(table).select('id').execute()).map(({ id }) => id);
  const rows = [
    ...(await idsOf('sources')),
    ...(await idsOf('passages')),
    ...(await idsOf('leads')),
    ...(await idsOf('conversation_activities')),
  ];
  const ids = [chatbotId, conversationId, messageId, replyId, subscription.id, delivery.id, ...rows];
  return { chatbotId, conversationId, replyId, ids };
}

/** Counts the remaining rows of all tables whose rows belong to a chatbot. */
async function countRows({ deps }: TestGateway): Promise<number> {
  let count = 0;
  for (const table of [...CHATBOT_TABLES, ...OTHER_TABLES]) {
    count += (
      await deps.db.read
        .selectFrom(table as 'messages')
        .select(sql.lit(1).as('one'))
        .execute()
    ).length;
  }
  return count;
}

describeDatabases('a deleted chatbot', (engine) => {
  const open = (given: TestEngine) => openGateway({ engine: given, env: { SECRET_KEY } });

  it('is not found by any query before its rows are removed, and its slug is free', async () => {
    const gateway = await open(engine);
    const { chatbotId, conversationId, replyId, ids } = await createFullChatbot(gateway);
    const { db, clock } = gateway.deps;
    const before = await gateway.graphql<{ nodes: { id: string }[] }>(
      'query ($ids: [ID!]!) { nodes(ids: $ids) { id } }',
      { ids },
    );
    expect(before.data.nodes.filter(Boolean).length).toBeGreaterThan(6);
    await db.transaction((trx) =>
      markChatbotDeleted(trx, { id: chatbotId, accountId: gateway.accountId }, toTimestamp(clock.now())),
    );

    const { data } = await gateway.graphql<{ nodes: null[]; chatbots: object; webhookDeliveries?: object }>(
      'query ($ids: [ID!]!) { nodes(ids: $ids) { id } chatbots { nodes { id } } webhookSubscriptions { nodes { id } } }',
      { ids },
    );
    expect(data).toEqual({ nodes: ids.map(() => null), chatbots: { nodes: [] }, webhookSubscriptions: { nodes: [] } });
    const sent = await mutate(gateway, 'sendMessage', { conversationId, content: 'Still there?' });
    expect(sent).toMatchObject({ code: 'NOT_FOUND' });
    expect(await mutate(gateway, 'rateMessage', { id: replyId, rating: 'UP' })).toMatchObject({
      code: 'NOT_FOUND',
    });
    expect(await mutate(gateway, 'deleteChatbot', { id: chatbotId })).toMatchObject({ code: 'NOT_FOUND' });
    for (const target of [{ conversationId }, { chatbotId }, { messageId: replyId }]) {
      const reader = webSocket.subscribe(gateway, target);
      await reader.ended;
      expect([reader.events, reader.errors]).toEqual([[], ['NOT_FOUND']]);
    }
    const headers = { authorization: `Bearer ${gateway.key}` };
    expect((await gateway.fetch(`/v1/chatbots/${chatbotId}`, { headers })).status).toBe(404);
    const created = await mutate<{ chatbot: { slug: string } }>(
      gateway,
      'createChatbot',
      { name: 'Helper' },
      { selection: 'chatbot { slug }' },
    );
    expect(created.chatbot.slug).toBe('helper');
  });

  it('is removed at the next start if its removal was interrupted', async () => {
    const database = await engine.create();
    onTestFinished(() => database.drop());
    const first = await startGateway({ database, env: { SECRET_KEY } });
    const { chatbotId } = await createFullChatbot(first);
    const { db, clock } = first.deps;
    const chatbot = { id: chatbotId, accountId: first.accountId };
    await db.transaction((trx) => markChatbotDeleted(trx, chatbot, toTimestamp(clock.now())));
    await db.transaction((trx) => removeChatbotPart(trx, chatbot));
    expect(await countRows(first)).toBeGreaterThan(0);
    await first.close();
    const second = await startGateway({ database, env: { SECRET_KEY } });
    onTestFinished(() => second.close());
    await expect.poll(() => countRows(second), { timeout: 30_000 }).toBe(0);
  });

  it('is removed in short transactions between which other requests are answered', { timeout: 300_000 }, async () => {
    const gateway = await open(engine);
    const { chatbotId, conversationId } = await createFullChatbot(gateway);
    const { db } = gateway.deps;
    const row = await db.read.selectFrom('messages').selectAll().limit(1).executeTakeFirstOrThrow();
    for (let remaining = MESSAGE_COUNT; remaining > 0; remaining -= 500) {
      const rows = Array.from({ length: Math.min(remaining, 500) }, () => ({ ...row, id: createId('message') }));
      await db.transaction((trx) => trx.insertInto('messages').values(rows).execute());
    }
    let slowestMs = 0;
    let isDeleting = true;
    const asking = (async () => {
      while (isDeleting) {
        const startedAt = performance.now();
        expect((await gateway.graphql('{ chatbots { nodes { id } } }')).status).toBe(200);
        slowestMs = Math.max(slowestMs, performance.now() - startedAt);
      }
    })();
    const deleted = await mutate(gateway, 'deleteChatbot', { id: chatbotId }, { selection: 'deletedId' });
    expect(deleted).toMatchObject({ deletedId: chatbotId });
    expect((await gateway.graphql('query ($id: ID!) { node(id: $id) { id } }', { id: conversationId })).data).toEqual({
      node: null,
    });
    await expect.poll(() => countRows(gateway), { timeout: 240_000 }).toBe(0);
    isDeleting = false;
    await asking;
    expect(slowestMs).toBeLessThan(2_000);
  });
});
