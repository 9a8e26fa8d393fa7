import { describe, expect, it, vi } from 'vitest';
import { createId } from '../../src/domain/ids.ts';
import { send } from '../helpers/chatbots.ts';
import {
  citationEvent,
  describeEvents,
  startGatewayWithOpenReply,
  waitForMessageEvent,
} from '../helpers/conversations.ts';
import { encodeUnsignedCursor } from '../helpers/cursors.ts';
import { createInvalidCursors } from '../helpers/invalid-cursors.ts';
import { delta, finish } from '../helpers/models/engines.ts';
import { TRANSPORTS } from '../helpers/streams.ts';
import { mutate } from '../schema/support.ts';

/** The checksum of an empty text. */
const EMPTY_CHECKSUM = (0x811c9dc5).toString(36);

describe.each(TRANSPORTS)('the start of messageStream over $name', ({ subscribe }) => {
  it.each<[string, (given: { foreignId: string; conversationId: string }) => string]>([
    ['an unknown', () => createId('message')],
    ['a malformed', () => 'nonsense'],
    ['an empty', () => ''],
    ["another account's", ({ foreignId }) => foreignId],
    ["a conversation's", (ids) => ids.conversationId],
  ])('rejects %s id with NOT_FOUND before the first event', async (_what, choose) => {
    const { gateway, conversationId, replyId } = await startGatewayWithOpenReply();
    const { key } = await gateway.createTenant();
    const messageId = choose({ foreignId: replyId, conversationId });
    const reader = subscribe(gateway, { messageId, ...(messageId === replyId && { key }) });
    await reader.ended;
    expect(reader.errors).toEqual(['NOT_FOUND']);
    expect(reader.events).toEqual([]);
  });

  it('rejects every cursor that is invalid for this message before the first event', async () => {
    const { gateway, replyId, invalidCursors: otherCursors } = await createInvalidCursors();
    const signerFor = (id: string) => gateway.deps.cursors.forStream('message', gateway.accountId, id);
    const signOwn = (position: string) => signerFor(replyId).write(position);
    // One of these cursors is valid: it comes from this message's stream.
    const { "a cursor of a message's stream": ownCursor = '', ...foreignCursors } = otherCursors;
    const invalidCursors = {
      ...foreignCursors,
      "another message's cursor": signerFor(createId('message')).write('2_0_0_0'),
      'an unknown stage': signOwn('7_0_0_0'),
      'a negative number': signOwn('2_-1_0_0'),
      'an extra part': signOwn('2_0_0_0_0'),
      'an unsigned cursor': encodeUnsignedCursor(`m:${replyId}:2:0:0`),
    };
    const codes: Record<string, readonly string[]> = {};
    for (const [description, after] of Object.entries(invalidCursors)) {
      const reader = subscribe(gateway, { messageId: replyId, after });
      await reader.ended;
      expect(reader.events).toEqual([]);
      codes[description] = reader.errors;
    }
    expect(codes).toEqual(
      Object.fromEntries(Object.keys(invalidCursors).map((description) => [description, ['BAD_USER_INPUT']])),
    );
    const reader = subscribe(gateway, { messageId: replyId, after: ownCursor });
    expect(await reader.ended).toBeUndefined();
    expect([reader.events, reader.errors]).toEqual([[], []]);
    await vi.waitFor(() => expect(gateway.deps.bus.size).toBe(0));
  });

  it('emits a gap, then the whole message, after a cursor beyond the end of the text, or of another text', async () => {
    const { gateway, engine, conversationId, replyId } = await startGatewayWithOpenReply();
    const running = subscribe(gateway, { messageId: replyId });
    engine.push(delta('A part'));
    const { cursor } = await running.until(({ text }) => text === 'A part');
    const checksum = cursor.split('_')[4] ?? '';
    const { replyId: waiting } = await send(gateway, { conversationId, content: 'And?' });
    const sign = (id: string, position: string) =>
      gateway.deps.cursors.forStream('message', gateway.accountId, id).write(position);
    const wholeReply = ['StreamGap', `MessageCreated ${replyId}`, `MessageDelta ${replyId} "A part"`];
    // A position consists of the stage, the offset in the text, the number of citations and the checksum of the text.
    for (const [id, position, expected] of [
      [replyId, `2_7_0_${checksum}`, wholeReply],
      [replyId, `2_6_1_${checksum}`, wholeReply],
      [replyId, '2_6_0_1', wholeReply],
      [replyId, `3_6_0_${checksum}`, wholeReply],
      [waiting, `2_0_0_${EMPTY_CHECKSUM}`, ['StreamGap', `MessageCreated ${waiting}`]],
      [waiting, `3_0_0_${EMPTY_CHECKSUM}`, ['StreamGap', `MessageCreated ${waiting}`]],
    ] as const) {
      const reader = subscribe(gateway, { messageId: id, after: sign(id, position) });
      await vi.waitFor(() => expect(reader.events).toHaveLength(expected.length));
      const described = describeEvents(reader.events).map((event) => event.replace(/^StreamGap.*/, 'StreamGap'));
      expect([position, described]).toEqual([position, expected]);
      reader.unsubscribe();
    }
    const resumed = subscribe(gateway, { messageId: replyId, after: cursor });
    engine.push(finish);
    await resumed.ended;
    expect(resumed.events.map(({ __typename }) => __typename)).toEqual(['MessageCompleted']);
  });

  it.each(['INTERRUPTED', 'STOPPED'] as const)(
    'emits the end without a gap after a cursor beyond the saved text of a reply that is %s after a crash',
    async (status) => {
      const { gateway, engine, replyId } = await startGatewayWithOpenReply();
      const running = subscribe(gateway, { messageId: replyId });
      engine.push(delta('A part'));
      const { cursor } = await running.until(({ text }) => text === 'A part');
      await mutate(gateway, 'stopMessage', { id: replyId });
      await running.ended;
      await gateway.deps.db.transaction((trx) =>
        trx.updateTable('messages').set({ content: 'A', status }).where('id', '=', replyId).execute(),
      );
      const reader = subscribe(gateway, { messageId: replyId, after: cursor });
      expect(await reader.ended).toBeUndefined();
      expect(reader.events.map(({ __typename, message }) => [__typename, message?.content])).toEqual([
        [status === 'STOPPED' ? 'MessageStopped' : 'MessageInterrupted', 'A'],
      ]);
    },
  );

  it.each(['stopped', 'failed', 'stopped in the queue'])(
    'emits the rest after any cursor of a reply that was %s, and completes',
    async (ending) => {
      const { gateway, engine, replyId, conversationId } = await startGatewayWithOpenReply();
      const isWaiting = ending === 'stopped in the queue';
      const messageId = isWaiting ? (await send(gateway, { conversationId, content: 'And?' })).replyId : replyId;
      const uninterrupted = subscribe(gateway, { messageId });
      await waitForMessageEvent(uninterrupted, 'MessageCreated', messageId);
      if (!isWaiting) {
        engine.push(delta('A part'), citationEvent('Handbook', 6));
        await uninterrupted.until(({ citation }) => citation !== undefined);
      }
      if (ending === 'failed') engine.fail(new Error('no more'));
      else await mutate(gateway, 'stopMessage', { id: messageId });
      expect(await uninterrupted.ended).toBeUndefined();
      expect(uninterrupted.events).toHaveLength(isWaiting ? 2 : 4);
      for (const [index, { cursor }] of uninterrupted.events.entries()) {
        const late = subscribe(gateway, { messageId, after: cursor });
        expect(await late.ended).toBeUndefined();
        const expected = describeEvents(uninterrupted.events.slice(index + 1));
        expect([late.errors, describeEvents(late.events)]).toEqual([[], expected]);
      }
    },
  );

  it('treats a null cursor as absent', async () => {
    const { gateway, engine, replyId } = await startGatewayWithOpenReply();
    engine.push(delta('One'), finish);
    const reader = subscribe(gateway, { messageId: replyId, after: null });
    await reader.ended;
    expect(reader.events.map(({ __typename }) => __typename)).toEqual([
      'MessageCreated',
      'MessageDelta',
      'MessageCompleted',
    ]);
  });

  it('requires CHAT or READ', async () => {
    const { gateway, engine, replyId } = await startGatewayWithOpenReply();
    engine.push(finish);
    for (const [scope, errors] of [
      ['MANAGE', ['FORBIDDEN']],
      ['READ', []],
      ['CHAT', []],
    ] as const) {
      const key = await gateway.createKey(gateway.accountId, [scope]);
      const reader = subscribe(gateway, { messageId: replyId, key });
      await reader.ended;
      expect(reader.errors).toEqual(errors);
    }
  });
});
