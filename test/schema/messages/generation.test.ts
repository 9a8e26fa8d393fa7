import { describe, expect, it } from 'vitest';
import { send } from '../../helpers/chatbots.ts';
import { eventsOfModel, REPLY_USAGE, startBilledGateway } from '../../helpers/models/billed-gateway.ts';
import { errorCodesOf } from '../../helpers/sockets.ts';
import { webSocket } from '../../helpers/streams.ts';
import { createKeyWith } from '../support.ts';

const GENERATION_QUERY = `query ($id: ID!) { node(id: $id) { ... on Message {
  usage { inputTokens cachedTokens outputTokens reasoningTokens isEstimated }
  generation { provider model firstTokenMs priceUsd } reasoning finishReason
} } }`;

describe('the usage of a reply', () => {
  it('is returned with its model and its price', async () => {
    const { gateway, sendAndComplete } = await startBilledGateway();
    const { replyId, messageId } = await sendAndComplete(eventsOfModel('gpt-4.1-2025-04-14'));
    expect((await gateway.graphql(GENERATION_QUERY, { id: replyId })).data).toEqual({
      node: {
        usage: REPLY_USAGE,
        generation: {
          provider: 'openai',
          model: 'gpt-4.1-2025-04-14',
          firstTokenMs: expect.any(Number),
          priceUsd: 0.00148,
        },
        reasoning: null,
        finishReason: 'STOP',
      },
    });
    expect((await gateway.graphql(GENERATION_QUERY, { id: messageId })).data).toEqual({
      node: { usage: null, generation: null, reasoning: null, finishReason: null },
    });
  });

  it('is unknown before the end of the reply, and has no price if the model has none', async () => {
    const { gateway, engine, chatbotId } = await startBilledGateway();
    const { replyId } = await send(gateway, { chatbotId, content: 'Well?' });
    const reader = webSocket.subscribe(gateway, { messageId: replyId });
    const steps = eventsOfModel('gpt-nobody-knows');
    engine.push(...steps.slice(0, 2));
    await reader.until(({ content }) => content === 'Well.');
    const unknown = { usage: null, generation: null, reasoning: null, finishReason: null };
    expect((await gateway.graphql(GENERATION_QUERY, { id: replyId })).data).toEqual({ node: unknown });
    engine.push(...steps.slice(2));
    await reader.ended;
    expect((await gateway.graphql(GENERATION_QUERY, { id: replyId })).data).toMatchObject({
      node: { usage: REPLY_USAGE, generation: { model: 'gpt-nobody-knows', priceUsd: null } },
    });
  });

  it('is estimated if the model fails before it reports usage', async () => {
    const { gateway, sendAndComplete } = await startBilledGateway();
    const { replyId } = await sendAndComplete([...eventsOfModel('gpt-4.1').slice(0, 1), new Error('Gone.')]);
    expect((await gateway.graphql(GENERATION_QUERY, { id: replyId })).data).toMatchObject({
      node: {
        usage: { inputTokens: 7, outputTokens: 0, isEstimated: true },
        generation: { firstTokenMs: null, priceUsd: 0.000014 },
        finishReason: 'ERROR',
      },
    });
  });

  it('costs nothing with the built-in engine', async () => {
    const { gateway, sendAndComplete } = await startBilledGateway();
    const { replyId } = await sendAndComplete(eventsOfModel('').slice(1));
    expect((await gateway.graphql(GENERATION_QUERY, { id: replyId })).data).toMatchObject({
      node: { generation: { provider: 'builtin', model: null, priceUsd: 0 } },
    });
  });

  it('includes reasoning only if the chatbot has showsReasoning', async () => {
    const { gateway, chatbotId, sendAndComplete } = await startBilledGateway();
    const reasoning = { type: 'reasoning', text: 'Hm.' } as const;
    const [authorEvent, ...otherEvents] = eventsOfModel('gpt-4.1');
    const steps = [authorEvent, reasoning, ...otherEvents].filter((step) => step !== undefined);
    const hiddenReply = await sendAndComplete(steps);
    const { answering } = await gateway.deps.db.read
      .selectFrom('chatbots')
      .select('answering')
      .where('id', '=', chatbotId)
      .executeTakeFirstOrThrow();
    const showingReasoning = JSON.stringify({ ...JSON.parse(answering), showsReasoning: true });
    await gateway.deps.db.transaction((trx) =>
      trx
        .updateTable('chatbots')
        .set({ answering: showingReasoning as typeof answering })
        .execute(),
    );
    const shownReply = await sendAndComplete(steps);
    expect((await gateway.graphql(GENERATION_QUERY, { id: hiddenReply.replyId })).data).toMatchObject({
      node: { reasoning: null },
    });
    expect((await gateway.graphql(GENERATION_QUERY, { id: shownReply.replyId })).data).toMatchObject({
      node: { reasoning: 'Hm.' },
    });
  });

  it('does not reveal the model to a key with CHAT only', async () => {
    const { gateway, engine, chatbotId } = await startBilledGateway();
    const key = await createKeyWith(gateway, 'CHAT');
    const { replyId } = await send(gateway, { chatbotId, content: 'Well?' });
    engine.push(...eventsOfModel('gpt-4.1'));
    await webSocket.subscribe(gateway, { messageId: replyId }).ended;
    const stopReply = (selection: string) =>
      gateway.graphql(
        `mutation { stopMessage(input: { id: "${replyId}" }) { ... on StopMessagePayload { reply { ${selection} } } } }`,
        {},
        key,
      );
    expect((await stopReply('usage { inputTokens }')).data).toEqual({
      stopMessage: { reply: { usage: { inputTokens: 1_000 } } },
    });
    const refused = await stopReply('generation { provider }');
    expect(errorCodesOf(refused)).toEqual(['FORBIDDEN']);
    expect([refused.status, refused.data]).toEqual([403, undefined]);
  });
});
