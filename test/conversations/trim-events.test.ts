import { expect, it, onTestFinished } from 'vitest';
import { trimEvents } from '../../src/conversations/trim-events.ts';
import { toTimestamp } from '../../src/domain/time.ts';
import { appendEvent } from '../../src/store/events.ts';
import { createChatbot, send } from '../helpers/chatbots.ts';
import { createManualClock } from '../helpers/clock.ts';
import { describeEvents, waitForMessageEvent } from '../helpers/conversations.ts';
import { startGateway } from '../helpers/gateway.ts';
import { createScriptedEngine, delta, finish } from '../helpers/models/engines.ts';
import { TRANSPORTS, webSocket } from '../helpers/streams.ts';

const DAY_MS = 86_400_000;

async function open() {
  const clock = createManualClock();
  const engine = createScriptedEngine();
  const gateway = await startGateway({ overrides: { clock, engines: new Map([['builtin', engine]]) } });
  onTestFinished(() => gateway.close());
  const chatbotId = await createChatbot(gateway);
  const ask = async (content: string, conversationId?: string) => {
    engine.push(delta('Yes.'), finish);
    const sent = await send(gateway, conversationId ? { conversationId, content } : { chatbotId, content });
    await webSocket.subscribe(gateway, { messageId: sent.replyId }).ended;
    return sent;
  };
  const trim = () => trimEvents(gateway.deps, new AbortController().signal);
  const readEventNumbers = async () => {
    const rows = await gateway.deps.db.read.selectFrom('conversation_events').select('chatbot_number').execute();
    return rows.map(({ chatbot_number }) => chatbot_number).sort((a, b) => a - b);
  };
  /** Appends `count` events at the clock's time; a request for each would take many seconds. */
  const appendEvents = (conversationId: string, count: number) =>
    gateway.deps.db.transaction(async (trx) => {
      const event = { type: 'BranchSelected', conversationId, at: toTimestamp(clock.now()) } as const;
      for (let n = 0; n < count; n++) await appendEvent(trx, gateway.accountId, event);
    });
  return { gateway, clock, engine, chatbotId, ask, trim, readEventNumbers, appendEvents };
}

it('deletes events older than 30 days, except the newest of each chatbot', async () => {
  const { clock, ask, trim, readEventNumbers } = await open();
  await ask('One?');
  clock.advance(20 * DAY_MS);
  await ask('Two?');
  clock.advance(10 * DAY_MS);
  await trim();
  expect(await readEventNumbers()).toEqual([1, 2, 3, 4, 5, 6]);
  clock.advance(1);
  await trim();
  expect(await readEventNumbers()).toEqual([4, 5, 6]);
  clock.advance(30 * DAY_MS);
  await trim();
  expect(await readEventNumbers()).toEqual([6]);
  await trim();
  expect(await readEventNumbers()).toEqual([6]);
});

it.each([1, 600])(
  'deletes old events even if %i events before them have timestamps in the future',
  async (count) => {
    const { clock, ask, trim, readEventNumbers, appendEvents } = await open();
    const { conversationId } = await ask('One?');
    clock.jump(400 * DAY_MS);
    await appendEvents(conversationId, count);
    clock.jump(-400 * DAY_MS);
    await ask('Two?');
    clock.advance(20 * DAY_MS);
    await ask('Three?');
    clock.advance(11 * DAY_MS);
    await trim();
    expect(await readEventNumbers()).toEqual([count + 7, count + 8, count + 9]);
  },
  60_000,
);

it('does not delete recent events whose timestamps are in the future', async () => {
  const { clock, ask, trim, readEventNumbers } = await open();
  await ask('One?');
  clock.jump(-3_600_000);
  await trim();
  expect(await readEventNumbers()).toEqual([1, 2, 3]);
});

it('deletes more events than one transaction can delete', async () => {
  const { clock, ask, trim, readEventNumbers, appendEvents } = await open();
  const { conversationId } = await ask('One?');
  await appendEvents(conversationId, 600);
  clock.advance(31 * DAY_MS);
  await trim();
  expect(await readEventNumbers()).toEqual([603]);
}, 60_000);

it.each(TRANSPORTS)(
  'sends clients that resume over $name a StreamGap, then the reply in progress',
  async ({ subscribe }) => {
    const { gateway, clock, engine, chatbotId, ask, trim } = await open();
    const { conversationId } = await ask('One?');
    const readers = [subscribe(gateway, { conversationId }), subscribe(gateway, { chatbotId })];
    await expect.poll(() => gateway.deps.bus.size).toBe(2);
    const second = await ask('Two?', conversationId);
    const cursors = [];
    for (const reader of readers) {
      await waitForMessageEvent(reader, 'MessageCompleted', second.replyId);
      cursors.push([reader.events[0]?.cursor, reader.events.at(-1)?.cursor]);
      reader.unsubscribe();
    }
    await ask('Three?', conversationId);
    clock.advance(31 * DAY_MS);
    await trim();
    const running = await send(gateway, { conversationId, content: 'Four?' });
    engine.push(delta('A part'));
    await webSocket.subscribe(gateway, { messageId: running.replyId }).until(({ text }) => text === 'A part');

    for (const cursor of cursors[0] ?? []) {
      const resumed = subscribe(gateway, { conversationId, after: cursor });
      await resumed.until(({ text }) => text === 'A part');
      expect(describeEvents(resumed.events, { [running.replyId]: 'running' }).slice(1)).toEqual([
        'MessageCreated running',
        'MessageDelta running "A part"',
      ]);
      expect(resumed.events[0]).toMatchObject({ __typename: 'StreamGap', conversationId, reason: expect.any(String) });
      const resumedAfterGap = subscribe(gateway, { conversationId, after: resumed.events[0]?.cursor });
      await resumedAfterGap.until(({ text }) => text === 'A part');
      expect(resumedAfterGap.events.map(({ __typename }) => __typename)).toEqual(['MessageCreated', 'MessageDelta']);
      resumed.unsubscribe();
      resumedAfterGap.unsubscribe();
    }
    const resumed = subscribe(gateway, { chatbotId, after: cursors[1]?.[0] });
    await resumed.until(({ __typename }) => __typename === 'StreamGap');
    engine.push(finish);
    await waitForMessageEvent(resumed, 'MessageCompleted', running.replyId);
    expect(resumed.events.map(({ __typename }) => __typename)).toEqual(['StreamGap', 'MessageCompleted']);
    resumed.unsubscribe();
  },
);

it('deletes nothing when EVENT_RETENTION_DAYS is 0', async () => {
  const clock = createManualClock();
  const gateway = await startGateway({ env: { EVENT_RETENTION_DAYS: '0' }, overrides: { clock } });
  onTestFinished(() => gateway.close());
  // Other tasks end soon after the start; that of retention would never end.
  await expect.poll(() => gateway.deps.background.size).toBe(0);
  expect(gateway.deps.config.eventRetentionMs).toBe(0);
});
