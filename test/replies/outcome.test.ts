import { expect, it } from 'vitest';
import { createChatbot } from '../helpers/chatbots.ts';
import { type HostedGateway, SOURCE_TEXT, sendAndWait, startHostedGateway } from '../helpers/models/hosted-gateway.ts';
import { createKeyWith } from '../schema/support.ts';

const QUERY = `query ($ids: [ID!]!) { nodes(ids: $ids) { ... on Message {
  status outcome confidence parent { outcome confidence }
} } }`;
const UNEXPLAINED = { outcome: null, confidence: null };
const FALLBACK_MESSAGE = 'Sorry, I cannot say.';

async function readReplies({ gateway }: HostedGateway, ids: readonly string[], key = gateway.key) {
  const { data } = await gateway.graphql<{ nodes: Record<string, unknown>[] }>(QUERY, { ids }, key);
  return data.nodes;
}

it('follows from the confidence in the sources with the built-in engine', async () => {
  const hosted = await startHostedGateway([]);
  const chatbotId = await createChatbot(hosted.gateway, { sources: [SOURCE_TEXT] });
  const ids: string[] = [];
  for (const content of ['When are refunds paid?', 'Refunds for kittens, please', 'Who won the election?']) {
    ids.push((await sendAndWait(hosted.gateway, chatbotId, content)).replyId);
  }
  const replies = await readReplies(hosted, ids, await createKeyWith(hosted.gateway, 'READ'));
  expect(replies).toEqual([
    { status: 'COMPLETED', outcome: 'ANSWERED', confidence: expect.any(Number), parent: UNEXPLAINED },
    { status: 'COMPLETED', outcome: 'UNSURE', confidence: expect.any(Number), parent: UNEXPLAINED },
    { status: 'COMPLETED', outcome: 'FALLBACK', confidence: 0, parent: UNEXPLAINED },
  ]);
  const [answered = 0, unsure = 0] = replies.map(({ confidence }) => Number(confidence));
  expect([answered >= 0.6 && answered <= 1, unsure >= 0.15 && unsure < 0.6]).toEqual([true, true]);
});

it('is FALLBACK if a model repeats the fallback message, and null if the model fails', async () => {
  const hosted = await startHostedGateway(['openai']);
  const chatbotId = await hosted.createChatbot('openai', { fallbackMessage: FALLBACK_MESSAGE });
  const ids: string[] = [];
  const ask = async (response: Parameters<NonNullable<typeof hosted.fakeProviders.openai>['respondWith']>[0]) => {
    hosted.fakeProviders.openai?.respondWith(response);
    ids.push((await sendAndWait(hosted.gateway, chatbotId)).replyId);
  };
  await ask({ text: ['Within ten days', ' [1].'] });
  await ask({ text: [' “Sorry, I', ' cannot say”'] });
  await ask({ refusal: 'invalidKey' });
  expect(await readReplies(hosted, ids)).toEqual([
    { status: 'COMPLETED', outcome: 'ANSWERED', confidence: expect.any(Number), parent: UNEXPLAINED },
    { status: 'COMPLETED', outcome: 'FALLBACK', confidence: expect.any(Number), parent: UNEXPLAINED },
    { status: 'FAILED', outcome: null, confidence: expect.any(Number), parent: UNEXPLAINED },
  ]);
});
