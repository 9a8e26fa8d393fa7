import { expect, it, onTestFinished } from 'vitest';
import { WEBHOOK_EVENTS, type WebhookEventName } from '../../src/domain/webhooks.ts';
import { WEBHOOK_SAMPLES } from '../../src/webhooks/samples.ts';
import { createChatbot, send } from '../helpers/chatbots.ts';
import { startGateway } from '../helpers/gateway.ts';
import { createScriptedEngine, delta, finish } from '../helpers/models/engines.ts';
import { webSocket } from '../helpers/streams.ts';
import { SECRET_KEY, subscribe } from '../helpers/webhooks/webhooks.ts';
import { mutate } from '../schema/support.ts';

/** Events that this test does not trigger: nothing sends them yet, or they need hours to occur. */
const NOT_TRIGGERED: readonly WebhookEventName[] = ['SOURCE_FAILED', 'WEBHOOK_DISABLED'];

/** Lists the fields of an object in order, each with the type of its value. */
function fieldTypesOf(data: object): string[] {
  return Object.entries(data).map(([name, value]) => `${name}: ${Array.isArray(value) ? 'array' : typeof value}`);
}

it('has a sample of each event in exactly the format of a sent event', async () => {
  const engine = createScriptedEngine();
  const gateway = await startGateway({
    env: { SECRET_KEY, MONTHLY_MESSAGE_LIMIT: '2' },
    overrides: { engines: new Map([['builtin', engine]]) },
  });
  onTestFinished(() => gateway.close());
  await subscribe(gateway, { events: Object.keys(WEBHOOK_EVENTS) });
  const chatbotId = await createChatbot(gateway, { sources: ['The tower is tall.'] });

  engine.push(delta('Yes.'), finish);
  const { conversationId, replyId } = await send(gateway, { chatbotId, content: 'Is it?' });
  await webSocket.subscribe(gateway, { messageId: replyId }).ended;
  await mutate(gateway, 'rateMessage', { id: replyId, rating: 'UP' });
  await mutate(gateway, 'captureLead', { conversationId, email: 'ada@example.com' });
  await mutate(gateway, 'escalateConversation', { id: conversationId, reason: 'A person, please.' });
  await mutate(gateway, 'assignConversation', { id: conversationId, assignee: 'grace@example.com' });
  await mutate(gateway, 'sendAgentMessage', { conversationId, content: 'Here I am.' });
  await mutate(gateway, 'handBackConversation', { id: conversationId });
  await mutate(gateway, 'closeConversation', { id: conversationId });
  const failing = await send(gateway, { chatbotId, content: 'And now?' });
  engine.fail(new Error('It broke.'));
  await webSocket.subscribe(gateway, { messageId: failing.replyId }).ended;

  const rows = await gateway.deps.db.read
    .selectFrom('webhook_events')
    .select(['name', 'data'])
    .orderBy('id', 'desc')
    .execute();
  // The map keeps the first event of each name, because later events may have null fields.
  const stored = new Map(rows.map(({ name, data }) => [name, JSON.parse(data)]));
  const names = Object.keys(WEBHOOK_EVENTS) as WebhookEventName[];
  expect([...stored.keys()].toSorted()).toEqual(names.filter((name) => !NOT_TRIGGERED.includes(name)).toSorted());
  for (const [name, data] of stored) expect(fieldTypesOf(WEBHOOK_SAMPLES[name].data), name).toEqual(fieldTypesOf(data));
});
