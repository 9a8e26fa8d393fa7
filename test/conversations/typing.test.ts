import { describe, expect, it, vi } from 'vitest';
import { describeEvents, startGatewayWithCompletedReply, waitForReaders } from '../helpers/conversations.ts';
import { TRANSPORTS, webSocket } from '../helpers/streams.ts';
import { mutate, mutation } from '../schema/support.ts';

describe('setTyping', () => {
  it.each(TRANSPORTS)(
    'streams each change of a typing indicator once over $name, and stores nothing',
    async ({ subscribe }) => {
      const { gateway, conversationId } = await startGatewayWithCompletedReply();
      const reader = subscribe(gateway, { conversationId });
      await waitForReaders(gateway, 1);
      const setTyping = (input: object) => mutate(gateway, 'setTyping', { conversationId, ...input });
      await setTyping({ isTyping: true });
      await reader.until(({ isTyping }) => isTyping === true);
      await setTyping({ isTyping: true });
      await setTyping({ isTyping: true, role: 'AGENT' });
      await reader.until(({ role }) => role === 'AGENT');
      await setTyping({ isTyping: false });
      await reader.until(({ isTyping }) => isTyping === false);
      expect(describeEvents(reader.events)).toEqual([
        'TypingChanged USER true',
        'TypingChanged AGENT true',
        'TypingChanged USER false',
      ]);
      const rows = await gateway.deps.db.read.selectFrom('conversation_events').select('type').execute();
      expect(rows.map(({ type }) => type)).not.toContain('TypingChanged');

      // A client that resumes receives only the indicators that have changed since the event of its cursor.
      const resumedAtEnd = subscribe(gateway, { conversationId, after: reader.events.at(-1)?.cursor });
      const resumedAtStart = subscribe(gateway, { conversationId, after: reader.events[0]?.cursor });
      await resumedAtStart.until(({ isTyping }) => isTyping === true);
      expect(describeEvents(resumedAtStart.events)).toEqual(['TypingChanged USER false', 'TypingChanged AGENT true']);
      expect(resumedAtEnd.events).toEqual([]);
      for (const subscriber of [reader, resumedAtEnd, resumedAtStart]) subscriber.unsubscribe();
    },
  );

  it('clears the indicator when a message arrives, and after 6 seconds without a renewal', async () => {
    const { gateway, conversationId } = await startGatewayWithCompletedReply();
    const reader = webSocket.subscribe(gateway, { conversationId });
    await waitForReaders(gateway, 1);
    await mutate(gateway, 'setTyping', { conversationId, isTyping: true, role: 'AGENT' });
    await reader.until(({ isTyping }) => isTyping === true);
    await mutate(gateway, 'sendAgentMessage', { conversationId, content: 'Here' });
    await reader.until(({ isTyping }) => isTyping === false);

    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] });
    try {
      await mutate(gateway, 'setTyping', { conversationId, isTyping: true });
      expect([...gateway.deps.typing.rolesTyping(conversationId).keys()]).toEqual(['USER']);
      vi.advanceTimersByTime(6_000);
      expect([...gateway.deps.typing.rolesTyping(conversationId)]).toEqual([]);
    } finally {
      vi.useRealTimers();
    }
    reader.unsubscribe();
  });

  it('tells the name of the person who types, until the person stops', async () => {
    const { gateway, conversationId } = await startGatewayWithCompletedReply();
    const reader = webSocket.subscribe(gateway, { conversationId });
    await waitForReaders(gateway, 1);
    const setTyping = (input: object) => mutate(gateway, 'setTyping', { conversationId, role: 'AGENT', ...input });
    await setTyping({ isTyping: true, authorName: 'Ada' });
    await reader.until(({ isTyping }) => isTyping === true);
    await setTyping({ isTyping: false, authorName: 'Ada' });
    await reader.until(({ isTyping }) => isTyping === false);
    const events = reader.events.filter(({ __typename }) => __typename === 'TypingChanged');
    expect(events.map(({ isTyping, authorName }) => [isTyping, authorName])).toEqual([
      [true, 'Ada'],
      [false, null],
    ]);
    for (const input of [{ authorName: ' ' }, { authorName: 'Ada', role: 'USER' }]) {
      expect(await setTyping({ isTyping: true, ...input })).toMatchObject({
        code: 'INVALID_INPUT',
        fields: [{ path: ['authorName'] }],
      });
    }
    reader.unsubscribe();
  });

  it('requires MANAGE for an agent and CHAT for a visitor', async () => {
    const { gateway, conversationId } = await startGatewayWithCompletedReply();
    for (const [scope, role, allowed] of [
      ['CHAT', 'USER', true],
      ['CHAT', 'AGENT', false],
      ['MANAGE', 'USER', false],
      ['MANAGE', 'AGENT', true],
    ] as const) {
      const key = await gateway.createKey(gateway.accountId, [scope]);
      const input = { conversationId, isTyping: true, role };
      const { errors } = await gateway.graphql(mutation('setTyping'), { input }, key);
      expect(errors?.map(({ extensions }) => extensions.code)).toEqual(allowed ? undefined : ['FORBIDDEN']);
    }
  });
});
