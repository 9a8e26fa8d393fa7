import { expect, onTestFinished } from 'vitest';
import { createChatbot, send } from './chatbots.ts';
import { startGatewayWithCompletedReply, waitForMessageEvent, waitForReaders } from './conversations.ts';
import { alterCharacter, encodeUnsignedCursor, latestCursor, signPosition } from './cursors.ts';
import type { TestGateway } from './gateway.ts';
import { delta, finish } from './models/engines.ts';
import { webSocket } from './streams.ts';

/** A conversation, and readers of other streams. */
type Setup = Awaited<ReturnType<typeof followOtherStreams>>;

/** The ways in which a cursor can be invalid for a conversation, by description. */
const INVALID_CURSORS: Record<string, (setup: Setup) => string | undefined> = {
  'an empty text': () => '',
  garbage: () => 'nonsense',
  'more garbage': () => '🙂%00',
  "another conversation's cursor": ({ other }) => other.events.at(-1)?.cursor,
  "a cursor of another account's conversation": ({ foreign }) => foreign.events.at(-1)?.cursor,
  "a cursor of a message's stream": ({ message }) => message.events.at(-1)?.cursor,
  "a cursor of a chatbot's stream": ({ chatbot }) => chatbot.events.at(-1)?.cursor,
  'a cursor of an earlier version': ({ conversationId, last }) => encodeUnsignedCursor(`c:${conversationId}:${last}`),
  'a cursor without a signature': ({ validCursor }) => validCursor.slice(0, -14),
  'a signature of zeros': ({ validCursor }) => `${validCursor.slice(0, -14)}${'A'.repeat(14)}`,
  'a changed version': ({ validCursor }) => alterCharacter(validCursor, 0),
  'a changed number': ({ validCursor }) => alterCharacter(validCursor, 3),
  'a changed event': ({ validCursor }) => alterCharacter(validCursor, 8),
  'a changed signature': ({ validCursor }) => alterCharacter(validCursor, validCursor.length - 1),
  'a cursor that is too long': ({ validCursor }) => `${validCursor}${'A'.repeat(1_000)}`,
  'letters instead of a number': ({ gateway, conversationId }) => signPosition(gateway, conversationId, 'one___0'),
  'an extra part': ({ gateway, conversationId }) => signPosition(gateway, conversationId, '1___0_0'),
};

/** Creates a conversation without an open reply; returns the cursor of its last event, and cursors invalid for it. */
export async function createInvalidCursors() {
  const setup = await followOtherStreams();
  const invalidCursors: Record<string, string> = {};
  for (const [description, create] of Object.entries(INVALID_CURSORS)) {
    const cursor = create(setup);
    if (cursor === undefined) throw new Error(`No reader received ${description}.`);
    invalidCursors[description] = cursor;
  }
  expect(new Set(Object.values(invalidCursors)).size).toBe(Object.keys(INVALID_CURSORS).length);
  const { gateway, conversationId, replyId, validCursor } = setup;
  return { gateway, conversationId, replyId, validCursor, invalidCursors };
}

/** Creates a conversation, and readers of other streams that have each received an event. */
async function followOtherStreams() {
  const { gateway, engine, chatbotId, conversationId, replyId } = await startGatewayWithCompletedReply();
  // Otherwise closing the gateway would wait for unfinished replies.
  onTestFinished(() => engine.push(finish, finish));
  const message = webSocket.subscribe(gateway, { messageId: replyId });
  await message.ended;
  const chatbot = webSocket.subscribe(gateway, { chatbotId });
  await waitForReaders(gateway, 1);
  engine.push(delta('Yes.'));
  const sent = await send(gateway, { chatbotId, content: 'Elsewhere?' });
  const other = webSocket.subscribe(gateway, { conversationId: sent.conversationId });
  await other.until(({ text }) => text === 'Yes.');
  await waitForMessageEvent(chatbot, 'MessageCreated', sent.replyId);

  const { key } = await gateway.createTenant();
  const foreignChatbotId = await createChatbot(gateway, { key });
  const foreignSent = await send(gateway, { chatbotId: foreignChatbotId, content: 'Elsewhere?' }, key);
  const foreign = webSocket.subscribe(gateway, { conversationId: foreignSent.conversationId, key });
  await waitForMessageEvent(foreign, 'MessageCreated', foreignSent.replyId);
  for (const reader of [other, chatbot, foreign]) reader.unsubscribe();
  await waitForReaders(gateway, 0);
  const last = await lastNumber(gateway, conversationId);
  const validCursor = await latestCursor(gateway, conversationId);
  return { gateway, conversationId, replyId, last, validCursor, message, chatbot, other, foreign };
}

async function lastNumber({ deps }: TestGateway, conversationId: string): Promise<number> {
  const query = deps.db.read.selectFrom('conversations').select('last_event').where('id', '=', conversationId);
  return (await query.executeTakeFirstOrThrow()).last_event;
}
