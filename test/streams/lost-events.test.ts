import { copyFile, rm } from 'node:fs/promises';
import { expect, it, onTestFinished } from 'vitest';
import { quotaTopic } from '../../src/coordination/topics.ts';
import { monthOf, toTimestamp } from '../../src/domain/time.ts';
import { insertWarning } from '../../src/store/quota-warnings.ts';
import { createChatbot, send } from '../helpers/chatbots.ts';
import { startGatewayWithCompletedReply, waitForMessageEvent, waitForReaders } from '../helpers/conversations.ts';
import { describeDatabases, executeSql, type TestDatabase } from '../helpers/databases.ts';
import { createDatabase, startGateway, type TestGateway } from '../helpers/gateway.ts';
import { createScriptedEngine, delta, finish } from '../helpers/models/engines.ts';
import { restEvents } from '../helpers/rest-stream.ts';
import { type Reader, serverSentEvents, webSocket } from '../helpers/streams.ts';

/** The types of the events that a reader has received. */
const typesOf = ({ events }: Reader) => events.map(({ __typename }) => __typename);

/** Copies a database that is not in use, and returns a function that restores the copy. */
async function backUp({ url }: TestDatabase): Promise<() => Promise<void>> {
  if (url.startsWith('sqlite:')) {
    const path = url.slice('sqlite:'.length);
    await copyFile(path, `${path}.backup`);
    return async () => {
      for (const suffix of ['-wal', '-shm']) await rm(`${path}${suffix}`, { force: true });
      await copyFile(`${path}.backup`, path);
    };
  }
  const name = new URL(url).pathname.slice(1);
  const copy = `${name}_backup`;
  // The tests' own connection, which empties the database, would prevent the copy.
  await executeSql(`select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = '${name}'`);
  await executeSql(`create database ${copy} template ${name}`);
  onTestFinished(() => executeSql(`drop database if exists ${copy} with (force)`));
  return async () => {
    await executeSql(`drop database ${name} with (force)`);
    await executeSql(`create database ${name} template ${copy}`);
  };
}

/** Reads `eventCursor` of a conversation, its chatbot and its account. */
async function readEventCursors(gateway: TestGateway, conversationId: string, key: string): Promise<string[]> {
  const { data } = await gateway.graphql<{
    conversation: { eventCursor: string; chatbot: { eventCursor: string } };
    viewer: { account: { eventCursor: string } };
  }>(
    'query ($id: ID!) { conversation(id: $id) { eventCursor chatbot { eventCursor } } viewer { account { eventCursor } } }',
    { id: conversationId },
    key,
  );
  const { conversation, viewer } = data;
  return [conversation.eventCursor, conversation.chatbot.eventCursor, viewer.account.eventCursor];
}

describeDatabases('a restored backup', (databaseEngine) => {
  /** Starts a gateway on a database; its chatbot answers each question with one word. */
  async function open(database: TestDatabase) {
    const engine = createScriptedEngine();
    const gateway = await startGateway({ database, overrides: { engines: new Map([['builtin', engine]]) } });
    onTestFinished(() => gateway.close());
    const ask = async (content: string, target: { chatbotId: string } | { conversationId: string }, key: string) => {
      engine.push(delta(`${content}!`), finish);
      const sent = await send(gateway, { ...target, content }, key);
      const reader = webSocket.subscribe(gateway, { messageId: sent.replyId, key });
      await reader.ended;
      return { ...sent, cursor: reader.events.find(({ text }) => text !== undefined)?.cursor };
    };
    return { gateway, ask };
  }

  it('emits a gap to a reader that has received events undone by the restore, then all later events', async () => {
    const database = await createDatabase(databaseEngine);
    const first = await open(database);
    const { key } = first.gateway;
    const chatbotId = await createChatbot(first.gateway);
    const { conversationId } = await first.ask('One', { chatbotId }, key);
    await first.gateway.close();
    const restore = await backUp(database);

    const second = await open(database);
    const subscriptions = [
      { transport: webSocket, options: { conversationId, key } },
      { transport: serverSentEvents, options: { conversationId, key } },
      { transport: restEvents, options: { conversationId, key } },
      { transport: webSocket, options: { chatbotId, key } },
      { transport: serverSentEvents, options: { chatbotId, key } },
      { transport: webSocket, options: { chatbotIds: null, key } },
    ];
    const readers = subscriptions.map(({ transport, options }) => transport.subscribe(second.gateway, options));
    await waitForReaders(second.gateway, readers.length);
    const lost = await second.ask('Lost', { conversationId }, key);
    const eventCursors = await readEventCursors(second.gateway, conversationId, key);
    for (const reader of readers) await waitForMessageEvent(reader, 'MessageCompleted', lost.replyId);
    await second.gateway.close();
    await restore();

    const third = await open(database);
    const late = await third.ask('Other', { conversationId }, key);
    // The cursors of events that the restore undid; another event now has the number of one of them.
    const resumed = subscriptions.flatMap(({ transport, options }, index) =>
      (readers[index]?.events ?? []).map(({ cursor }) =>
        transport.subscribe(third.gateway, { ...options, after: cursor }),
      ),
    );
    for (const [index, target] of [{ conversationId }, { chatbotId }, { chatbotIds: null }].entries()) {
      resumed.push(webSocket.subscribe(third.gateway, { ...target, after: eventCursors[index], key }));
    }
    for (const reader of resumed) await reader.until(({ __typename }) => __typename === 'StreamGap');
    const next = await third.ask('Next', { conversationId }, key);
    for (const reader of resumed) {
      await waitForMessageEvent(reader, 'MessageCompleted', next.replyId);
      expect(typesOf(reader)[0]).toBe('StreamGap');
      expect(reader.events.filter(({ message }) => message?.id === late.replyId)).toEqual([]);
      reader.unsubscribe();
    }
    const resumedReply = webSocket.subscribe(third.gateway, { messageId: lost.replyId, after: lost.cursor, key });
    await resumedReply.ended;
    expect(resumedReply.errors).toEqual(['NOT_FOUND']);
  });
});

