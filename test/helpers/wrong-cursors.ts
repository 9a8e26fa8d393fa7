import { expect, onTestFinished } from 'vitest';
import { encodeCursor } from '../../src/chat/cursor.ts';
import { createId } from '../../src/domain/ids.ts';
import { createChatbot, send } from './chatbots.ts';
import { stageOf, startConversation, waitForReaders } from './conversations.ts';
import { delta, finish } from './engines.ts';
import type { TestGateway } from './gateway.ts';
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
  'one from the future': ({ conversationId, last }) => encodeCursor(`c:${conversationId}:${last + 1}`),
  'one with a text of another conversation': ({ conversationId, otherReplyId }) =>
    encodeCursor(`c:${conversationId}:1:${otherReplyId}:0:0`),
  'one with a text of another account': ({ conversationId, foreignReplyId }) =>
    encodeCursor(`c:${conversationId}:1:${foreignReplyId}:0:0`),
  'one with a text that nobody wrote': ({ conversationId }) =>
    encodeCursor(`c:${conversationId}:1:${createId('message')}:0:0`),
  'one beyond the end of a text': ({ conversationId, replyId }) =>
    encodeCursor(`c:${conversationId}:1:${replyId}:999:0`),
  'one with a number that is none': ({ conversationId }) => encodeCursor(`c:${conversationId}:-1`),
};

/** A conversation that has ended, the number of its last event, and cursors that are none of it, by what they are. */
export async function gatherWrongCursors() {
  const given = await tellElsewhere();
  const wrong: Record<string, string> = {};
  for (const [what, choose] of Object.entries(WRONG)) {
    const cursor = choose(given);
    if (cursor === undefined) throw new Error(`Nobody was told of ${what}.`);
    wrong[what] = cursor;
  }
  expect(new Set(Object.values(wrong)).size).toBe(Object.keys(WRONG).length);
  const { gateway, conversationId, replyId, last, message } = given;
  return { gateway, conversationId, replyId, last, message, wrong };
}

/** A conversation, and readers of other things that were told something. */
async function tellElsewhere() {
  const { gateway, engine, chatbotId, conversationId, replyId } = await startConversation();
  // Whatever is left unfinished would be waited for.
  onTestFinished(() => engine.push(finish, finish));
  const message = webSocket.follow(gateway, { messageId: replyId });
  await message.ended;
  const chatbot = webSocket.follow(gateway, { chatbotId });
  await waitForReaders(gateway, 1);
  engine.push(delta('Yes.'));
  const asked = await send(gateway, { chatbotId, content: 'Elsewhere?' });
  const other = webSocket.follow(gateway, { conversationId: asked.conversationId });
  await other.until(({ text }) => text === 'Yes.');
  await stageOf(chatbot, 'MessageCreated', asked.replyId);

  const { key } = await gateway.createTenant();
  const theirs = await createChatbot(gateway, { key });
  const sent = await send(gateway, { chatbotId: theirs, content: 'Elsewhere?' }, key);
  const foreign = webSocket.follow(gateway, { conversationId: sent.conversationId, key });
  await stageOf(foreign, 'MessageCreated', sent.replyId);
  for (const reader of [other, chatbot, foreign]) reader.leave();
  await waitForReaders(gateway, 0);
  const last = await lastNumber(gateway, conversationId);
  const ids = { conversationId, replyId, otherReplyId: asked.replyId, foreignReplyId: sent.replyId };
  return { gateway, ...ids, last, message, chatbot, other, foreign };
}

async function lastNumber({ deps }: TestGateway, conversationId: string): Promise<number> {
  const query = deps.db.read.selectFrom('conversations').select('last_event').where('id', '=', conversationId);
  return (await query.executeTakeFirstOrThrow()).last_event;
}
