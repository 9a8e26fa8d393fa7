import { describe, expect, it, onTestFinished } from 'vitest';
import { trimEvents } from '../../src/conversations/trim-events.ts';
import { createId } from '../../src/domain/ids.ts';
import { toTimestamp } from '../../src/domain/time.ts';
import { appendEvent } from '../../src/store/events.ts';
import { createChatbot, send } from '../helpers/chatbots.ts';
import { createManualClock } from '../helpers/clock.ts';
import {
  citationEvent,
  describeEvents,
  startGatewayWithCompletedReply,
  waitForMessageEvent,
  waitForReaders,
} from '../helpers/conversations.ts';
import { alterCharacter } from '../helpers/cursors.ts';
import { startGateway, type TestGateway } from '../helpers/gateway.ts';
import { createScriptedEngine, delta, finish } from '../helpers/models/engines.ts';
import { type StreamEvent, TRANSPORTS, webSocket } from '../helpers/streams.ts';
import { mutate } from '../schema/support.ts';

const { subscribe } = webSocket;

/** Starts a gateway with several chatbots; `say` writes a message to a conversation of one of them. */
async function startWithChatbots(count: number, options?: Parameters<typeof startGateway>[0]) {
  const engine = createScriptedEngine();
  const gateway = await startGateway({
    ...options,
    overrides: { ...options?.overrides, engines: new Map([['builtin', engine]]) },
  });
  onTestFinished(() => gateway.close());
  const conversations = new Map<string, string>();
  const addChatbot = async () => {
    const chatbotId = await createChatbot(gateway, { name: `Chatbot ${conversations.size}` });
    engine.push(finish);
    const sent = await send(gateway, { chatbotId, content: 'Hello?' });
    await webSocket.subscribe(gateway, { messageId: sent.replyId }).ended;
    conversations.set(chatbotId, sent.conversationId);
    return chatbotId;
  };
  for (let n = 0; n < count; n++) await addChatbot();
  const say = async (chatbotId: string) => {
    const input = { conversationId: conversations.get(chatbotId), content: 'Here I am.' };
    const selection = 'agentMessage { id }';
    const sent = await mutate<{ agentMessage: { id: string } }>(gateway, 'sendAgentMessage', input, { selection });
    return sent.agentMessage.id;
  };
  return { gateway, engine, chatbotIds: [...conversations.keys()], conversations, addChatbot, say };
}

const messageIdsOf = (events: readonly StreamEvent[]) => events.flatMap(({ message }) => message?.id ?? []);

async function readCursor(gateway: TestGateway): Promise<string> {
  const { data } = await gateway.graphql<{ viewer: { account: { eventCursor: string } } }>(
    '{ viewer { account { eventCursor } } }',
  );
  return data.viewer.account.eventCursor;
}

