import { expect, it, onTestFinished } from 'vitest';
import { send } from '../helpers/chatbots.ts';
import { startGateway } from '../helpers/gateway.ts';
import { createScriptedEngine, delta, finish } from '../helpers/models/engines.ts';

/** Asks two questions in one conversation, and returns the passages that the engine got for the second one. */
async function retrieveForSecondQuestion(provider: string): Promise<string[]> {
  const engine = createScriptedEngine();
  const gateway = await startGateway({
    env: { OPENAI_API_KEY: 'sk-never-used' },
    overrides: { engines: new Map([[provider, engine]]) },
  });
  onTestFinished(() => gateway.close());
  const { data } = await gateway.graphql<{ createChatbot: { chatbot: { id: string } } }>(
    'mutation ($input: CreateChatbotInput!) { createChatbot(input: $input) { ... on CreateChatbotPayload { chatbot { id } } } }',
    { input: { name: 'Shop', provider } },
  );
  const chatbotId = data.createChatbot.chatbot.id;
  for (const text of ['Parcels to Norway take two days.', 'Somebody asked when that was.']) {
    await gateway.graphql('mutation ($input: CreateSourceInput!) { createSource(input: $input) { __typename } }', {
      input: { chatbotId, title: 'Source', content: { text } },
    });
  }
  engine.push(delta('Two days.'), finish, delta('That.'), finish);
  const { conversationId } = await send(gateway, { chatbotId, content: 'How do you send parcels to Norway?' });
  await send(gateway, { conversationId, content: 'And when was that?' });
  await expect.poll(() => engine.questionCount).toBe(2);
  return engine.questions[1]?.retrieval.hits.map(({ passage }) => passage.text) ?? [];
}

it('retrieves passages for a model with the previous question too', async () => {
  expect(await retrieveForSecondQuestion('openai')).toEqual(['Parcels to Norway take two days.']);
});

it('retrieves passages for the built-in engine by the question alone', async () => {
  expect(await retrieveForSecondQuestion('builtin')).toEqual(['Somebody asked when that was.']);
});
