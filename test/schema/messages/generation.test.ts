import { describe, expect, it } from 'vitest';
import { send } from '../../helpers/chatbots.ts';
import { byModel, startBilled, USED } from '../../helpers/models/billed.ts';
import { codesOf } from '../../helpers/sockets.ts';
import { webSocket } from '../../helpers/streams.ts';
import { keyWith } from '../support.ts';

const READ = `query ($id: ID!) { node(id: $id) { ... on Message {
  usage { inputTokens cachedTokens outputTokens reasoningTokens isEstimated }
  generation { provider model firstTokenMs priceUsd } reasoning finishReason
} } }`;

describe('the usage of a reply', () => {
  it('is returned with its model and its price', async () => {
    const { gateway, ask } = await startBilled();
    const { replyId, messageId } = await ask(byModel('gpt-4.1-2025-04-14'));
    expect((await gateway.graphql(READ, { id: replyId })).data).toEqual({
      node: {
        usage: USED,
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
    expect((await gateway.graphql(READ, { id: messageId })).data).toEqual({
      node: { usage: null, generation: null, reasoning: null, finishReason: null },
    });
  });

  it('is unknown before the end of the reply, and has no price if the model has none', async () => {
    const { gateway, engine, chatbotId } = await startBilled();
    const { replyId } = await send(gateway, { chatbotId, content: 'Well?' });
    const reader = webSocket.subscribe(gateway, { messageId: replyId });
    const steps = byModel('gpt-nobody-knows');
    engine.push(...steps.slice(0, 2));
    await reader.until(({ content }) => content === 'Well.');
    const none = { usage: null, generation: null, reasoning: null, finishReason: null };
    expect((await gateway.graphql(READ, { id: replyId })).data).toEqual({ node: none });
    engine.push(...steps.slice(2));
    await reader.ended;
    expect((await gateway.graphql(READ, { id: replyId })).data).toMatchObject({
      node: { usage: USED, generation: { model: 'gpt-nobody-knows', priceUsd: null } },
    });
  });

  it('is estimated if the answer was interrupted', async () => {
    const { gateway, ask } = await startBilled();
    const { replyId } = await ask([...byModel('gpt-4.1').slice(0, 1), new Error('Gone.')]);
    expect((await gateway.graphql(READ, { id: replyId })).data).toMatchObject({
      node: {
        usage: { inputTokens: 7, outputTokens: 0, isEstimated: true },
        generation: { firstTokenMs: null, priceUsd: 0.000014 },
        finishReason: 'ERROR',
      },
    });
  });

  it('costs nothing with the built-in engine', async () => {
    const { gateway, ask } = await startBilled();
    const { replyId } = await ask(byModel('').slice(1));
    expect((await gateway.graphql(READ, { id: replyId })).data).toMatchObject({
      node: { generation: { provider: 'builtin', model: null, priceUsd: 0 } },
    });
  });

  it('comes with reasoning only if the chatbot shows it', async () => {
    const { gateway, chatbotId, ask } = await startBilled();
    const thought = { type: 'reasoning', text: 'Hm.' } as const;
    const [author, ...rest] = byModel('gpt-4.1');
    const steps = [author, thought, ...rest].filter((step) => step !== undefined);
    const hidden = await ask(steps);
    const { answering } = await gateway.deps.db.read
      .selectFrom('chatbots')
      .select('answering')
      .where('id', '=', chatbotId)
      .executeTakeFirstOrThrow();
    const shown = JSON.stringify({ ...JSON.parse(answering), showsReasoning: true });
    await gateway.deps.db.transaction((trx) =>
      trx
        .updateTable('chatbots')
        .set({ answering: shown as typeof answering })
        .execute(),
    );
    const told = await ask(steps);
    expect((await gateway.graphql(READ, { id: hidden.replyId })).data).toMatchObject({ node: { reasoning: null } });
    expect((await gateway.graphql(READ, { id: told.replyId })).data).toMatchObject({ node: { reasoning: 'Hm.' } });
  });

  it('does not reveal the model to a key with CHAT only', async () => {
    const { gateway, engine, chatbotId } = await startBilled();
    const key = await keyWith(gateway, 'CHAT');
    const { replyId } = await send(gateway, { chatbotId, content: 'Well?' });
    engine.push(...byModel('gpt-4.1'));
    await webSocket.subscribe(gateway, { messageId: replyId }).ended;
    const stop = (selection: string) =>
      gateway.graphql(
        `mutation { stopMessage(input: { messageId: "${replyId}" }) { ... on StopMessagePayload { reply { ${selection} } } } }`,
        {},
        key,
      );
    expect((await stop('usage { inputTokens }')).data).toEqual({
      stopMessage: { reply: { usage: { inputTokens: 1_000 } } },
    });
    const refused = await stop('generation { provider }');
    expect(codesOf(refused)).toEqual(['FORBIDDEN']);
    expect([refused.status, refused.data]).toEqual([403, undefined]);
  });
});
