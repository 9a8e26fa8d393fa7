import { describe, expect, it } from 'vitest';
import { estimateTokens } from '../../../src/answer/tokens.ts';
import { createId } from '../../../src/domain/ids.ts';
import { PRICES } from '../../../src/models/price-table.ts';
import { createChatbot } from '../../helpers/chatbots.ts';
import { askAndFollow, PAGE, startHosted } from '../../helpers/models/hosted.ts';
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
    const { gateway, vendors, createChatbot } = await startHosted(['anthropic'], { MODEL_MAX_OUTPUT_TOKENS: '1000' });
    const chatbotId = await createChatbot('anthropic', { model: MODEL });
    const { data } = await gateway.graphql<Estimate>(ESTIMATE, { input: { chatbotId, content: CONTENT } });
    const { inputTokens, outputTokens, price, ...author } = data.estimateMessage;
    expect(author).toEqual({ provider: 'anthropic', model: MODEL });
    expect(outputTokens).toEqual({ min: 1, max: 1000 });
    const listed = PRICES[`anthropic/${MODEL}`];
    expect(price?.maxUsd).toBeCloseTo((inputTokens.max * (listed?.input ?? 0) + 1000 * (listed?.output ?? 0)) / 1e6, 9);
    expect(price?.minUsd).toBeLessThan(price?.maxUsd ?? 0);
    expect(vendors.anthropic?.requests).toEqual([]);

    await askAndFollow(gateway, chatbotId, CONTENT);
    const estimatedTokens = estimateTokens(JSON.stringify(vendors.anthropic?.requests[0]?.body));
    expect(inputTokens.min).toBeLessThan(estimatedTokens);
    expect(inputTokens.max).toBeGreaterThan(estimatedTokens * 0.8);
  });

  it('counts the history of the conversation', async () => {
    const { gateway, vendors, createChatbot } = await startHosted(['openai']);
    const chatbotId = await createChatbot('openai');
    vendors.openai?.reply({ text: ['Within ten days. '.repeat(200)] });
    const { conversationId } = await askAndFollow(gateway, chatbotId, CONTENT);
    const estimate = async (place: object) =>
      (await gateway.graphql<Estimate>(ESTIMATE, { input: { ...place, content: CONTENT } })).data.estimateMessage;
    const [alone, within] = [await estimate({ chatbotId }), await estimate({ conversationId })];
    expect(within.inputTokens.min).toBeGreaterThan(alone.inputTokens.max);
  });

  it('costs nothing if the sources do not cover the question, so that no model would be called', async () => {
    const { gateway, createChatbot } = await startHosted(['openai']);
    const chatbotId = await createChatbot('openai');
    const content = 'Who won the football championship?';
    const { data } = await gateway.graphql<Estimate>(ESTIMATE, { input: { chatbotId, content } });
    expect(data.estimateMessage).toMatchObject({ provider: 'builtin', model: null, price: { minUsd: 0, maxUsd: 0 } });
  });

  it('returns the default model, and no price if that is unknown', async () => {
    const { gateway } = await startHosted(['open', 'google']);
    for (const [provider, model] of [
      ['open', null],
      ['google', expect.stringContaining('gemini')],
    ]) {
      const chatbotId = await createChatbot(gateway, { provider, sources: [PAGE] });
      const { data } = await gateway.graphql<Estimate>(ESTIMATE, { input: { chatbotId, content: CONTENT } });
      expect(data.estimateMessage).toMatchObject({ provider, model });
      if (provider === 'open') expect(data.estimateMessage.price).toBeNull();
    }
  });

  it('rejects what sendMessage would reject', async () => {
    const gateway = await openGateway();
    const chatbotId = await createChatbot(gateway);
    const stranger = await gateway.createTenant();
    const codeOf = async (input: object, key?: string) => {
      const { errors } = await gateway.graphql(ESTIMATE, { input }, key);
      return errors?.[0]?.extensions.code;
    };
    expect(await codeOf({ content: 'a' })).toBe('BAD_USER_INPUT');
    expect(await codeOf({ chatbotId, conversationId: createId('conversation'), content: 'a' })).toBe('BAD_USER_INPUT');
    expect(await codeOf({ chatbotId, content: ' ' })).toBe('BAD_USER_INPUT');
    expect(await codeOf({ chatbotId, content: 'a'.repeat(8_001) })).toBe('BAD_USER_INPUT');
    expect(await codeOf({ chatbotId: createId('chatbot'), content: 'a' })).toBe('NOT_FOUND');
    expect(await codeOf({ conversationId: createId('conversation'), content: 'a' })).toBe('NOT_FOUND');
    expect(await codeOf({ chatbotId, content: 'a' }, stranger.key)).toBe('NOT_FOUND');
  });
});
