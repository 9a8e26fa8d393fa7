import { describe, expect, it, vi } from 'vitest';
import { PROVIDERS } from '../../src/domain/providers.ts';
import { FAMILIES } from '../../src/models/families.ts';
import { createChatbot, send } from '../helpers/chatbots.ts';
import {
  listSecretLocations,
  providerKeyOf,
  SOURCE_TEXT,
  sendAndWait,
  startHostedGateway,
} from '../helpers/models/hosted-gateway.ts';
import { readMessage, webSocket } from '../helpers/streams.ts';
import { mutate } from '../schema/support.ts';

const GENERATION = `query ($id: ID!) { node(id: $id) { ... on Message {
  content reasoning
  usage { inputTokens cachedTokens outputTokens reasoningTokens isEstimated }
  generation { provider model firstTokenMs priceUsd }
} } }`;

interface Generated {
  readonly node: {
    readonly content: string;
    readonly reasoning: string | null;
    readonly usage: Record<string, number | boolean>;
    readonly generation: { provider: string; model: string; firstTokenMs: number; priceUsd: number | null };
  };
}

describe.each(PROVIDERS)('a chatbot that answers by %s', (provider) => {
  it("streams the model's text, with its markers turned into citations of the passages", async () => {
    const { gateway, fakeProviders, createChatbot } = await startHostedGateway([provider]);
    const chatbotId = await createChatbot(provider, { instructions: 'Be polite.' });
    fakeProviders[provider]?.respondWith({
      text: ['Refunds are', ' paid within ten', ' days [', '1', ']. Thank', ' you.'],
    });

    const { reader, replyId } = await sendAndWait(gateway, chatbotId);

    expect(reader.errors).toEqual([]);
    expect(reader.text).toBe('Refunds are paid within ten days. Thank you.');
    expect(reader.events.at(-1)).toMatchObject({ __typename: 'MessageCompleted' });
    const message = await readMessage(gateway, replyId);
    expect(message).toMatchObject({ status: 'COMPLETED', finishReason: 'STOP', error: null });
    expect(message.citations).toEqual([
      {
        title: 'Source 1',
        quote: 'Refunds are paid within ten days of the return.',
        start: 0,
        end: expect.any(Number),
      },
    ]);
    const { data } = await gateway.graphql<Generated>(GENERATION, { id: replyId });
    expect(data.node).toMatchObject({
      reasoning: null,
      usage: { inputTokens: 120, cachedTokens: 40, outputTokens: 30, reasoningTokens: 10, isEstimated: false },
      generation: { provider, model: 'model-1', firstTokenMs: expect.any(Number), priceUsd: null },
    });

    const [request] = fakeProviders[provider]?.requests ?? [];
    expect(JSON.stringify(request?.headers)).toContain(providerKeyOf(provider));
    const body = JSON.stringify(request?.body);
    for (const text of ['Be polite.', 'Refunds are paid within ten days of the return.', 'When are refunds paid?']) {
      expect(body).toContain(text);
    }
    expect(await listSecretLocations(gateway, providerKeyOf(provider))).toEqual([]);
  });

  it('gives the model the shown branch of the conversation', async () => {
    const { gateway, fakeProviders, createChatbot } = await startHostedGateway([provider]);
    const chatbotId = await createChatbot(provider);
    fakeProviders[provider]?.respondWith({ text: ['Within ten days.'] }, { text: ['From Oslo.'] });
    const { conversationId } = await sendAndWait(gateway, chatbotId);
    const { replyId } = await send(gateway, { conversationId, content: 'And where do you ship from?' });
    await webSocket.subscribe(gateway, { messageId: replyId }).ended;

    const body = JSON.stringify(fakeProviders[provider]?.requests[1]?.body);
    const positions = ['When are refunds paid?', 'Within ten days.', 'And where do you ship from?'].map((text) =>
      body.lastIndexOf(text),
    );
    expect(positions).toEqual(positions.toSorted((a, b) => a - b));
    expect(positions[0]).toBeGreaterThan(0);
  });

  it("stores the model's reasoning only if the chatbot's owner enables it", async () => {
    const { gateway, fakeProviders, createChatbot } = await startHostedGateway([provider]);
    fakeProviders[provider]?.respondWith({ reasoning: ['They ask', ' for money.'], text: ['Within ten days.'] });
    const reasonings: (string | null)[] = [];
    for (const showsReasoning of [false, true]) {
      const chatbotId = await createChatbot(provider, { answering: { showsReasoning } });
      const { reader, replyId } = await sendAndWait(gateway, chatbotId);
      expect(reader.text).toBe('Within ten days.');
      const { data } = await gateway.graphql<Generated>(GENERATION, { id: replyId });
      reasonings.push(data.node.reasoning);
      expect(data.node.usage.reasoningTokens).toBe(10);
    }
    expect(reasonings).toEqual([null, 'They ask for money.']);
  });

  it('escalates the conversation, as escalateConversation does, when the model calls the tool', async () => {
    const { gateway, fakeProviders, createChatbot } = await startHostedGateway([provider]);
    const chatbotId = await createChatbot(provider, { answering: { tools: ['ESCALATE_TO_HUMAN'] } });
    const reason = 'The visitor wants to complain.';
    fakeProviders[provider]?.respondWith(
      { tool: { name: 'escalate_to_human', input: { reason } } },
      { text: ['A person will see to it.'] },
    );
    const { reader, conversationId, replyId } = await sendAndWait(gateway, chatbotId, 'I want to talk to a person!');
    expect(reader.text).toBe('A person will see to it.');
    const { data } = await gateway.graphql<{ conversation: object }>(
      'query ($id: ID!) { conversation(id: $id) { status escalationReason } }',
      { id: conversationId },
    );
    expect(data.conversation).toEqual({ status: 'ESCALATED', escalationReason: reason });
    const response = await gateway.graphql<Generated>(GENERATION, { id: replyId });
    expect(response.data.node.usage).toMatchObject({ inputTokens: 240, outputTokens: 60 });
  });

  it('cancels the request to the model when the visitor stops the reply', async () => {
    const { gateway, fakeProviders, createChatbot } = await startHostedGateway([provider]);
    const chatbotId = await createChatbot(provider);
    fakeProviders[provider]?.respondWith({ text: ['Refunds '], fault: 'endless' });
    const { replyId } = await send(gateway, { chatbotId, content: 'When are refunds paid?' });
    const reader = webSocket.subscribe(gateway, { messageId: replyId });
    await reader.until(({ text }) => text?.startsWith('Refunds') === true);
    await mutate(gateway, 'stopMessage', { id: replyId });
    expect(await readMessage(gateway, replyId)).toMatchObject({ status: 'STOPPED', finishReason: 'ABORTED' });
    await vi.waitFor(() => expect(fakeProviders[provider]?.openSockets).toBe(0));
    const { data } = await gateway.graphql<Generated>(GENERATION, { id: replyId });
    expect(data.node.usage).toMatchObject({ isEstimated: true });
    expect(data.node.usage.outputTokens).toBeGreaterThan(0);
  });
});

