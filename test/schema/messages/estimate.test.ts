import { describe, expect, it } from 'vitest';
import { estimateTokens } from '../../../src/answer/tokens.ts';
import { createId } from '../../../src/domain/ids.ts';
import { PRICES } from '../../../src/models/price-table.ts';
import { createChatbot } from '../../helpers/chatbots.ts';
import { SOURCE_TEXT, sendAndWait, startHostedGateway } from '../../helpers/models/hosted-gateway.ts';
import { openGateway } from '../support.ts';

const ESTIMATE = `query ($input: EstimateMessageInput!) { estimateMessage(input: $input) {
  provider model inputTokens { min max } outputTokens { min max } price { minUsd maxUsd }
} }`;

interface Estimate {
  readonly estimateMessage: {
    readonly provider: string;
    readonly model: string | null;
    readonly inputTokens: { min: number; max: number };
    readonly outputTokens: { min: number; max: number };
    readonly price: { minUsd: number; maxUsd: number } | null;
  };
}

const CONTENT = 'When are refunds paid?';
const MODEL = 'claude-haiku-4-5';

describe('estimateMessage', () => {
  it('returns the tokens and price of the request, and calls no model', async () => {
    const { gateway, fakeProviders, createChatbot } = await startHostedGateway(['anthropic'], {
      MODEL_MAX_OUTPUT_TOKENS: '1000',
    });
    const chatbotId = await createChatbot('anthropic', { model: MODEL });
    const { data } = await gateway.graphql<Estimate>(ESTIMATE, { input: { chatbotId, content: CONTENT } });
    const { inputTokens, outputTokens, price, ...usedModel } = data.estimateMessage;
    expect(usedModel).toEqual({ provider: 'anthropic', model: MODEL });
    expect(outputTokens).toEqual({ min: 1, max: 1000 });
    const listedPrice = PRICES[`anthropic/${MODEL}`];
    expect(price?.maxUsd).toBeCloseTo(
      (inputTokens.max * (listedPrice?.input ?? 0) + 1000 * (listedPrice?.output ?? 0)) / 1e6,
      9,
    );
    expect(price?.minUsd).toBeLessThan(price?.maxUsd ?? 0);
    expect(fakeProviders.anthropic?.requests).toEqual([]);

    await sendAndWait(gateway, chatbotId, CONTENT);
    const requestTokens = estimateTokens(JSON.stringify(fakeProviders.anthropic?.requests[0]?.body));
    expect(inputTokens.min).toBeLessThan(requestTokens);
    expect(inputTokens.max).toBeGreaterThan(requestTokens * 0.8);
  });

  it('counts the history of the conversation', async () => {
    const { gateway, fakeProviders, createChatbot } = await startHostedGateway(['openai']);
    const chatbotId = await createChatbot('openai');
    fakeProviders.openai?.respondWith({ text: ['Within ten days. '.repeat(200)] });
    const { conversationId } = await sendAndWait(gateway, chatbotId, CONTENT);
    const estimate = async (target: object) =>
      (await gateway.graphql<Estimate>(ESTIMATE, { input: { ...target, content: CONTENT } })).data.estimateMessage;
    const [newConversation, existingConversation] = [await estimate({ chatbotId }), await estimate({ conversationId })];
    expect(existingConversation.inputTokens.min).toBeGreaterThan(newConversation.inputTokens.max);
  });

  it('costs nothing if no model would be called, because the sources do not cover the question', async () => {
    const { gateway, createChatbot } = await startHostedGateway(['openai']);
    const chatbotId = await createChatbot('openai');
    const content = 'Who won the football championship?';
    const { data } = await gateway.graphql<Estimate>(ESTIMATE, { input: { chatbotId, content } });
    expect(data.estimateMessage).toMatchObject({ provider: 'builtin', model: null, price: { minUsd: 0, maxUsd: 0 } });
  });

  it('returns the default model, and no price if the model is unknown', async () => {
    const { gateway } = await startHostedGateway(['open', 'google']);
    for (const [provider, given, model] of [
      ['open', 'a-model', 'a-model'],
      ['google', null, expect.stringContaining('gemini')],
    ]) {
      const chatbotId = await createChatbot(gateway, { provider, model: given, sources: [SOURCE_TEXT] });
      const { data } = await gateway.graphql<Estimate>(ESTIMATE, { input: { chatbotId, content: CONTENT } });
      expect(data.estimateMessage).toMatchObject({ provider, model });
      if (provider === 'open') expect(data.estimateMessage.price).toBeNull();
    }
  });

  it('rejects every input that sendMessage rejects', async () => {
    const gateway = await openGateway();
    const chatbotId = await createChatbot(gateway);
    const otherTenant = await gateway.createTenant();
    const errorCodeFor = async (input: object, key?: string) => {
      const { errors } = await gateway.graphql(ESTIMATE, { input }, key);
      return errors?.[0]?.extensions.code;
    };
    expect(await errorCodeFor({ content: 'a' })).toBe('BAD_USER_INPUT');
    expect(await errorCodeFor({ chatbotId, conversationId: createId('conversation'), content: 'a' })).toBe(
      'BAD_USER_INPUT',
    );
    expect(await errorCodeFor({ chatbotId, content: ' ' })).toBe('BAD_USER_INPUT');
    expect(await errorCodeFor({ chatbotId, content: 'a'.repeat(8_001) })).toBe('BAD_USER_INPUT');
    expect(await errorCodeFor({ chatbotId: createId('chatbot'), content: 'a' })).toBe('NOT_FOUND');
    expect(await errorCodeFor({ conversationId: createId('conversation'), content: 'a' })).toBe('NOT_FOUND');
    expect(await errorCodeFor({ chatbotId, content: 'a' }, otherTenant.key)).toBe('NOT_FOUND');
  });
});
