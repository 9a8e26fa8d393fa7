import { describe, expect, it } from 'vitest';
import { createChatbot, send } from '../helpers/chatbots.ts';
import type { TestGateway } from '../helpers/gateway.ts';
import { openSharedGateway } from '../helpers/shared-gateway.ts';
import { mutate } from '../schema/support.ts';

const VISITOR = 'id externalId name email customData isVerified isBlocked firstSeenAt lastSeenAt';

interface Visitor {
  readonly id: string;
  readonly externalId: string | null;
  readonly name: string | null;
}

async function open() {
  const gateway = await openSharedGateway();
  return { gateway, chatbotId: await createChatbot(gateway) };
}

async function visitorOf(gateway: TestGateway, conversationId: string): Promise<Visitor | null> {
  const query = `query ($id: ID!) { conversation(id: $id) { visitor { ${VISITOR} } } }`;
  const { data } = await gateway.graphql<{ conversation: { visitor: Visitor | null } }>(query, { id: conversationId });
  return data.conversation.visitor;
}

describe('sendMessage with a visitor', () => {
  it('creates an identified visitor once, and finds it again with new details', async () => {
    const { gateway, chatbotId } = await open();
    const first = await send(gateway, {
      chatbotId,
      content: 'Hello',
      visitor: { externalId: 'u-1', name: 'Ada', email: 'ada@example.com', customData: { plan: 'pro' } },
    });
    const second = await send(gateway, { chatbotId, content: 'Hi', visitor: { externalId: 'u-1', name: 'Ada L.' } });
    const visitor = await visitorOf(gateway, first.conversationId);
    expect(visitor).toEqual({
      ...{ id: expect.any(String), externalId: 'u-1', name: 'Ada L.', email: 'ada@example.com' },
      ...{ customData: { plan: 'pro' }, isVerified: true, isBlocked: false },
      ...{ firstSeenAt: expect.any(String), lastSeenAt: expect.any(String) },
    });
    expect((await visitorOf(gateway, second.conversationId))?.id).toBe(visitor?.id);
    const list = `query ($id: ID!, $visitor: ID!) {
      chatbot(id: $id) { visitors { totalCount nodes { id conversations { totalCount nodes { id } } leads { totalCount } } } }
      node(id: $visitor) { ... on Visitor { chatbot { id } } }
    }`;
    const { data } = await gateway.graphql<object>(list, { id: chatbotId, visitor: visitor?.id });
    const conversations = { totalCount: 2, nodes: [{ id: second.conversationId }, { id: first.conversationId }] };
    expect(data).toEqual({
      chatbot: { visitors: { totalCount: 1, nodes: [{ id: visitor?.id, conversations, leads: { totalCount: 0 } }] } },
      node: { chatbot: { id: chatbotId } },
    });
  });

  it('keeps the conversations of keys without a visitor, and gives them one when a server names it', async () => {
    const { gateway, chatbotId } = await open();
    const { conversationId } = await send(gateway, { chatbotId, sessionId: 's', content: 'Hello' });
    expect(await visitorOf(gateway, conversationId)).toBeNull();
    await send(gateway, { chatbotId, sessionId: 's', content: 'I am someone', visitor: { name: 'Someone' } });
    const anonymous = await visitorOf(gateway, conversationId);
    expect(anonymous).toMatchObject({ externalId: null, name: 'Someone', isVerified: false });
    await send(gateway, { conversationId, content: 'More', visitor: { name: 'Somebody' } });
    expect(await visitorOf(gateway, conversationId)).toMatchObject({ id: anonymous?.id, name: 'Somebody' });
    await send(gateway, { conversationId, content: 'I am Ada', visitor: { externalId: 'u-1' } });
    expect(await visitorOf(gateway, conversationId)).toMatchObject({ externalId: 'u-1', name: null });
    const input = { conversationId, content: 'I am Eve', visitor: { externalId: 'u-2' } };
    expect(await mutate(gateway, 'sendMessage', input)).toMatchObject({
      code: 'INVALID_INPUT',
      reason: 'visitor: The conversation belongs to another visitor.',
    });
  });

  it('keeps the visitors of two chatbots and of two accounts apart', async () => {
    const { gateway, chatbotId } = await open();
    const other = await createChatbot(gateway);
    const visitor = { externalId: 'u-1' };
    const sent = [
      await send(gateway, { chatbotId, content: 'Hello', visitor }),
      await send(gateway, { chatbotId: other, content: 'Hello', visitor }),
    ];
    const visitors = await Promise.all(sent.map(({ conversationId }) => visitorOf(gateway, conversationId)));
    expect(visitors[0]?.id).not.toBe(visitors[1]?.id);
    const { key } = await gateway.createTenant();
    const query = '{ chatbots { nodes { visitors { nodes { id } } } } }';
    expect((await gateway.graphql<object>(query, {}, key)).data).toEqual({ chatbots: { nodes: [] } });
  });

  it('creates one visitor for many messages at the same time', async () => {
    const { gateway, chatbotId } = await open();
    const sends = Array.from({ length: 10 }, (_, n) =>
      send(gateway, { chatbotId, content: `Message ${n}`, visitor: { externalId: 'u-1' } }),
    );
    const sent = await Promise.all(sends);
    const visitors = await Promise.all(sent.map(({ conversationId }) => visitorOf(gateway, conversationId)));
    expect(new Set(visitors.map((visitor) => visitor?.id)).size).toBe(1);
  });

  it('returns the first result of a repeated request, and refuses the same key for another visitor', async () => {
    const { gateway, chatbotId } = await open();
    const input = { chatbotId, content: 'Hello', clientMessageId: 'm-1' };
    const first = await send(gateway, { ...input, visitor: { externalId: 'u-1' } });
    expect(await send(gateway, { ...input, visitor: { externalId: 'u-1' } })).toMatchObject({
      messageId: first.messageId,
    });
    expect(await mutate(gateway, 'sendMessage', { ...input, visitor: { externalId: 'u-2' } })).toMatchObject({
      code: 'IDEMPOTENCY_CONFLICT',
    });
  });

  it.each([
    [{ externalId: '' }, 'visitor.externalId'],
    [{ externalId: 'x'.repeat(256) }, 'visitor.externalId'],
    [{ name: 'two\nlines' }, 'visitor.name'],
    [{ email: 'ada' }, 'visitor.email'],
    [{ customData: 'text' }, 'visitor.customData'],
    [{ customData: { text: 'x'.repeat(17_000) } }, 'visitor.customData'],
  ])('refuses the visitor %j and stores nothing', async (visitor, path) => {
    const { gateway, chatbotId } = await open();
    const answer = await mutate(gateway, 'sendMessage', { chatbotId, content: 'Hello', visitor });
    expect(answer).toMatchObject({ code: 'INVALID_INPUT', fields: [{ path: path.split('.') }] });
    const query = 'query ($id: ID!) { chatbot(id: $id) { visitors { totalCount } conversations { totalCount } } }';
    expect((await gateway.graphql<object>(query, { id: chatbotId })).data).toEqual({
      chatbot: { visitors: { totalCount: 0 }, conversations: { totalCount: 0 } },
    });
  });
});