it('switches a chatbot to another provider when its field provider changes', async () => {
  const { gateway, fakeProviders, createChatbot } = await startHostedGateway(['openai', 'anthropic']);
  const chatbotId = await createChatbot('openai', { model: 'only-of-openai' });
  fakeProviders.openai?.respondWith({ text: ['Said by one.'] });
  fakeProviders.anthropic?.respondWith({ text: ['Said by the other.'] });
  expect((await sendAndWait(gateway, chatbotId)).reader.text).toBe('Said by one.');
  await mutate(gateway, 'updateChatbot', { id: chatbotId, provider: 'anthropic' });
  expect((await sendAndWait(gateway, chatbotId)).reader.text).toBe('Said by the other.');
  expect(fakeProviders.anthropic?.requests[0]?.body.model).toBe(FAMILIES.anthropic.defaultModel);
});

describe('a question that the sources do not cover', () => {
  const OFF_TOPIC = 'Who won the football championship?';

  it('calls no model, and gets the fallback message', async () => {
    const { gateway, fakeProviders, createChatbot } = await startHostedGateway(['openai']);
    const chatbotId = await createChatbot('openai', { fallbackMessage: 'I do not know that.' });
    const { reader, replyId } = await sendAndWait(gateway, chatbotId, OFF_TOPIC);
    expect(reader.text).toBe('I do not know that.');
    expect(fakeProviders.openai?.requests).toEqual([]);
    const { data } = await gateway.graphql<Generated>(GENERATION, { id: replyId });
    expect(data.node.generation).toMatchObject({ provider: 'builtin', model: null, priceUsd: 0 });
  });

  it("calls the model if the chatbot's grounding is OPEN", async () => {
    const { gateway, fakeProviders, createChatbot } = await startHostedGateway(['openai']);
    const chatbotId = await createChatbot('openai', { answering: { grounding: 'OPEN' } });
    fakeProviders.openai?.respondWith({ text: ['Norway, I believe [1].'] });
    const { reader } = await sendAndWait(gateway, chatbotId, OFF_TOPIC);
    expect(reader.text).toBe('Norway, I believe.');
    expect(reader.events.filter(({ citation }) => citation)).toEqual([]);
  });
});

