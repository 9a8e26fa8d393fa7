import { describe, expect, it, vi } from 'vitest';
import { createId } from '../../src/domain/ids.ts';
import { send } from '../helpers/chatbots.ts';
import { delta, finish } from '../helpers/engines.ts';
import { startAnswer, TRANSPORTS } from '../helpers/streams.ts';

describe.each(TRANSPORTS)('the start of messageStream over $name', ({ follow: attach }) => {
  it.each<[string, (given: { foreign: string; conversationId: string }) => string]>([
    ['an unknown', () => createId('message')],
    ['a malformed', () => 'nonsense'],
    ['an empty', () => ''],
    ["another account's", ({ foreign }) => foreign],
    ["a conversation's", (given) => given.conversationId],
  ])('refuses %s id with NOT_FOUND before the first event', async (_what, choose) => {
    const { gateway, conversationId, replyId } = await startAnswer();
    const { key } = await gateway.createTenant();
    const messageId = choose({ foreign: replyId, conversationId });
    const reader = attach(gateway, { messageId, ...(messageId === replyId && { key }) });
    await reader.ended;
    expect(reader.errors).toEqual(['NOT_FOUND']);
    expect(reader.events).toEqual([]);
  });

  it.each(['', 'nonsense', 'AAAA', '%00', '🙂', 'cursor of another message'])(
    'refuses %j as a cursor',
    async (text) => {
      const { gateway, engine, chatbotId, replyId } = await startAnswer();
      engine.push(delta('One'), finish);
      const whole = attach(gateway, { messageId: replyId });
      await whole.ended;
      const other = await send(gateway, { chatbotId, content: 'And?' });
      const after = text === 'cursor of another message' ? whole.events[0]?.cursor : text;
      const reader = attach(gateway, { messageId: other.replyId, after });
      await reader.ended;
      expect(reader.errors).toEqual(['BAD_USER_INPUT']);
      expect(reader.events).toEqual([]);
      await vi.waitFor(() => expect(gateway.deps.bus.size).toBe(0));
    },
  );

  it('takes null as a cursor for none', async () => {
    const { gateway, engine, replyId } = await startAnswer();
    engine.push(delta('One'), finish);
    const reader = attach(gateway, { messageId: replyId, after: null });
    await reader.ended;
    expect(reader.events.map(({ __typename }) => __typename)).toEqual([
      'MessageCreated',
      'MessageDelta',
      'MessageCompleted',
    ]);
  });

  it('needs CHAT or READ', async () => {
    const { gateway, engine, replyId } = await startAnswer();
    engine.push(finish);
    for (const [scope, errors] of [
      ['MANAGE', ['FORBIDDEN']],
      ['READ', []],
      ['CHAT', []],
    ] as const) {
      const key = await gateway.createKey(gateway.accountId, [scope]);
      const reader = attach(gateway, { messageId: replyId, key });
      await reader.ended;
      expect(reader.errors).toEqual(errors);
    }
  });
});
