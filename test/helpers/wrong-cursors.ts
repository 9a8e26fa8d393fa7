import { expect, onTestFinished } from 'vitest';
import { createChatbot, send } from './chatbots.ts';
import { stageOf, startConversation, waitForReaders } from './conversations.ts';
import { alter, cursorOfNow, signPosition, writeUnsigned } from './cursors.ts';
import type { TestGateway } from './gateway.ts';
import { delta, finish } from './models/engines.ts';
import { webSocket } from './streams.ts';

/** Who was told something by some stream, and what is there. */
type Given = Awaited<ReturnType<typeof tellElsewhere>>;

/** Everything that a cursor of a conversation can be wrong about. */
const WRONG: Record<string, (given: Given) => string | undefined> = {
  'an empty text': () => '',
  garbage: () => 'nonsense',
  'more garbage': () => '🙂%00',
  'one of another conversation': ({ other }) => other.events.at(-1)?.cursor,
  "one of another account's conversation": ({ foreign }) => foreign.events.at(-1)?.cursor,
  "one of a message's stream": ({ message }) => message.events.at(-1)?.cursor,
  "one of a chatbot's stream": ({ chatbot }) => chatbot.events.at(-1)?.cursor,
  'one that an earlier version has written': ({ conversationId, last }) => writeUnsigned(`c:${conversationId}:${last}`),
  'one that nobody has signed': ({ right }) => right.slice(0, -14),
  'one that is signed with nothing': ({ right }) => `${right.slice(0, -14)}${'A'.repeat(14)}`,
  'one with another version': ({ right }) => alter(right, 0),
  'one with another number': ({ right }) => alter(right, 3),
  'one with another event': ({ right }) => alter(right, 8),
  'one with another signature': ({ right }) => alter(right, right.length - 1),
  'one that is too long': ({ right }) => `${right}${'A'.repeat(1_000)}`,
  'one with a letter for its number': ({ gateway, conversationId }) => signPosition(gateway, conversationId, 'one___0'),
  'one that goes on': ({ gateway, conversationId }) => signPosition(gateway, conversationId, '1___0_0'),
};

/** A conversation that has ended, the cursor of its last event, and cursors that are none of it, by what they are. */
export async function gatherWrongCursors() {
  const given = await tellElsewhere();
  const wrong: Record<string, string> = {};
  for (const [what, choose] of Object.entries(WRONG)) {
    const cursor = choose(given);
    if (cursor === undefined) throw new Error(`Nobody was told of ${what}.`);
    wrong[what] = cursor;
  }
  expect(new Set(Object.values(wrong)).size).toBe(Object.keys(WRONG).length);
  const { gateway, conversationId, replyId, right } = given;
  return { gateway, conversationId, replyId, right, wrong };
}

/** A conversation, and readers of other things that were told something. */
async function tellElsewhere() {
  const { gateway, engine, chatbotId, conversationId, replyId } = await startConversation();
  // Whatever is left unfinished would be waited for.
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
