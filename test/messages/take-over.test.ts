import { expect, it } from 'vitest';
import { send } from '../helpers/chatbots.ts';
import { createManualClock } from '../helpers/clock.ts';
import { startGatewayWithCompletedReply, waitForMessageEvent } from '../helpers/conversations.ts';
import type { TestGateway } from '../helpers/gateway.ts';
import { delta } from '../helpers/models/engines.ts';
import { webSocket } from '../helpers/streams.ts';
import { mutate } from '../schema/support.ts';

const selection = 'conversation { status answeredBy silentUntil assignee unreadCount visitorUnreadCount waitingSince }';
const takeOver = (gateway: TestGateway, id: string, input: object = {}) =>
  mutate<{ conversation: object }>(gateway, 'takeOverConversation', { id, ...input }, { selection });

it('silences the chatbot without a message, reopens the conversation, and stops its open replies', async () => {
  const clock = createManualClock();
  const { gateway, engine, conversationId } = await startGatewayWithCompletedReply({ overrides: { clock } });
  const running = await send(gateway, { conversationId, content: 'One?' });
  const waiting = await send(gateway, { conversationId, content: 'Two?' });
  const reader = webSocket.subscribe(gateway, { conversationId });
  engine.push(delta('A part'));
  await reader.until(({ text }) => text === 'A part');
  await mutate(gateway, 'closeConversation', { id: conversationId });

  const { conversation } = await takeOver(gateway, conversationId, { authorName: 'Ada', silentMinutes: 90 });
  expect(conversation).toMatchObject({
    status: 'OPEN',
    answeredBy: 'AGENT',
    silentUntil: '2026-03-15T12:00:00.000Z',
    assignee: null,
    unreadCount: 2,
    waitingSince: '2026-03-15T10:30:00.000Z',
  });
  const stopped = await waitForMessageEvent(reader, 'MessageStopped', running.replyId);
  expect(stopped.message?.content).toBe('A part');
  await waitForMessageEvent(reader, 'MessageStopped', waiting.replyId);
  const change = await reader.until(({ changes }) => changes?.includes('TAKEN_OVER') ?? false);
  expect([change.changes, change.actor]).toEqual([['TAKEN_OVER', 'REOPENED'], 'Ada']);
  const sent = await mutate<{ reply: null; notice: string }>(
    gateway,
    'sendMessage',
    { conversationId, content: 'Hello?' },
    { selection: 'reply { id } notice' },
  );
  expect(sent).toMatchObject({ reply: null, notice: expect.stringContaining('person') });

  expect((await takeOver(gateway, conversationId)).conversation).toMatchObject({
    silentUntil: '2026-03-16T10:30:00.000Z',
  });
  expect((await takeOver(gateway, conversationId, { silentMinutes: 1 })).conversation).toMatchObject({
    silentUntil: '2026-03-15T10:31:00.000Z',
  });
  clock.advance(60_000);
  const { reply } = await mutate<{ reply: { id: string } | null }>(
    gateway,
    'sendMessage',
    { conversationId, content: 'Chatbot?' },
    { selection: 'reply { id }' },
  );
  expect(reply).not.toBeNull();
  reader.unsubscribe();
});

it('rejects a time that is no number of minutes up to a year, and a blank name', async () => {
  const { gateway, conversationId } = await startGatewayWithCompletedReply();
  for (const [field, value] of [
    ['silentMinutes', 0],
    ['silentMinutes', -1],
    ['silentMinutes', 525_601],
    ['authorName', ' '],
    ['authorName', 'x'.repeat(256)],
  ] as const) {
    expect(await takeOver(gateway, conversationId, { [field]: value })).toMatchObject({
      code: 'INVALID_INPUT',
      fields: [{ path: [field] }],
    });
  }
  const { data } = await gateway.graphql('query ($id: ID!) { conversation(id: $id) { answeredBy } }', {
    id: conversationId,
  });
  expect(data).toEqual({ conversation: { answeredBy: 'ASSISTANT' } });
});
