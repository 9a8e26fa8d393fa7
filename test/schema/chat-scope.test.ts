import { isObjectType } from 'graphql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { schema } from '../../schema/index.ts';
import { scopesOf } from '../../schema/scopes.ts';
import { createChatbot, send } from '../helpers/chatbots.ts';
import { startGateway, type TestGateway } from '../helpers/gateway.ts';
import { createKeyWith, mutate } from './support.ts';

describe('a key with CHAT alone', () => {
  let gateway: TestGateway;
  let chatKey: string;
  let chatbotId: string;
  let conversationId: string;
  let replyId: string;

  const ask = (query: string, variables: object = {}) =>
    gateway.graphql<Record<string, unknown>>(query, variables, chatKey);
  const findNode = async (id: string | undefined) =>
    (await ask('query ($id: ID!) { node(id: $id) { __typename id } }', { id })).data.node;

  beforeAll(async () => {
    gateway = await startGateway();
    chatKey = await createKeyWith(gateway, 'CHAT');
    chatbotId = await createChatbot(gateway, { name: 'Ada', sources: ['# Hours\n\nOn Sundays we open at 10.'] });
    ({ conversationId, replyId } = await send(gateway, { chatbotId, content: 'When do you open on Sundays?' }));
  });
  afterAll(() => gateway.close());

  it('reads the public side of the chatbots', async () => {
    const fields = 'id name slug isActive fallbackMessage handoffMessage leadForm { title fields { name } } createdAt';
    const { data, errors } = await ask(
      `query ($id: ID!) { chatbot(id: $id) { ${fields} } chatbots { nodes { ${fields} } } }`,
      { id: chatbotId },
    );
    expect(errors).toBeUndefined();
    expect(data).toMatchObject({ chatbot: { name: 'Ada', isActive: true }, chatbots: { nodes: [{ name: 'Ada' }] } });
  });

  it.each([
    ...['instructions', 'provider', 'model', 'metadata', 'answering { grounding }'],
    ...['conversations { nodes { id } }', 'leads { nodes { id } }', 'sources { nodes { id } }'],
  ])('is refused for the %s of a chatbot', async (field) => {
    const { status, data, errors } = await ask(`query ($id: ID!) { chatbot(id: $id) { name ${field} } }`, {
      id: chatbotId,
    });
    const path = ['chatbot', field.split(' ')[0]];
    expect([status, data, errors?.[0]?.extensions]).toEqual([
      403,
      undefined,
      { code: 'FORBIDDEN', requiredScopes: ['READ'], path },
    ]);
  });

  it('reads a conversation with its messages and citations', async () => {
    const { data, errors } = await ask(
      `query ($id: ID!, $replyId: ID!) {
        conversation(id: $id) { sessionId status chatbot { name } messages { nodes { role } } }
        node(id: $replyId) { ... on Message { status content citations { quote passage { text } source { title } } } }
      }`,
      { id: conversationId, replyId },
    );
    expect(errors).toBeUndefined();
    expect(data).toMatchObject({
      conversation: { status: 'OPEN', messages: { nodes: [{ role: 'USER' }, { role: 'ASSISTANT' }] } },
    });
  });

  it('finds no notes, sources, passages or leads, and nothing of another account, without an error', async () => {
    const { data } = await gateway.graphql<{ search: { hits: { passage: { id: string; source: { id: string } } }[] } }>(
      'query ($id: ID!) { search(chatbotId: $id, query: "Sundays") { hits { passage { id source { id } } } } }',
      { id: chatbotId },
    );
    const passage = data.search.hits[0]?.passage;
    const { lead } = await mutate<{ lead: { id: string } }>(
      gateway,
      'captureLead',
      { conversationId, email: 'ada@example.com' },
      { selection: 'lead { id }' },
    );
    const { agentMessage: note } = await mutate<{ agentMessage: { id: string } }>(
      gateway,
      'sendAgentMessage',
      { conversationId, content: 'A note', isPrivate: true },
      { selection: 'agentMessage { id }' },
    );
    const other = await gateway.createTenant();
    const otherChatbotId = await createChatbot(gateway, { key: other.key });
    const foreign = await send(gateway, { chatbotId: otherChatbotId, content: 'Hello' }, other.key);
    const hidden = [passage?.id, passage?.source.id, lead.id, note.id, foreign.conversationId, foreign.replyId];
    expect(await Promise.all(hidden.map(findNode))).toEqual(hidden.map(() => null));
    expect(await findNode(replyId)).toEqual({ __typename: 'Message', id: replyId });
    const answer = await ask('query ($id: ID!) { conversation(id: $id) { id } }', { id: foreign.conversationId });
    expect([answer.status, answer.data, answer.errors]).toEqual([200, { conversation: null }, undefined]);
  });
});

describe('the events of a conversation', () => {
  it('need no scope beyond that of the subscription, in any of their fields', () => {
    const event = schema.getType('ConversationEvent');
    const members = Object.values(schema.getTypeMap())
      .filter(isObjectType)
      .filter((type) => type.getInterfaces().some((each) => each === event));
    expect(members.length).toBeGreaterThan(10);
    const restricted = members.flatMap((type) =>
      Object.values(type.getFields()).flatMap((field) =>
        scopesOf(field).length > 0 ? [`${type.name}.${field.name}`] : [],
      ),
    );
    expect(restricted).toEqual([]);
  });
});
