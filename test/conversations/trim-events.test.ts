import { expect, it, onTestFinished } from 'vitest';
import { trimEvents } from '../../src/conversations/trim-events.ts';
import { createChatbot, send } from '../helpers/chatbots.ts';
import { createManualClock } from '../helpers/clock.ts';
import { describeEvents, stageOf } from '../helpers/conversations.ts';
import { startGateway } from '../helpers/gateway.ts';
import { createScriptedEngine, delta, finish } from '../helpers/models/engines.ts';
import { TRANSPORTS, webSocket } from '../helpers/streams.ts';
import { mutate } from '../schema/support.ts';

const DAY_MS = 86_400_000;

async function open() {
  const clock = createManualClock();
  const engine = createScriptedEngine();
  const gateway = await startGateway({ replaced: { clock, engines: new Map([['builtin', engine]]) } });
  onTestFinished(() => gateway.close());
  const chatbotId = await createChatbot(gateway);
  const ask = async (content: string, conversationId?: string) => {
    engine.push(delta('Yes.'), finish);
    const sent = await send(gateway, conversationId ? { conversationId, content } : { chatbotId, content });
    await webSocket.subscribe(gateway, { messageId: sent.replyId }).ended;
    return sent;
  };
  const trim = () => trimEvents(gateway.deps, new AbortController().signal);
  const numbers = async () => {
    const rows = await gateway.deps.db.read.selectFrom('conversation_events').select('chatbot_number').execute();
    return rows.map(({ chatbot_number }) => chatbot_number).sort((a, b) => a - b);
  };
  return { gateway, clock, engine, chatbotId, ask, trim, numbers };
}

it('deletes events older than 30 days, except the newest of each chatbot', async () => {
  const { clock, ask, trim, numbers } = await open();
  await ask('One?');
  clock.turn(20 * DAY_MS);
  await ask('Two?');
  clock.turn(10 * DAY_MS);
  await trim();
  expect(await numbers()).toEqual([1, 2, 3, 4, 5, 6]);
  clock.turn(1);
  await trim();
  expect(await numbers()).toEqual([4, 5, 6]);
  clock.turn(30 * DAY_MS);
  await trim();
  expect(await numbers()).toEqual([6]);
  await trim();
  expect(await numbers()).toEqual([6]);
});

it.each([1, 600])(
  'deletes old events although %i earlier events are dated in the future',
  async (count) => {
    const { gateway, clock, ask, trim, numbers } = await open();
    const { conversationId } = await ask('One?');
    clock.jump(400 * DAY_MS);
    for (let n = 0; n < count; n++) await mutate(gateway, 'assignConversation', { conversationId, assignee: `${n}` });
    clock.jump(-400 * DAY_MS);
    await ask('Two?');
    clock.turn(20 * DAY_MS);
    await ask('Three?');
    clock.turn(11 * DAY_MS);
    await trim();
    expect(await numbers()).toEqual([count + 7, count + 8, count + 9]);
  },
  60_000,
);

it('does not delete new events that a clock dated in the future', async () => {
  const { clock, ask, trim, numbers } = await open();
  await ask('One?');
  clock.jump(-3_600_000);
  await trim();
  expect(await numbers()).toEqual([1, 2, 3]);
});

it('deletes more events than one transaction takes', async () => {
  const { gateway, clock, ask, trim, numbers } = await open();
  const { conversationId } = await ask('One?');
  for (let n = 0; n < 600; n++) {
    await mutate(gateway, 'assignConversation', { conversationId, assignee: `${n}` });
  }
  clock.turn(31 * DAY_MS);
  await trim();
  expect(await numbers()).toEqual([603]);
}, 60_000);

it.each(TRANSPORTS)(
  'sends a StreamGap to clients that resume over $name, then the reply in progress',
  async ({ subscribe }) => {
    const { gateway, clock, engine, chatbotId, ask, trim } = await open();
    const { conversationId } = await ask('One?');
    const readers = [subscribe(gateway, { conversationId }), subscribe(gateway, { chatbotId })];
    await expect.poll(() => gateway.deps.bus.size).toBe(2);
    const second = await ask('Two?', conversationId);
    const cursors = [];
    for (const reader of readers) {
      await stageOf(reader, 'MessageCompleted', second.replyId);
      cursors.push([reader.events[0]?.cursor, reader.events.at(-1)?.cursor]);
      reader.leave();
    }
    await ask('Three?', conversationId);
    clock.turn(31 * DAY_MS);
    await trim();
    const running = await send(gateway, { conversationId, content: 'Four?' });
    engine.push(delta('A part'));
    await webSocket.subscribe(gateway, { messageId: running.replyId }).until(({ text }) => text === 'A part');

    for (const cursor of cursors[0] ?? []) {
      const late = subscribe(gateway, { conversationId, after: cursor });
      await late.until(({ text }) => text === 'A part');
      expect(describeEvents(late.events, { [running.replyId]: 'running' }).slice(1)).toEqual([
        'MessageCreated running',
        'MessageDelta running "A part"',
      ]);
      expect(late.events[0]).toMatchObject({ __typename: 'StreamGap', conversationId, reason: expect.any(String) });
      const again = subscribe(gateway, { conversationId, after: late.events[0]?.cursor });
      await again.until(({ text }) => text === 'A part');
      expect(again.events.map(({ __typename }) => __typename)).toEqual(['MessageCreated', 'MessageDelta']);
      late.leave();
      again.leave();
    }
    const late = subscribe(gateway, { chatbotId, after: cursors[1]?.[0] });
    await late.until(({ __typename }) => __typename === 'StreamGap');
    engine.push(finish);
    await stageOf(late, 'MessageCompleted', running.replyId);
    expect(late.events.map(({ __typename }) => __typename)).toEqual(['StreamGap', 'MessageCompleted']);
    late.leave();
  },
);

it('deletes nothing when EVENT_RETENTION_DAYS is 0', async () => {
  const clock = createManualClock();
  const gateway = await startGateway({ env: { EVENT_RETENTION_DAYS: '0' }, replaced: { clock } });
  onTestFinished(() => gateway.close());
  expect(gateway.deps.background.size).toBe(0);
  expect(gateway.deps.config.eventRetentionMs).toBe(0);
});
