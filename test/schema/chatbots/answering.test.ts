import { describe, expect, it } from 'vitest';
import { createChatbot } from '../../helpers/chatbots.ts';
import { mutate, openGateway } from '../support.ts';

const ANSWERING =
  'chatbot { answering { grounding fallbackModels { provider model } tools showsReasoning sharesMetadata suggestsFollowUps } }';
const DEFAULT = {
  grounding: 'STRICT',
  fallbackModels: [],
  tools: [],
  showsReasoning: false,
  sharesMetadata: false,
  suggestsFollowUps: false,
};

describe('the answering settings of a chatbot', () => {
  it('have defaults, to which null resets them, and an update changes only the fields it contains', async () => {
    const gateway = await openGateway({ env: { OPENAI_API_KEY: 'sk-test' } });
    const id = await createChatbot(gateway);
    const update = async (answering: object | null) =>
      (await mutate<{ chatbot: object }>(gateway, 'updateChatbot', { id, answering }, { selection: ANSWERING }))
        .chatbot;
    expect(await update(null)).toEqual({ answering: DEFAULT });
    const fallbackModels = [{ provider: 'openai', model: 'gpt-5' }, { provider: 'builtin' }];
    const first = { ...DEFAULT, grounding: 'OPEN', tools: ['CAPTURE_LEAD'] };
    expect(await update({ grounding: 'OPEN', tools: ['CAPTURE_LEAD', 'CAPTURE_LEAD'] })).toEqual({ answering: first });
    expect(await update({ fallbackModels, showsReasoning: true })).toEqual({
      answering: {
        ...first,
        fallbackModels: [
          { provider: 'openai', model: 'gpt-5' },
          { provider: 'builtin', model: null },
        ],
        showsReasoning: true,
      },
    });
    expect(await update({ grounding: null, fallbackModels: null, tools: null })).toEqual({
      answering: { ...DEFAULT, showsReasoning: true },
    });
    const rest = { showsReasoning: null, sharesMetadata: null, suggestsFollowUps: null };
    expect(await update(rest)).toEqual({ answering: DEFAULT });
    await update({ grounding: 'OPEN', suggestsFollowUps: true });
    expect(await update(null)).toEqual({ answering: DEFAULT });
  });

  it.each([
    [{ fallbackModels: [{ provider: 'nobody' }] }, ['answering', 'fallbackModels', '0', 'provider']],
    [{ fallbackModels: [{ provider: 'openai', model: ' ' }] }, ['answering', 'fallbackModels', '0', 'model']],
    [{ fallbackModels: Array.from({ length: 6 }, () => ({ provider: 'openai' })) }, ['answering', 'fallbackModels']],
  ])('are rejected if they contain %j', async (answering, path) => {
    const gateway = await openGateway();
    const refused = await mutate(gateway, 'createChatbot', { name: 'A', answering });
    expect(refused).toMatchObject({ __typename: 'InvalidInputError', fields: [{ path }] });
  });
});