/** Deletes the newest events of a conversation, as a failover that loses their commits does. */
async function loseEvents({ deps }: TestGateway, conversationId: string, chatbotId: string, count: number) {
  await deps.db.transaction(async (trx) => {
    const events = trx.deleteFrom('conversation_events').where('conversation_id', '=', conversationId);
    const { last_event } = await trx
      .selectFrom('conversations')
      .select('last_event')
      .where('id', '=', conversationId)
      .executeTakeFirstOrThrow();
    await events.where('number', '>', last_event - count).execute();
    for (const [table, id] of [
      ['conversations', conversationId],
      ['chatbots', chatbotId],
    ] as const) {
      await trx
        .updateTable(table)
        .set((row) => ({ last_event: row('last_event', '-', count) }))
        .where('id', '=', id)
        .execute();
    }
  });
}

it('emits a gap to connected readers when a failover has lost events that they received', async () => {
  const { gateway, engine, chatbotId, conversationId } = await startGatewayWithCompletedReply();
  const readers = [
    webSocket.subscribe(gateway, { conversationId }),
    restEvents.subscribe(gateway, { conversationId }),
    webSocket.subscribe(gateway, { chatbotId }),
  ];
  await waitForReaders(gateway, readers.length);
  engine.push(delta('One'), finish);
  const lost = await send(gateway, { conversationId, content: 'One?' });
  for (const reader of readers) await waitForMessageEvent(reader, 'MessageCompleted', lost.replyId);
  await loseEvents(gateway, conversationId, chatbotId, 2);
  engine.push(delta('Two'), finish);
  const next = await send(gateway, { conversationId, content: 'Two?' });
  for (const reader of readers) {
    await reader.until(({ __typename }) => __typename === 'StreamGap');
    engine.push(delta('Three'), finish);
    const last = await send(gateway, { conversationId, content: 'Three?' });
    await waitForMessageEvent(reader, 'MessageCompleted', last.replyId);
    // If the reader received the second reply, it did so after the gap.
    const gapIndex = typesOf(reader).lastIndexOf('StreamGap');
    const replyIndex = reader.events.findIndex(({ message }) => message?.id === next.replyId);
    expect(replyIndex === -1 || replyIndex > gapIndex).toBe(true);
    reader.unsubscribe();
  }
});

it('emits a gap to a reader whose last event number now belongs to another event', async () => {
  const { gateway, engine, chatbotId, conversationId } = await startGatewayWithCompletedReply();
  engine.push(finish);
  const reader = webSocket.subscribe(gateway, { conversationId });
  await waitForReaders(gateway, 1);
  const { replyId } = await send(gateway, { conversationId, content: 'One?' });
  const { cursor } = await waitForMessageEvent(reader, 'MessageCompleted', replyId);
  reader.unsubscribe();
  await waitForReaders(gateway, 0);
  await loseEvents(gateway, conversationId, chatbotId, 3);
  engine.push(finish);
  const other = await send(gateway, { conversationId, content: 'Two?' });
  await webSocket.subscribe(gateway, { messageId: other.replyId }).ended;
  const resumed = webSocket.subscribe(gateway, { conversationId, after: cursor });
  await resumed.until(({ __typename }) => __typename === 'StreamGap');
  resumed.unsubscribe();
});

