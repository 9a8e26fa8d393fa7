import { describe, expect, it } from 'vitest';
import { createChatbot, send } from '../../helpers/chatbots.ts';
import { createScriptedEngine, delta, finish } from '../../helpers/models/engines.ts';
import { webSocket } from '../../helpers/streams.ts';
import { mutate, openGateway } from '../support.ts';

const CONVERSATION = `query ($id: ID!) { conversation(id: $id) {
  id sessionId channel status metadata createdAt updatedAt chatbot { id } lastMessage { id } lastVisitorMessage { id }
  withUnfinished: lastMessage(includeUnfinished: true) { id }
  messages { nodes { id role status content parent { id } conversation { id } } }
} }`;

describe('conversation', () => {
  it('returns its messages, oldest first', async () => {
    const engine = createScriptedEngine();
    const gateway = await openGateway({ overrides: { engines: new Map([['builtin', engine]]) } });
    const chatbotId = await createChatbot(gateway);
    engine.push(delta('Good day.'), finish);
    const first = await send(gateway, { chatbotId, sessionId: 'visit', content: ' Hello ' });
    await webSocket.subscribe(gateway, { messageId: first.replyId }).ended;
    const { conversationId } = first;
    const second = await send(gateway, { conversationId, content: 'And?' });
    engine.push(delta('So'));
    const reader = webSocket.subscribe(gateway, { messageId: second.replyId });
    await reader.until(({ content }) => content === 'So');

    const { data } = await gateway.graphql(CONVERSATION, { id: conversationId.toUpperCase() });
    const message = (id: string, role: string, status: string, content: string, parent: object | null) => ({
      id,
      role,
      status,
      content,
      parent,
      conversation: { id: conversationId },
    });
    expect(data).toEqual({
      conversation: {
        id: conversationId,
        sessionId: 'visit',
        channel: 'GRAPHQL',
        status: 'OPEN',
        metadata: {},
        createdAt: expect.stringMatching(/Z$/),
        updatedAt: expect.stringMatching(/Z$/),
        chatbot: { id: chatbotId },
        lastMessage: { id: second.messageId },
        lastVisitorMessage: { id: second.messageId },
        withUnfinished: { id: second.replyId },
        messages: {
          nodes: [
            message(first.messageId, 'USER', 'COMPLETED', 'Hello', null),
            message(first.replyId, 'ASSISTANT', 'COMPLETED', 'Good day.', { id: first.messageId }),
            message(second.messageId, 'USER', 'COMPLETED', 'And?', { id: first.replyId }),
            message(second.replyId, 'ASSISTANT', 'STREAMING', 'So', { id: second.messageId }),
          ],
        },
      },
    });
    engine.push(finish);
    await reader.ended;
  });

  it('has the channel of its first message', async () => {
    const gateway = await openGateway();
    const chatbotId = await createChatbot(gateway);
    const response = await gateway.fetch(`/v1/chatbots/${chatbotId}/chat`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-api-key': gateway.key },
      body: '{"message":"Hello"}',
    });
    expect(response.status).toBe(200);
    await response.arrayBuffer();
    const query = 'query ($id: ID!) { chatbot(id: $id) { conversations { nodes { channel } } } }';
    expect((await gateway.graphql(query, { id: chatbotId })).data).toEqual({
      chatbot: { conversations: { nodes: [{ channel: 'API' }] } },
    });
  });
});

describe('conversations', () => {
  it('are listed newest first, optionally filtered by status, each with its last message', async () => {
    const gateway = await openGateway();
    const chatbotId = await createChatbot(gateway);
    const ids: string[] = [];
    for (const content of ['One', 'Two', 'Three']) {
      const sent = await send(gateway, { chatbotId, content });
      await webSocket.subscribe(gateway, { messageId: sent.replyId }).ended;
      ids.push(sent.conversationId);
    }
    await send(gateway, { chatbotId: await createChatbot(gateway), content: 'Elsewhere' });
    const [one = '', two = '', three = ''] = ids;
    await gateway.deps.db.transaction((trx) =>
      trx.updateTable('conversations').set({ status: 'CLOSED' }).where('id', '=', two).execute(),
    );
    const query = `query ($id: ID!, $statuses: [ConversationStatus!]) {
      chatbot(id: $id) { conversations(filter: { statuses: $statuses }) { nodes { id status lastMessage { role } } } }
    }`;
    const listConversations = async (status?: string) =>
      (await gateway.graphql(query, { id: chatbotId, statuses: status && [status] })).data;
    const node = (id: string, status: string) => ({ id, status, lastMessage: { role: 'ASSISTANT' } });
    const page = (...nodes: object[]) => ({ chatbot: { conversations: { nodes } } });
    expect(await listConversations()).toEqual(page(node(three, 'OPEN'), node(two, 'CLOSED'), node(one, 'OPEN')));
    expect(await listConversations('CLOSED')).toEqual(page(node(two, 'CLOSED')));
    expect(await listConversations('ESCALATED')).toEqual(page());

    // A message to a closed conversation reopens it.
    await mutate(gateway, 'sendMessage', { conversationId: two, content: 'Still there?' });
    expect(await listConversations('CLOSED')).toEqual(page());
  });
});
