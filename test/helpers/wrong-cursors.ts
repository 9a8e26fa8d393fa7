import { expect, onTestFinished } from 'vitest';
import { createChatbot, send } from './chatbots.ts';
import { stageOf, startConversation, waitForReaders } from './conversations.ts';
import { alter, cursorOfNow, signPosition, writeUnsigned } from './cursors.ts';
import type { TestGateway } from './gateway.ts';
import { delta, finish } from './models/engines.ts';
import { webSocket } from './streams.ts';

/** A conversation, and readers of other streams. */
type Setup = Awaited<ReturnType<typeof followOtherStreams>>;

/** Every way in which a cursor can be wrong for a conversation. */
const WRONG: Record<string, (setup: Setup) => string | undefined> = {
  'an empty text': () => '',
  garbage: () => 'nonsense',
  'more garbage': () => '🙂%00',
  'one of another conversation': ({ other }) => other.events.at(-1)?.cursor,
  "one of another account's conversation": ({ foreign }) => foreign.events.at(-1)?.cursor,
  "one of a message's stream": ({ message }) => message.events.at(-1)?.cursor,
  "one of a chatbot's stream": ({ chatbot }) => chatbot.events.at(-1)?.cursor,
  'one of an earlier gateway version': ({ conversationId, last }) => writeUnsigned(`c:${conversationId}:${last}`),
  'one without a signature': ({ right }) => right.slice(0, -14),
  'one with a signature of zeros': ({ right }) => `${right.slice(0, -14)}${'A'.repeat(14)}`,
  'one with another version': ({ right }) => alter(right, 0),
  'one with another number': ({ right }) => alter(right, 3),
  'one with another event': ({ right }) => alter(right, 8),
  'one with another signature': ({ right }) => alter(right, right.length - 1),
  'one that is too long': ({ right }) => `${right}${'A'.repeat(1_000)}`,
  'one with a letter for its number': ({ gateway, conversationId }) => signPosition(gateway, conversationId, 'one___0'),
  'one with an extra part': ({ gateway, conversationId }) => signPosition(gateway, conversationId, '1___0_0'),
};

/** A conversation without an open reply, the cursor of its last event, and cursors invalid for it, by description. */
export async function gatherWrongCursors() {
  const setup = await followOtherStreams();
  const wrong: Record<string, string> = {};
  for (const [what, choose] of Object.entries(WRONG)) {
    const cursor = choose(setup);
    if (cursor === undefined) throw new Error(`No reader received ${what}.`);
    wrong[what] = cursor;
  }
  expect(new Set(Object.values(wrong)).size).toBe(Object.keys(WRONG).length);
  const { gateway, conversationId, replyId, right } = setup;
  return { gateway, conversationId, replyId, right, wrong };
}

/** Creates a conversation, and readers of other streams that have each received an event. */
async function followOtherStreams() {
  const { gateway, engine, chatbotId, conversationId, replyId } = await startConversation();
  // Otherwise closing the gateway would wait for unfinished replies.
  onTestFinished(() => engine.push(finish, finish));
  const message = webSocket.subscribe(gateway, { messageId: replyId });
  await message.ended;
  const chatbot = webSocket.subscribe(gateway, { chatbotId });
  await waitForReaders(gateway, 1);
  engine.push(delta('Yes.'));
  const asked = await send(gateway, { chatbotId, content: 'Elsewhere?' });
  const other = webSocket.subscribe(gateway, { conversationId: asked.conversationId });
  await other.until(({ text }) => text === 'Yes.');
  await stageOf(chatbot, 'MessageCreated', asked.replyId);

  const { key } = await gateway.createTenant();
  const theirs = await createChatbot(gateway, { key });
  const sent = await send(gateway, { chatbotId: theirs, content: 'Elsewhere?' }, key);
  const foreign = webSocket.subscribe(gateway, { conversationId: sent.conversationId, key });
  await stageOf(foreign, 'MessageCreated', sent.replyId);
  for (const reader of [other, chatbot, foreign]) reader.leave();
  await waitForReaders(gateway, 0);
  const last = await lastNumber(gateway, conversationId);
  const right = await cursorOfNow(gateway, conversationId);
  return { gateway, conversationId, replyId, last, right, message, chatbot, other, foreign };
}

async function lastNumber({ deps }: TestGateway, conversationId: string): Promise<number> {
  const query = deps.db.read.selectFrom('conversations').select('last_event').where('id', '=', conversationId);
  return (await query.executeTakeFirstOrThrow()).last_event;
}
