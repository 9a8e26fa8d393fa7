import { expect, it } from 'vitest';
import { createChatbot } from '../helpers/chatbots.ts';
import { mutate, openGateway } from '../schema/support.ts';

it('refuses a model that cannot be called when it is set, and names what is missing', async () => {
  const gateway = await openGateway({
    env: { GOOGLE_GENERATIVE_AI_API_KEY: 'key', OPENAI_COMPATIBLE_BASE_URL: 'http://127.0.0.1:9/v1' },
  });
  const id = await createChatbot(gateway);
  const problem = (path: string[], message: RegExp) => ({
    __typename: 'InvalidInputError',
    fields: [{ path, message: expect.stringMatching(message) }],
  });
  const expectRefused = async (input: object, path: string[], message: RegExp) => {
    expect(await mutate(gateway, 'createChatbot', { name: 'A', ...input })).toMatchObject(problem(path, message));
    expect(await mutate(gateway, 'updateChatbot', { id, ...input })).toMatchObject(problem(path, message));
  };
  await expectRefused(
    { provider: 'openai' },
    ['provider'],
    /has no key: first set OPENAI_API_KEY, or .* setProviderKey/,
  );
  await expectRefused({ provider: 'open' }, ['model'], /has no default model/);
  const fallbackModels = [{ provider: 'builtin' }, { provider: 'google' }, { provider: 'glm', model: 'glm-5' }];
  const path = ['answering', 'fallbackModels', '2', 'provider'];
  await expectRefused({ answering: { fallbackModels } }, path, /set ZHIPU_API_KEY/);
  for (const accepted of [{ provider: 'google' }, { provider: 'open', model: 'llama' }, { provider: 'builtin' }]) {
    expect(await mutate(gateway, 'updateChatbot', { id, ...accepted })).toMatchObject({
      __typename: 'UpdateChatbotPayload',
    });
  }
});

it("accepts a model with the account's own key, and changes other settings after the key is deleted", async () => {
  const gateway = await openGateway({ env: { SECRET_KEY: 'ab'.repeat(32) } });
  const id = await createChatbot(gateway);
  const update = async (input: object) =>
    (await mutate<{ __typename: string }>(gateway, 'updateChatbot', { id, ...input })).__typename;
  expect(await update({ provider: 'openai' })).toBe('InvalidInputError');
  await mutate(gateway, 'setProviderKey', { provider: 'openai', apiKey: 'sk-own' });
  expect(await update({ provider: 'openai', model: 'gpt-5' })).toBe('UpdateChatbotPayload');
  await mutate(gateway, 'deleteProviderKey', { provider: 'openai' });
  expect(await update({ provider: 'openai', model: 'gpt-5', name: 'Renamed' })).toBe('UpdateChatbotPayload');
  expect(await update({ model: 'gpt-6' })).toBe('InvalidInputError');

  const tenant = await gateway.createTenant();
  await mutate(gateway, 'setProviderKey', { provider: 'openai', apiKey: 'sk-own' });
  const refused = await mutate(gateway, 'createChatbot', { name: 'A', provider: 'openai' }, { key: tenant.key });
  expect(refused).toMatchObject({ __typename: 'InvalidInputError' });
});