it("gives a model the conversation's metadata only if the chatbot's owner enables it", async () => {
  const { gateway, fakeProviders } = await startHostedGateway(['openai']);
  for (const sharesMetadata of [false, true]) {
    const answering = { sharesMetadata };
    const chatbotId = await createChatbot(gateway, { provider: 'openai', answering, sources: [SOURCE_TEXT] });
    const { reply } = await mutate<{ reply: { id: string } }>(
      gateway,
      'sendMessage',
      { chatbotId, content: 'When are refunds paid?', metadata: { plan: 'Gold plan' } },
      { selection: 'reply { id }' },
    );
    await webSocket.subscribe(gateway, { messageId: reply.id }).ended;
  }
  const containsMetadata = fakeProviders.openai?.requests.map(({ body }) => JSON.stringify(body).includes('Gold plan'));
  expect(containsMetadata).toEqual([false, true]);
});

it('saves a lead that the model captures, validated by the lead form', async () => {
  const { gateway, fakeProviders, createChatbot } = await startHostedGateway(['anthropic']);
  const chatbotId = await createChatbot('anthropic', { answering: { tools: ['CAPTURE_LEAD'] } });
  fakeProviders.anthropic?.respondWith(
    { tool: { name: 'capture_lead', input: { email: 'nobody' } } },
    { tool: { name: 'capture_lead', input: { name: 'Ada', email: 'ada@example.com' } } },
    { text: ['Thank you, Ada.'] },
  );
  const { reader } = await sendAndWait(gateway, chatbotId, 'I am Ada, ada@example.com, call me back');
  expect(reader.text).toBe('Thank you, Ada.');
  expect(JSON.stringify(fakeProviders.anthropic?.requests[1]?.body)).toContain('Must be an email address.');
  const { data } = await gateway.graphql<{ chatbot: { leads: { nodes: object[] } } }>(
    'query ($id: ID!) { chatbot(id: $id) { leads { nodes { name email } } } }',
    { id: chatbotId },
  );
  expect(data.chatbot.leads.nodes).toEqual([{ name: 'Ada', email: 'ada@example.com' }]);
});

it('answers with the handoff message when the model escalates and writes nothing', async () => {
  const { gateway, fakeProviders, createChatbot } = await startHostedGateway(['google']);
  const answering = { tools: ['ESCALATE_TO_HUMAN'] };
  const chatbotId = await createChatbot('google', { answering, handoffMessage: 'A person will come.' });
  fakeProviders.google?.respondWith({ tool: { name: 'escalate_to_human', input: { reason: 'Asked.' } } }, { text: [] });
  const { reader } = await sendAndWait(gateway, chatbotId, 'A person, please');
  expect(reader.text).toBe('A person will come.');
});