describe('Chatbot.visitors', () => {
  it('pages through the visitors, newest first, and finds them by a part of their details', async () => {
    const { gateway, chatbotId } = await open();
    for (const externalId of ['u-1', 'u-2', 'v-3']) {
      await send(gateway, { chatbotId, content: 'Hello', visitor: { externalId, name: `Visitor ${externalId}` } });
    }
    const query = `query ($id: ID!, $query: String, $after: String) {
      chatbot(id: $id) { visitors(first: 2, after: $after, query: $query) {
        totalCount nodes { externalId } pageInfo { hasNextPage endCursor }
      } }
    }`;
    const read = async (variables: object = {}) =>
      (
        await gateway.graphql<{
          chatbot: {
            visitors: { totalCount: number; nodes: { externalId: string }[]; pageInfo: { endCursor: string } };
          };
        }>(query, { id: chatbotId, ...variables })
      ).data.chatbot.visitors;
    const first = await read();
    expect([first.totalCount, first.nodes.map(({ externalId }) => externalId)]).toEqual([3, ['v-3', 'u-2']]);
    expect((await read({ after: first.pageInfo.endCursor })).nodes).toEqual([{ externalId: 'u-1' }]);
    const found = await read({ query: 'VISITOR U' });
    expect([found.totalCount, found.nodes]).toEqual([2, [{ externalId: 'u-2' }, { externalId: 'u-1' }]]);
  });
});

describe('updateVisitor', () => {
  it('changes the given details, clears those that are null, and keeps the others', async () => {
    const { gateway, chatbotId } = await open();
    const { conversationId } = await send(gateway, {
      chatbotId,
      content: 'Hello',
      visitor: { externalId: 'u-1', name: 'Ada', email: 'ada@example.com' },
    });
    const id = (await visitorOf(gateway, conversationId))?.id;
    const selection = 'visitor { name email customData }';
    const update = (input: object) => mutate<object>(gateway, 'updateVisitor', { id, ...input }, { selection });
    const payload = (visitor: object) => ({ __typename: 'UpdateVisitorPayload', visitor });
    expect(await update({ email: null, customData: { plan: 'pro' } })).toEqual(
      payload({ name: 'Ada', email: null, customData: { plan: 'pro' } }),
    );
    expect(await update({ customData: null })).toEqual(payload({ name: 'Ada', email: null, customData: {} }));
  });
});

describe('blockVisitor', () => {
  it('refuses every message of the visitor until the visitor is unblocked', async () => {
    const { gateway, chatbotId } = await open();
    const visitor = { externalId: 'u-1' };
    const { conversationId } = await send(gateway, { chatbotId, content: 'Hello', visitor });
    const id = (await visitorOf(gateway, conversationId))?.id;
    const selection = 'visitor { isBlocked }';
    expect(await mutate<object>(gateway, 'blockVisitor', { id }, { selection })).toMatchObject({
      visitor: { isBlocked: true },
    });
    for (const input of [{ chatbotId, visitor }, { conversationId }]) {
      const answer = await mutate(gateway, 'sendMessage', { ...input, content: 'Again' });
      expect(answer).toMatchObject({ __typename: 'VisitorBlockedError', code: 'VISITOR_BLOCKED' });
    }
    await mutate(gateway, 'blockVisitor', { id, isBlocked: false });
    await send(gateway, { conversationId, content: 'Again' });
  });
});
