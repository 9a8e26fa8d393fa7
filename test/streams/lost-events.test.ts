import { copyFile, rm } from 'node:fs/promises';
import { expect, it, onTestFinished } from 'vitest';
import { quotaTopic } from '../../src/coordination/topics.ts';
import { monthOf, toTimestamp } from '../../src/domain/time.ts';
import { insertWarning } from '../../src/store/quota-warnings.ts';
import { createChatbot, send } from '../helpers/chatbots.ts';
import { stageOf, startConversation, waitForReaders } from '../helpers/conversations.ts';
import { askServer, describeEngines, type TestDatabase } from '../helpers/databases.ts';
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
  await askServer(`create database ${copy} template ${name}`);
  onTestFinished(() => askServer(`drop database if exists ${copy} with (force)`));
  return async () => {
    await askServer(`drop database ${name} with (force)`);
    await askServer(`create database ${name} template ${copy}`);
  };
}

describeEngines('a restored backup', (kind) => {
  /** Starts a gateway on a database; its chatbot answers each question with one word. */
  async function open(database: TestDatabase) {
    const engine = createScriptedEngine();
    const gateway = await startGateway({ database, replaced: { engines: new Map([['builtin', engine]]) } });
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

  it('emits a gap to a reader that has received undone events, then the current state and all later events', async () => {
    const database = await createDatabase(kind);
    const first = await open(database);
    const { key } = first.gateway;
    const chatbotId = await createChatbot(first.gateway);
    const { conversationId } = await first.ask('One', { chatbotId }, key);
    await first.gateway.close();
    const restore = await backUp(database);

    const second = await open(database);
    const ways = [
      { transport: webSocket, of: { conversationId, key } },
      { transport: serverSentEvents, of: { conversationId, key } },
      { transport: restEvents, of: { conversationId, key } },
      { transport: webSocket, of: { chatbotId, key } },
      { transport: serverSentEvents, of: { chatbotId, key } },
    ];
    const readers = ways.map(({ transport, of }) => transport.subscribe(second.gateway, of));
    await waitForReaders(second.gateway, readers.length);
    const lost = await second.ask('Lost', { conversationId }, key);
    for (const reader of readers) await stageOf(reader, 'MessageCompleted', lost.replyId);
    await second.gateway.close();
    await restore();

    const third = await open(database);
    const late = await third.ask('Other', { conversationId }, key);
    // All received cursors: of undone events, and of an event whose number another event has now.
    const back = ways.flatMap(({ transport, of }, index) =>
      (readers[index]?.events ?? []).map(({ cursor }) => transport.subscribe(third.gateway, { ...of, after: cursor })),
    );
    for (const reader of back) await reader.until(({ __typename }) => __typename === 'StreamGap');
    const next = await third.ask('Next', { conversationId }, key);
    for (const reader of back) {
      await stageOf(reader, 'MessageCompleted', next.replyId);
      expect(typesOf(reader)[0]).toBe('StreamGap');
      expect(reader.events.filter(({ message }) => message?.id === late.replyId)).toEqual([]);
      reader.leave();
    }
    const resumed = webSocket.subscribe(third.gateway, { messageId: lost.replyId, after: lost.cursor, key });
    await resumed.ended;
    expect(resumed.errors).toEqual(['NOT_FOUND']);
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
  const { gateway, engine, chatbotId, conversationId } = await startConversation();
  const readers = [
    webSocket.subscribe(gateway, { conversationId }),
    restEvents.subscribe(gateway, { conversationId }),
    webSocket.subscribe(gateway, { chatbotId }),
  ];
  await waitForReaders(gateway, readers.length);
  engine.push(delta('One'), finish);
  const lost = await send(gateway, { conversationId, content: 'One?' });
  for (const reader of readers) await stageOf(reader, 'MessageCompleted', lost.replyId);
  await loseEvents(gateway, conversationId, chatbotId, 2);
  engine.push(delta('Two'), finish);
  const next = await send(gateway, { conversationId, content: 'Two?' });
  for (const reader of readers) {
    await reader.until(({ __typename }) => __typename === 'StreamGap');
    engine.push(delta('Three'), finish);
    const last = await send(gateway, { conversationId, content: 'Three?' });
    await stageOf(reader, 'MessageCompleted', last.replyId);
    // If the reader received the second reply, it did so after the gap.
    const gapIndex = typesOf(reader).lastIndexOf('StreamGap');
    const replyIndex = reader.events.findIndex(({ message }) => message?.id === next.replyId);
    expect(replyIndex === -1 || replyIndex > gapIndex).toBe(true);
    reader.leave();
  }
});

it('emits a gap to a reader at the last number when another event has that number', async () => {
  const { gateway, engine, chatbotId, conversationId } = await startConversation();
  engine.push(finish);
  const reader = webSocket.subscribe(gateway, { conversationId });
  await waitForReaders(gateway, 1);
  const { replyId } = await send(gateway, { conversationId, content: 'One?' });
  const { cursor } = await stageOf(reader, 'MessageCompleted', replyId);
  reader.leave();
  await waitForReaders(gateway, 0);
  await loseEvents(gateway, conversationId, chatbotId, 3);
  engine.push(finish);
  const other = await send(gateway, { conversationId, content: 'Two?' });
  await webSocket.subscribe(gateway, { messageId: other.replyId }).ended;
  const back = webSocket.subscribe(gateway, { conversationId, after: cursor });
  await back.until(({ __typename }) => __typename === 'StreamGap');
  back.leave();
});

it('emits a gap after a cursor of unknown events', async () => {
  const { gateway, engine, conversationId } = await startConversation();
  engine.push(finish);
  const reader = webSocket.subscribe(gateway, { conversationId });
  await waitForReaders(gateway, 1);
  const { replyId } = await send(gateway, { conversationId, content: 'One?' });
  const { cursor } = await stageOf(reader, 'MessageCompleted', replyId);
  reader.leave();
  await gateway.deps.db.transaction((trx) => trx.deleteFrom('conversation_events').execute());
  const back = webSocket.subscribe(gateway, { conversationId, after: cursor });
  const gap = await back.until(({ __typename }) => __typename === 'StreamGap');
  const again = webSocket.subscribe(gateway, { conversationId, after: gap.cursor });
  engine.push(finish);
  const next = await send(gateway, { conversationId, content: 'Two?' });
  for (const one of [back, again]) {
    await stageOf(one, 'MessageCompleted', next.replyId);
    expect(typesOf(one).filter((type) => type === 'StreamGap')).toHaveLength(one === back ? 1 : 0);
    one.leave();
  }
});

it('emits no gap for erased events', async () => {
  const { gateway, engine, conversationId } = await startConversation();
  const reader = webSocket.subscribe(gateway, { conversationId });
  await waitForReaders(gateway, 1);
  engine.push(finish);
  const { replyId } = await send(gateway, { conversationId, content: 'One?' });
  const { cursor } = await stageOf(reader, 'MessageCompleted', replyId);
  await gateway.deps.db.transaction((trx) => trx.deleteFrom('conversation_events').where('number', '>', 4).execute());
  const back = webSocket.subscribe(gateway, { conversationId, after: cursor });
  await waitForReaders(gateway, 2);
  engine.push(finish);
  const next = await send(gateway, { conversationId, content: 'Two?' });
  for (const one of [reader, back]) {
    await stageOf(one, 'MessageCompleted', next.replyId);
    expect(typesOf(one)).not.toContain('StreamGap');
    one.leave();
  }
});

it('emits the whole message again when another text has replaced it', async () => {
  const { gateway, engine, conversationId } = await startConversation();
  engine.push(delta('The first answer'), finish);
  const { replyId } = await send(gateway, { conversationId, content: 'One?' });
  const uninterrupted = webSocket.subscribe(gateway, { messageId: replyId });
  await uninterrupted.ended;
  await gateway.deps.db.transaction((trx) =>
    trx.updateTable('messages').set({ content: 'Another sentence' }).where('id', '=', replyId).execute(),
  );
  for (const { cursor, text, __typename } of uninterrupted.events) {
    const back = webSocket.subscribe(gateway, { messageId: replyId, after: cursor });
    await back.ended;
    expect(back.text).toBe('Another sentence');
    const wasTold = text !== undefined || __typename === 'MessageCompleted';
    const expected = [...(wasTold ? ['StreamGap', 'MessageCreated'] : []), 'MessageDelta', 'MessageCompleted'];
    expect(typesOf(back)).toEqual(expected);
  }
});

it('starts again with the warnings of this month when the quota log is lost', async () => {
  const { gateway } = await startConversation();
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
  const back = cursors.map((after) => webSocket.subscribe(gateway, { after }));
  for (const one of back) await one.until(({ percent }) => percent === 80);
  // A reader that stayed connected receives the warnings again.
  await expect.poll(() => reader.events.map(({ percent }) => percent)).toEqual([80, 100, 80]);
  await warn(100, now + 1);
  for (const one of [reader, ...back]) {
    await expect.poll(() => one.events.slice(-2).map(({ percent }) => percent)).toEqual([80, 100]);
    one.leave();
  }
});