it('emits one gap after a cursor when all events are deleted', async () => {
  const { gateway, engine, conversationId } = await startGatewayWithCompletedReply();
  engine.push(finish);
  const reader = webSocket.subscribe(gateway, { conversationId });
  await waitForReaders(gateway, 1);
  const { replyId } = await send(gateway, { conversationId, content: 'One?' });
  const { cursor } = await waitForMessageEvent(reader, 'MessageCompleted', replyId);
  reader.unsubscribe();
  await gateway.deps.db.transaction((trx) => trx.deleteFrom('conversation_events').execute());
  const resumed = webSocket.subscribe(gateway, { conversationId, after: cursor });
  const gap = await resumed.until(({ __typename }) => __typename === 'StreamGap');
  const resumedAfterGap = webSocket.subscribe(gateway, { conversationId, after: gap.cursor });
  engine.push(finish);
  const next = await send(gateway, { conversationId, content: 'Two?' });
  for (const subscriber of [resumed, resumedAfterGap]) {
    await waitForMessageEvent(subscriber, 'MessageCompleted', next.replyId);
    expect(typesOf(subscriber).filter((type) => type === 'StreamGap')).toHaveLength(subscriber === resumed ? 1 : 0);
    subscriber.unsubscribe();
  }
});

it('emits no gap after a cursor when the newest events are deleted but no other event gets their numbers', async () => {
  const { gateway, engine, conversationId } = await startGatewayWithCompletedReply();
  const reader = webSocket.subscribe(gateway, { conversationId });
  await waitForReaders(gateway, 1);
  engine.push(finish);
  const { replyId } = await send(gateway, { conversationId, content: 'One?' });
  const { cursor } = await waitForMessageEvent(reader, 'MessageCompleted', replyId);
  await gateway.deps.db.transaction((trx) => trx.deleteFrom('conversation_events').where('number', '>', 4).execute());
  const resumed = webSocket.subscribe(gateway, { conversationId, after: cursor });
  await waitForReaders(gateway, 2);
  engine.push(finish);
  const next = await send(gateway, { conversationId, content: 'Two?' });
  for (const subscriber of [reader, resumed]) {
    await waitForMessageEvent(subscriber, 'MessageCompleted', next.replyId);
    expect(typesOf(subscriber)).not.toContain('StreamGap');
    subscriber.unsubscribe();
  }
});

it('emits the whole message again when another text has replaced its text', async () => {
  const { gateway, engine, conversationId } = await startGatewayWithCompletedReply();
  engine.push(delta('The first answer'), finish);
  const { replyId } = await send(gateway, { conversationId, content: 'One?' });
  const uninterrupted = webSocket.subscribe(gateway, { messageId: replyId });
  await uninterrupted.ended;
  await gateway.deps.db.transaction((trx) =>
    trx.updateTable('messages').set({ content: 'Another sentence' }).where('id', '=', replyId).execute(),
  );
  for (const { cursor, text, __typename } of uninterrupted.events) {
    const resumed = webSocket.subscribe(gateway, { messageId: replyId, after: cursor });
    await resumed.ended;
    expect(resumed.text).toBe('Another sentence');
    const wasReceived = text !== undefined || __typename === 'MessageCompleted';
    const expected = [...(wasReceived ? ['StreamGap', 'MessageCreated'] : []), 'MessageDelta', 'MessageCompleted'];
    expect(typesOf(resumed)).toEqual(expected);
  }
});

it("emits this month's quota warnings again when the stored warnings were lost", async () => {
  const { gateway } = await startGatewayWithCompletedReply();
  const { accountId, deps } = gateway;
  const warn = async (percent: number, at: number) => {
    const warning = { accountId, month: monthOf(at), percent, used: 8, limit: 10, at: toTimestamp(at) };
    await deps.db.transaction((trx) => insertWarning(trx, warning));
    deps.bus.publish(quotaTopic(accountId));
  };
  const now = deps.clock.now();
  await warn(80, now);
  await warn(100, now);
  const reader = webSocket.subscribe(gateway, {});
  await reader.until(({ percent }) => percent === 100);
  await deps.db.transaction((trx) => trx.deleteFrom('quota_warnings').execute());
  await warn(80, now + 1);
  const cursors = reader.events.map(({ cursor }) => cursor);
  const resumed = cursors.map((after) => webSocket.subscribe(gateway, { after }));
  for (const subscriber of resumed) await subscriber.until(({ percent }) => percent === 80);
  // A reader that stayed connected receives the warnings again.
  await expect.poll(() => reader.events.map(({ percent }) => percent)).toEqual([80, 100, 80]);
  await warn(100, now + 1);
  for (const subscriber of [reader, ...resumed]) {
    await expect.poll(() => subscriber.events.slice(-2).map(({ percent }) => percent)).toEqual([80, 100]);
    subscriber.unsubscribe();
  }
});
