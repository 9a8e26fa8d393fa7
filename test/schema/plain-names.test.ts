import { afterAll, beforeAll, expect, it } from 'vitest';
import { createChatbot, send } from '../helpers/chatbots.ts';
import { startGateway, type TestGateway } from '../helpers/gateway.ts';
import { SECRET_KEY } from '../helpers/webhooks/webhooks.ts';
import { mutate } from './support.ts';

let gateway: TestGateway;
let chatbotId: string;
let conversationId: string;
beforeAll(async () => {
  gateway = await startGateway({ env: { SECRET_KEY } });
  chatbotId = await createChatbot(gateway);
  ({ conversationId } = await send(gateway, { chatbotId, content: 'Hello' }));
});
afterAll(() => gateway.close());

const CASES: Readonly<Record<string, (name: string) => readonly [mutation: string, input: object]>> = {
  'an API key': (name) => ['createApiKey', { name }],
  'a chatbot': (name) => ['createChatbot', { name }],
  'a renamed chatbot': (name) => ['updateChatbot', { id: chatbotId, name }],
  'a lead form': (name) => [
    'updateChatbot',
    { id: chatbotId, leadForm: { title: name, fields: [{ name: 'a', label: 'A' }] } },
  ],
  'a field of a lead form': (name) => [
    'updateChatbot',
    { id: chatbotId, leadForm: { title: 'A', fields: [{ name: 'a', label: name }] } },
  ],
  'a source': (title) => ['createSource', { chatbotId, title, content: { text: 'a' } }],
  'a webhook': (description) => [
    'createWebhookSubscription',
    { url: 'https://hooks.example.com', events: ['LEAD_CAPTURED'], description },
  ],
  'an author': (authorName) => ['sendAgentMessage', { conversationId, content: 'a', authorName }],
  'a person who takes over': (authorName) => ['takeOverConversation', { id: conversationId, authorName }],
  'a person who types': (authorName) => ['setTyping', { conversationId, isTyping: true, role: 'AGENT', authorName }],
  'an assignee': (assignee) => ['assignConversation', { id: conversationId, assignee }],
  'a lead': (name) => ['captureLead', { conversationId, name, email: 'a@example.com' }],
  'a model': (model) => ['testProvider', { provider: 'openai', model }],
};

it.each(Object.keys(CASES))('rejects a name of %s with control characters or direction marks', async (what) => {
  for (const control of ['\u001b[2J', '\u009b', '\u202e', '\u2066', '\n', '\t']) {
    const [mutation, input] = CASES[what]?.(`A${control}B`) ?? ['', {}];
    expect(await mutate(gateway, mutation, input)).toMatchObject({
      code: 'INVALID_INPUT',
      reason: expect.stringContaining('Must not contain control characters'),
    });
  }
});

it('accepts line breaks and tabs in instructions', async () => {
  const instructions = 'Be kind.\n\tAlways.';
  const { chatbot } = await mutate<{ chatbot: unknown }>(
    gateway,
    'updateChatbot',
    { id: chatbotId, instructions },
    { selection: 'chatbot { instructions }' },
  );
  expect(chatbot).toEqual({ instructions });
});
