import { expect, it, onTestFinished } from 'vitest';
import { createChatbot } from '../helpers/chatbots.ts';
import { createManualClock } from '../helpers/clock.ts';
import { startGateway } from '../helpers/gateway.ts';
import { createScriptedEngine, delta, finish } from '../helpers/models/engines.ts';
import { webSocket } from '../helpers/streams.ts';
import { inputFor, mutate } from '../schema/support.ts';

const FIELDS = 'unreadCount waitingSince lastMessageAt updatedAt closedAt firstAgentReplyAt';

const SENT = 'conversation { id } userMessage { id } reply { id }';

interface Sent {
  readonly conversation: { readonly id: string };
  readonly userMessage: { readonly id: string };
  readonly reply: { readonly id: string } | null;
}

type State = Record<
  'waitingSince' | 'lastMessageAt' | 'updatedAt' | 'closedAt' | 'firstAgentReplyAt',
  string | null
> & {
  readonly unreadCount: number;
};

/** Opens a gateway with a chatbot; every step of a test takes a minute. */
async function open() {
  const clock = createManualClock();
  const engine = createScriptedEngine();
  const gateway = await startGateway({ overrides: { clock, engines: new Map([['builtin', engine]]) } });
  onTestFinished(() => gateway.close());
  onTestFinished(() => engine.push(finish, finish, finish, finish));
  const chatbotId = await createChatbot(gateway, { fallbackMessage: 'I do not know.' });
  const startedAt = clock.now();
  let conversationId = '';

  const ask = async (content: string) => {
    clock.advance(60_000);
    const target = conversationId === '' ? { chatbotId } : { conversationId };
    const sent = await mutate<Sent>(gateway, 'sendMessage', { ...target, content }, { selection: SENT });
    conversationId = sent.conversation.id;
    return { messageId: sent.userMessage.id, replyId: sent.reply?.id ?? '' };
  };
  const end = async (replyId: string, text: string) => {
    clock.advance(60_000);
    engine.push(delta(text), finish);
    await webSocket.subscribe(gateway, { messageId: replyId }).ended;
  };
  const change = (name: string, input: object = {}) => run(name, inputFor(name, conversationId, input));
  const run = async (name: string, input: object) => {
    clock.advance(60_000);
    expect(await mutate(gateway, name, input, { selection: 'done: __typename' })).toHaveProperty('done');
  };
  const minuteOf = (time: string | null) => time && (Date.parse(time) - startedAt) / 60_000;
  const read = async () => {
    const { data } = await gateway.graphql<{ conversation: State }>(
      `query ($id: ID!) { conversation(id: $id) { ${FIELDS} } }`,
      { id: conversationId },
    );
    const { unreadCount, ...times } = data.conversation;
    return {
      unreadCount,
      ...(Object.fromEntries(Object.entries(times).map(([name, time]) => [name, minuteOf(time)])) as {
        [K in keyof typeof times]: number | null;
      }),
    };
  };
  return { ask, end, change, run, read };
}

it('counts the visitor messages that neither a reply nor a person has answered', async () => {
  const { ask, end, change, read } = await open();
  const first = await ask('One');
  const second = await ask('Two');
  expect(await read()).toMatchObject({ unreadCount: 2, lastMessageAt: 2, updatedAt: 2 });
  await end(first.replyId, 'Yes.');
  expect(await read()).toMatchObject({ unreadCount: 1, lastMessageAt: 2, updatedAt: 3 });
  await end(second.replyId, 'I do not know.');
  expect(await read()).toMatchObject({ unreadCount: 1, waitingSince: null });
  await change('escalateConversation');
  expect(await read()).toMatchObject({ unreadCount: 1, waitingSince: 2, lastMessageAt: 2, updatedAt: 5 });
  await change('sendAgentMessage', { content: 'A note', isPrivate: true });
  expect(await read()).toMatchObject({ unreadCount: 1, waitingSince: 2, lastMessageAt: 2, firstAgentReplyAt: null });
  await change('markConversationRead');
  expect(await read()).toMatchObject({ unreadCount: 0, waitingSince: null, updatedAt: 7 });
  await ask('Three');
  await ask('Four');
  expect(await read()).toMatchObject({ unreadCount: 2, waitingSince: 8 });
  await change('sendAgentMessage', { content: 'Here' });
  expect(await read()).toMatchObject({ unreadCount: 0, waitingSince: null, lastMessageAt: 10, firstAgentReplyAt: 10 });
  await ask('Five');
  await ask('Six');
  expect(await read()).toMatchObject({ unreadCount: 2, waitingSince: 11 });
  await change('handBackConversation');
  expect(await read()).toMatchObject({ unreadCount: 2, waitingSince: null, updatedAt: 13 });
});

it('counts unread messages on the selected branch only', async () => {
  const { ask, end, run, read } = await open();
  const first = await ask('One');
  await end(first.replyId, 'I do not know.');
  await ask('Two');
  expect(await read()).toMatchObject({ unreadCount: 2 });
  await run('editMessage', { id: first.messageId, content: 'One, edited' });
  expect(await read()).toMatchObject({ unreadCount: 1, lastMessageAt: 4 });
  await run('selectBranch', { id: first.messageId });
  expect(await read()).toMatchObject({ unreadCount: 2, lastMessageAt: 4, updatedAt: 5 });
});

it('knows when a conversation was closed, until a message opens it again', async () => {
  const { ask, end, change, read } = await open();
  const first = await ask('One');
  await end(first.replyId, 'Yes.');
  await change('closeConversation');
  await change('closeConversation');
  expect(await read()).toMatchObject({ closedAt: 3, updatedAt: 3, lastMessageAt: 1 });
  await ask('Two');
  expect(await read()).toMatchObject({ closedAt: null, lastMessageAt: 5, unreadCount: 1 });
  await change('closeConversation');
  await change('escalateConversation');
  expect(await read()).toMatchObject({ closedAt: null, waitingSince: 5 });
});
