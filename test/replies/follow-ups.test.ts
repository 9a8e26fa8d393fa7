import { expect, it, onTestFinished } from 'vitest';
import { createChatbot, send } from '../helpers/chatbots.ts';
import { readGaplessLog, waitForMessageEvent, waitForReaders } from '../helpers/conversations.ts';
import { startGateway, type TestGateway } from '../helpers/gateway.ts';
import { webSocket } from '../helpers/streams.ts';
import { mutate } from '../schema/support.ts';

const ENTRIES = [
  ['How long do refunds take?', 'Refunds take ten days after the return has arrived.'],
  ['Who pays for the return of a refund?', 'We pay for returns and refunds within the country.'],
  ['Can refunds be paid in cash?', 'Refunds are paid the way you paid, never in cash.'],
] as const;

/** A gateway whose chatbot knows about refunds. */
async function startShop(answering: object) {
  const gateway = await startGateway();
  onTestFinished(() => gateway.close());
  const chatbotId = await createChatbot(gateway, { answering });
  for (const [question, answer] of ENTRIES) {
    await mutate(gateway, 'createSource', { chatbotId, title: question, content: { qa: { question, answer } } });
  }
  return { gateway, chatbotId };
}

/** Begins a conversation, sends a second message, waits until its reply is completed, and returns a reader. */
async function ask(gateway: TestGateway, chatbotId: string, content: string) {
  const first = await send(gateway, { chatbotId, content: 'Hello' });
  await webSocket.subscribe(gateway, { messageId: first.replyId }).ended;
  const { conversationId } = first;
  const reader = webSocket.subscribe(gateway, { conversationId });
  await waitForReaders(gateway, 1);
  const { replyId } = await send(gateway, { conversationId, content });
  await waitForMessageEvent(reader, 'MessageCompleted', replyId);
  return { reader, replyId, conversationId };
}

it('suggests questions that the sources answer, after a reply that cites sources', async () => {
  const { gateway, chatbotId } = await startShop({ suggestsFollowUps: true });
  const { reader, replyId, conversationId } = await ask(gateway, chatbotId, 'How long do refunds take?');
  const suggested = await waitForMessageEvent(reader, 'FollowUpsSuggested', replyId);
  const followUps = suggested.message?.followUps ?? [];
  expect(followUps.length).toBeGreaterThan(0);
  expect(ENTRIES.slice(1).map(([question]) => question)).toEqual(expect.arrayContaining([...followUps]));

  const { data } = await gateway.graphql<{ node: { followUps: string[] } }>(
    'query ($id: ID!) { node(id: $id) { ... on Message { followUps } } }',
    { id: replyId },
  );
  expect(data.node.followUps).toEqual(followUps);
  expect((await readGaplessLog(gateway, conversationId)).at(-1)).toMatchObject({ type: 'FollowUpsSuggested' });
});

it('emits the suggestions again to a reader that resumes', async () => {
  const { gateway, chatbotId } = await startShop({ suggestsFollowUps: true });
  const { reader, replyId, conversationId } = await ask(gateway, chatbotId, 'How long do refunds take?');
  const { cursor: after } = await waitForMessageEvent(reader, 'MessageCompleted', replyId);
  const { cursor, ...suggested } = await waitForMessageEvent(reader, 'FollowUpsSuggested', replyId);
  reader.unsubscribe();
  const again = webSocket.subscribe(gateway, { conversationId, after });
  expect(await waitForMessageEvent(again, 'FollowUpsSuggested', replyId)).toEqual({ ...suggested, cursor });
});

it.each([
  ['the chatbot does not enable follow-ups', {}, 'How long do refunds take?'],
  ['nothing was cited', { suggestsFollowUps: true }, 'Who won the football match?'],
])('suggests nothing if %s', async (_reason, answering, content) => {
  const { gateway, chatbotId } = await startShop(answering);
  const { conversationId } = await ask(gateway, chatbotId, content);
  await gateway.deps.background.drain(10_000);
  expect((await readGaplessLog(gateway, conversationId)).map(({ type }) => type)).not.toContain('FollowUpsSuggested');
});
