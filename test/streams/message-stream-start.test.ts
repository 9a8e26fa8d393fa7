import { describe, expect, it, vi } from 'vitest';
import { createId } from '../../src/domain/ids.ts';
import { send } from '../helpers/chatbots.ts';
import { cite, describeEvents, stageOf } from '../helpers/conversations.ts';
import { writeUnsigned } from '../helpers/cursors.ts';
import { delta, finish } from '../helpers/models/engines.ts';
import { startReply, TRANSPORTS } from '../helpers/streams.ts';
import { gatherWrongCursors } from '../helpers/wrong-cursors.ts';
import { mutate } from '../schema/support.ts';

/** The checksum of an empty text. */
const START = (0x811c9dc5).toString(36);

describe.each(TRANSPORTS)('the start of messageStream over $name', ({ subscribe }) => {
  it.each<[string, (given: { foreign: string; conversationId: string }) => string]>([
    ['an unknown', () => createId('message')],
    ['a malformed', () => 'nonsense'],
    ['an empty', () => ''],
    ["another account's", ({ foreign }) => foreign],
    ["a conversation's", (given) => given.conversationId],
  ])('rejects %s id with NOT_FOUND before the first event', async (_what, choose) => {
    const { gateway, conversationId, replyId } = await startReply();
    const { key } = await gateway.createTenant();
    const messageId = choose({ foreign: replyId, conversationId });
    const reader = subscribe(gateway, { messageId, ...(messageId === replyId && { key }) });
    await reader.ended;
    expect(reader.errors).toEqual(['NOT_FOUND']);
    expect(reader.events).toEqual([]);
  });

  it('rejects every cursor that is not of this message before the first event', async () => {
    const { gateway, replyId, wrong: ofOthers } = await gatherWrongCursors();
    const cursors = (id: string) => gateway.deps.cursors.of('message', gateway.accountId, id);
    const own = (position: string) => cursors(replyId).write(position);
    // One of the cursors belongs to this stream.
    const { "one of a message's stream": last = '', ...others } = ofOthers;
    const wrong = {
      ...others,
      'one of another message': cursors(createId('message')).write('2_0_0_0'),
      'one with an unknown stage': own('7_0_0_0'),
      'one with a negative number': own('2_-1_0_0'),
      'one with an extra part': own('2_0_0_0_0'),
      'one of an earlier version': writeUnsigned(`m:${replyId}:2:0:0`),
    };
    const codes: Record<string, readonly string[]> = {};
    for (const [what, after] of Object.entries(wrong)) {
      const reader = subscribe(gateway, { messageId: replyId, after });
      await reader.ended;
      expect(reader.events).toEqual([]);
      codes[what] = reader.errors;
    }
    expect(codes).toEqual(Object.fromEntries(Object.keys(wrong).map((what) => [what, ['BAD_USER_INPUT']])));
    const reader = subscribe(gateway, { messageId: replyId, after: last });
    expect(await reader.ended).toBeUndefined();
    expect([reader.events, reader.errors]).toEqual([[], []]);
    await vi.waitFor(() => expect(gateway.deps.bus.size).toBe(0));
  });

  it('emits a gap, then the whole message, after a cursor beyond the message', async () => {
    const { gateway, engine, conversationId, replyId } = await startReply();
    const running = subscribe(gateway, { messageId: replyId });
    engine.push(delta('A part'));
    const { cursor } = await running.until(({ text }) => text === 'A part');
    const checksum = cursor.split('_')[4] ?? '';
    const { replyId: waiting } = await send(gateway, { conversationId, content: 'And?' });
    const sign = (id: string, position: string) =>
      gateway.deps.cursors.of('message', gateway.accountId, id).write(position);
    const uninterrupted = ['StreamGap', `MessageCreated ${replyId}`, `MessageDelta ${replyId} "A part"`];
    for (const [id, position, told] of [
      [replyId, `2_7_0_${checksum}`, uninterrupted],
      [replyId, `2_6_1_${checksum}`, uninterrupted],
      [replyId, '2_6_0_1', uninterrupted],
      [replyId, `3_6_0_${checksum}`, uninterrupted],
      [waiting, `2_0_0_${START}`, ['StreamGap', `MessageCreated ${waiting}`]],
      [waiting, `3_0_0_${START}`, ['StreamGap', `MessageCreated ${waiting}`]],
    ] as const) {
      const reader = subscribe(gateway, { messageId: id, after: sign(id, position) });
      await vi.waitFor(() => expect(reader.events).toHaveLength(told.length));
      expect([position, describeEvents(reader.events).map((one) => one.replace(/^StreamGap.*/, 'StreamGap'))]).toEqual([
        position,
        told,
      ]);
      reader.leave();
    }
    const now = subscribe(gateway, { messageId: replyId, after: cursor });
    engine.push(finish);
    await now.ended;
    expect(now.events.map(({ __typename }) => __typename)).toEqual(['MessageCompleted']);
  });

  it.each(['INTERRUPTED', 'STOPPED'] as const)(
    'emits the end without a gap after a cursor beyond the saved text of a reply that a crash left %s',
    async (status) => {
      const { gateway, engine, replyId } = await startReply();
      const running = subscribe(gateway, { messageId: replyId });
      engine.push(delta('A part'));
      const { cursor } = await running.until(({ text }) => text === 'A part');
      await mutate(gateway, 'stopMessage', { messageId: replyId });
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

  it.each(['stopped', 'failed', 'stopped before its turn'])(
    'emits the rest after any cursor of a reply that was %s, and completes',
    async (how) => {
      const { gateway, engine, replyId, conversationId } = await startReply();
      const isWaiting = how === 'stopped before its turn';
      const messageId = isWaiting ? (await send(gateway, { conversationId, content: 'And?' })).replyId : replyId;
      const uninterrupted = subscribe(gateway, { messageId });
      await stageOf(uninterrupted, 'MessageCreated', messageId);
      if (!isWaiting) {
        engine.push(delta('A part'), cite('Handbook', 6));
        await uninterrupted.until(({ citation }) => citation !== undefined);
      }
      if (how === 'failed') engine.fail(new Error('no more'));
      else await mutate(gateway, 'stopMessage', { messageId });
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

  it('treats the cursor null as absent', async () => {
    const { gateway, engine, replyId } = await startReply();
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
    const { gateway, engine, replyId } = await startReply();
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