describe('accountEvents', () => {
  it.each(TRANSPORTS)(
    'emits the events of all chatbots and typing over $name, without the text of replies',
    async (transport) => {
      const { gateway, engine, chatbotIds, conversations } = await startWithChatbots(2);
      const [first = '', second = ''] = chatbotIds;
      const all = transport.subscribe(gateway, { chatbotIds: null });
      const some = transport.subscribe(gateway, { chatbotIds: [second, second] });
      await waitForReaders(gateway, 2);
      const conversationId = conversations.get(first) ?? '';
      await mutate(gateway, 'setTyping', { conversationId, isTyping: true });
      await all.until(({ isTyping }) => isTyping === true);
      engine.push(delta('Yes.'), citationEvent('A page', 4), finish);
      const sent = await send(gateway, { conversationId, content: 'More?' });
      await waitForMessageEvent(all, 'MessageCompleted', sent.replyId);
      engine.push(delta('No.'), finish);
      const other = await send(gateway, { chatbotId: second, sessionId: 'new', content: 'Less?' });
      for (const reader of [all, some]) await waitForMessageEvent(reader, 'MessageCompleted', other.replyId);

      const names = {
        ...{ [sent.messageId]: 'Q1', [sent.replyId]: 'A1', [other.messageId]: 'Q2', [other.replyId]: 'A2' },
      };
      const ofSecond = ['MessageCreated Q2', 'MessageCreated A2', 'MessageCompleted A2'];
      // The sender stops typing when the message is sent; the event may come before or after those of the message.
      const described = describeEvents(all.events, names);
      expect(described.filter((line) => !line.startsWith('Typing'))).toEqual([
        ...['MessageCreated Q1', 'MessageCreated A1', 'MessageCompleted A1'],
        ...ofSecond,
      ]);
      expect(described.filter((line) => line.startsWith('Typing'))).toEqual([
        'TypingChanged USER true',
        'TypingChanged USER false',
      ]);
      expect(describeEvents(some.events, names)).toEqual(ofSecond);
      for (const event of all.events) {
        const isOfSecond = event.conversationId === other.conversationId;
        expect([event.chatbotId, event.conversationId]).toEqual(
          isOfSecond ? [second, other.conversationId] : [first, conversationId],
        );
      }
      for (const reader of [all, some]) reader.unsubscribe();
      await waitForReaders(gateway, 0);
    },
  );

  it('resumes after any cursor with any chatbots, those created later from their beginning', async () => {
    const { gateway, chatbotIds, addChatbot, say } = await startWithChatbots(12);
    const start = await readCursor(gateway);
    const readers = [
      subscribe(gateway, { chatbotIds: null }),
      subscribe(gateway, { chatbotIds: chatbotIds.slice(3, 6) }),
    ];
    await waitForReaders(gateway, 2);
    const written: { chatbotId: string; id: string }[] = [];
    for (const chatbotId of [...chatbotIds, ...chatbotIds.toReversed()]) {
      written.push({ chatbotId, id: await say(chatbotId) });
    }
    const late = await addChatbot();
    const { id: lastId } = { id: await say(late) };
    const last = await say(chatbotIds[4] ?? '');
    const [all, some] = readers as [(typeof readers)[0], (typeof readers)[0]];
    for (const reader of readers) await reader.until(({ message }) => message?.id === last);

    const cursors = [
      { after: start, before: [] as string[] },
      ...[all, some].flatMap(({ events }) =>
        events.map(({ cursor, message }) => {
          const index = written.findIndex(({ id }) => id === message?.id);
          return { after: cursor, before: written.slice(0, index + 1).map(({ id }) => id), isWritten: index !== -1 };
        }),
      ),
    ].filter((entry) => !('isWritten' in entry) || entry.isWritten);
    expect(cursors.length).toBeGreaterThan(24);
    for (const { after, before } of cursors.filter((_, index) => index % 5 === 0)) {
      expect(after.length).toBeLessThanOrEqual(256);
      for (const ids of [null, [late, chatbotIds[0] ?? ''], chatbotIds.slice(4, 8)]) {
        const reader = subscribe(gateway, { chatbotIds: ids, after });
        const isChosen = (chatbotId: string) => ids === null || ids.includes(chatbotId);
        const expected = written.filter(({ chatbotId, id }) => isChosen(chatbotId) && !before.includes(id));
        const end = isChosen(late) ? lastId : last;
        await reader.until(({ message }) => message?.id === end);
        const received = messageIdsOf(reader.events);
        expect(received.filter((id) => written.some((each) => each.id === id))).toEqual(expected.map(({ id }) => id));
        if (isChosen(late)) {
          const types = reader.events.filter(({ chatbotId }) => chatbotId === late).map(({ __typename }) => __typename);
          expect(types.slice(0, 3)).toEqual(['MessageCreated', 'MessageCreated', 'MessageCompleted']);
        }
        reader.unsubscribe();
      }
    }
    for (const reader of readers) reader.unsubscribe();
  });

  it('reports a deleted chatbot, also to a client that resumes, and goes on', async () => {
    const { gateway, chatbotIds, say } = await startWithChatbots(3);
    const [deleted = '', kept = ''] = chatbotIds;
    const after = await readCursor(gateway);
    const connected = [null, [deleted, kept]].map((ids) => subscribe(gateway, { chatbotIds: ids }));
    const unaffected = subscribe(gateway, { chatbotIds: [kept] });
    await waitForReaders(gateway, 3);
    await say(deleted);
    await mutate(gateway, 'deleteChatbot', { id: deleted });
    const last = await say(kept);
    const resumed = subscribe(gateway, { chatbotIds: null, after });
    for (const reader of [...connected, resumed]) {
      await reader.until(({ message }) => message?.id === last);
      const deletions = reader.events.filter(({ __typename }) => __typename === 'ConversationDeleted');
      expect(deletions).toMatchObject([
        { chatbotId: deleted, conversationId: null, reason: 'The chatbot was deleted.', at: expect.any(String) },
      ]);
      const afterDeletion = subscribe(gateway, { chatbotIds: null, after: deletions[0]?.cursor });
      await afterDeletion.until(({ message }) => message?.id === last);
      expect(afterDeletion.events.every(({ chatbotId }) => chatbotId === kept)).toBe(true);
      afterDeletion.unsubscribe();
    }
    await unaffected.until(({ message }) => message?.id === last);
    expect(unaffected.events.every(({ chatbotId }) => chatbotId === kept)).toBe(true);
    for (const reader of [...connected, unaffected, resumed]) reader.unsubscribe();
    const refused = subscribe(gateway, { chatbotIds: [deleted, kept] });
    await refused.ended;
    expect(refused.errors).toEqual(['NOT_FOUND']);
  });

  it('emits hundreds of missed events, those of each chatbot in order', async () => {
    const { gateway, conversations } = await startWithChatbots(3);
    const after = await readCursor(gateway);
    const { accountId, deps } = gateway;
    const counts = [150, 230, 10];
    for (const [index, conversationId] of [...conversations.values()].entries()) {
      await deps.db.transaction(async (trx) => {
        for (let n = 0; n < (counts[index] ?? 0); n++) {
          const at = toTimestamp(deps.clock.now() + n * 1_000);
          await appendEvent(trx, accountId, { conversationId, type: 'ConversationChanged', at });
        }
      });
    }
    const reader = subscribe(gateway, { chatbotIds: null, after });
    await reader.until(() => reader.events.length === 390);
    for (const [index, chatbotId] of [...conversations.keys()].entries()) {
      const times = reader.events.filter((event) => event.chatbotId === chatbotId).map(({ at }) => at);
      expect(times).toHaveLength(counts[index] ?? 0);
      expect(times).toEqual(times.toSorted());
    }
    const middle = reader.events[200];
    const resumed = subscribe(gateway, { chatbotIds: null, after: middle?.cursor });
    await resumed.until(() => resumed.events.length === 189);
    expect(resumed.events).toEqual(reader.events.slice(201));
    for (const each of [reader, resumed]) each.unsubscribe();
  });

  it('emits one gap after a cursor whose events retention has deleted', async () => {
    const clock = createManualClock();
    const { gateway, chatbotIds, say } = await startWithChatbots(2, { overrides: { clock } });
    const [first = '', second = ''] = chatbotIds;
    const cursors = [await readCursor(gateway)];
    await say(first);
    await mutate(gateway, 'deleteChatbot', { id: second });
    const uninterrupted = subscribe(gateway, { chatbotIds: null });
    await uninterrupted.ready;
    await say(first);
    clock.advance(31 * 86_400_000);
    await trimEvents(gateway.deps, new AbortController().signal);
    cursors.push(await readCursor(gateway));
    const last = await say(first);
    const resumed = cursors.map((after) => subscribe(gateway, { chatbotIds: null, after }));
    for (const reader of resumed)
      await reader.until(({ __typename, message }) => message?.id === last || __typename === 'StreamGap');
    expect(resumed[0]?.events[0]).toMatchObject({ __typename: 'StreamGap', chatbotId: null, conversationId: null });
    expect(messageIdsOf(resumed[1]?.events ?? [])).toEqual([last]);
    const next = await say(first);
    for (const reader of [...resumed, uninterrupted]) {
      await reader.until(({ message }) => message?.id === next);
      const gaps = reader.events.filter(({ __typename }) => __typename === 'StreamGap');
      expect(gaps).toHaveLength(reader === resumed[0] ? 1 : 0);
      reader.unsubscribe();
    }
    const rows = await gateway.deps.db.read.selectFrom('chatbot_deletions').selectAll().execute();
    expect(rows).toEqual([]);
  });

  it('rejects unknown, malformed and foreign chatbots with NOT_FOUND before the first event', async () => {
    const { gateway, engine, chatbotId, conversationId } = await startGatewayWithCompletedReply();
    const { key } = await gateway.createTenant();
    const foreignId = await createChatbot(gateway, { key });
    engine.push(finish, finish);
    for (const id of [createId('chatbot'), 'nonsense', '', foreignId, conversationId]) {
      const reader = subscribe(gateway, { chatbotIds: [chatbotId, id] });
      await reader.ended;
      expect([id, reader.events, reader.errors]).toEqual([id, [], ['NOT_FOUND']]);
    }
    for (const chatbotIds of [[], Array.from({ length: 101 }, () => chatbotId)]) {
      const reader = subscribe(gateway, { chatbotIds });
      await reader.ended;
      expect([reader.events, reader.errors]).toEqual([[], ['BAD_USER_INPUT']]);
    }
    const ofOther = subscribe(gateway, { chatbotIds: null, key });
    await ofOther.ready;
    const { messageId } = await send(gateway, { chatbotId: foreignId, content: 'Mine?' }, key);
    await send(gateway, { chatbotId, content: 'Theirs?' });
    await ofOther.until(({ message }) => message?.id === messageId);
    expect(ofOther.events.every((event) => event.chatbotId === foreignId)).toBe(true);
    ofOther.unsubscribe();
  });

  it('rejects every cursor that is invalid for this stream before the first event', async () => {
    const { gateway, chatbotId, conversationId, replyId } = await startGatewayWithCompletedReply();
    const { key, accountId: foreignAccountId } = await gateway.createTenant();
    const valid = await readCursor(gateway);
    const sign = (position: string, accountId = gateway.accountId) =>
      gateway.deps.cursors.forStream('account', accountId, accountId).write(position);
    const message = subscribe(gateway, { messageId: replyId });
    await message.ended;
    const ready = [];
    for (const target of [{ conversationId }, { chatbotId }, { chatbotIds: null, key }]) {
      const reader = subscribe(gateway, target);
      ready.push((await reader.ready).cursor);
      reader.unsubscribe();
    }
    const invalid = [
      ...['', 'nonsense', '🙂%00', message.events.at(-1)?.cursor ?? '', ...ready],
      ...[
        valid.slice(0, -14),
        alterCharacter(valid, 0),
        alterCharacter(valid, 4),
        alterCharacter(valid, valid.length - 1),
      ],
      ...[`${valid}${'A'.repeat(1_000)}`, sign('0'), sign('g000001000000'), sign(`${'0000001000000'.repeat(17)}`)],
      sign('', foreignAccountId),
    ];
    for (const after of invalid) {
      const reader = subscribe(gateway, { chatbotIds: null, after });
      await reader.ended;
      expect([after, reader.events, reader.errors]).toEqual([after, [], ['BAD_USER_INPUT']]);
    }
    await waitForReaders(gateway, 0);
  });

  it('requires READ', async () => {
    const { gateway } = await startGatewayWithCompletedReply();
    const key = await gateway.createKey(gateway.accountId, ['CHAT', 'MANAGE']);
    const reader = subscribe(gateway, { chatbotIds: null, key });
    await reader.ended;
    expect([reader.events, reader.errors]).toEqual([[], ['FORBIDDEN']]);
  });
});