it("suggests the model's follow-up questions that the sources answer, and counts their usage", async () => {
  const { gateway, fakeProviders, createChatbot } = await startHostedGateway(['openai']);
  const chatbotId = await createChatbot('openai', { answering: { suggestsFollowUps: true } });
  fakeProviders.openai?.respondWith(
    { text: ['Refunds are paid within ten days [1].'] },
    { text: ['```json\n["Where do you ship from?", "Who is the king of football?"]\n```'] },
  );
  const { replyId } = await sendAndWait(gateway, chatbotId);
  await gateway.deps.background.drain(10_000);
  const { data } = await gateway.graphql<{ node: object; viewer: { account: { usage: object } } }>(
    `query ($id: ID!) {
      node(id: $id) { ... on Message { followUps usage { inputTokens } } }
      viewer { account { usage { messages inputTokens } } }
    }`,
    { id: replyId },
  );
  expect(data.node).toEqual({ followUps: ['Where do you ship from?'], usage: { inputTokens: 240 } });
  expect(data.viewer.account.usage).toEqual({ messages: 1, inputTokens: 240 });
});

it('counts the usage of a model that a fallback replaced, at the price of the replaced model', async () => {
  const { gateway, fakeProviders, createChatbot } = await startHostedGateway(['openai', 'open'], {});
  const fallbackModels = [{ provider: 'open', model: 'model-2' }];
  const chatbotId = await createChatbot('openai', { model: 'gpt-4.1-mini', answering: { fallbackModels } });
  fakeProviders.openai?.respondWith({ reasoning: ['Hm.'], text: [] });
  fakeProviders.open?.respondWith({ text: ['Within ten days.'] });
  const { replyId } = await sendAndWait(gateway, chatbotId);
  const { data } = await gateway.graphql<Generated & { viewer: { account: { usage: Record<string, number> } } }>(
    `query ($id: ID!) {
      node(id: $id) { ... on Message { usage { inputTokens } generation { provider model priceUsd } } }
      viewer { account { usage { messages inputTokens outputTokens priceUsd unpricedMessages } } }
    }`,
    { id: replyId },
  );
  expect(data.node).toEqual({
    usage: { inputTokens: 120 },
    generation: { provider: 'open', model: 'model-2', priceUsd: null },
  });
  expect(data.viewer.account.usage).toMatchObject({
    messages: 1,
    inputTokens: 240,
    outputTokens: 60,
    unpricedMessages: 1,
  });
});

it('drops every NUL that a model writes', async () => {
  const { gateway, fakeProviders, createChatbot } = await startHostedGateway(['open']);
  const answering = { showsReasoning: true, suggestsFollowUps: true, tools: ['ESCALATE_TO_HUMAN'] };
  const chatbotId = await createChatbot('open', { answering });
  fakeProviders.open?.respondWith(
    { tool: { name: 'escalate_to_human', input: { reason: 'They\0 complain.' } } },
    { reasoning: ['\0Hm', '\0.'], text: ['Refunds are\0 paid within ten', '\0', ' days [1\0]. 👍\0'] },
    { text: ['["Where do\\u0000 you ship from?\0"]'] },
  );
  const { reader, replyId, conversationId } = await sendAndWait(gateway, chatbotId);
  expect(reader.text).toBe('Refunds are paid within ten days. 👍');
  await gateway.deps.background.drain(10_000);
  const { data } = await gateway.graphql(
    `query ($id: ID!, $conversation: ID!) {
      node(id: $id) { ... on Message { content reasoning followUps citations { quote start end } } }
      conversation(id: $conversation) { escalationReason }
    }`,
    { id: replyId, conversation: conversationId },
  );
  expect(data).toEqual({
    node: {
      content: 'Refunds are paid within ten days. 👍',
      reasoning: 'Hm.',
      followUps: ['Where do you ship from?'],
      citations: [{ quote: 'Refunds are paid within ten days of the return.', start: 0, end: 32 }],
    },
    conversation: { escalationReason: 'They complain.' },
  });
});
