import { describe, expect, it } from 'vitest';
import { createId } from '../../src/domain/ids.ts';
import { createChatbot, send } from '../helpers/chatbots.ts';
import { startGatewayWithCompletedReply } from '../helpers/conversations.ts';
import { errorCodesOf } from '../helpers/sockets.ts';
import { createKeyWith, mutate, openGateway } from './support.ts';

describe('Query', () => {
  it('finds a message, a source and a lead by id, with what leads to and from them', async () => {
    const { gateway, chatbotId, conversationId, replyId } = await startGatewayWithCompletedReply();
    const input = { chatbotId, title: 'A', content: { text: 'a' } };
    const { source } = await mutate<{ source: { id: string } }>(gateway, 'createSource', input, {
      selection: 'source { id }',
    });
    const capture = (email: string) =>
      mutate<{ lead: { id: string } }>(gateway, 'captureLead', { conversationId, email }, { selection: 'lead { id }' });
    const { lead: first } = await capture('ada@example.com');
    const { lead: second } = await capture('bob@example.com');
    const { data } = await gateway.graphql(
      `query ($message: ID!, $source: ID!, $lead: ID!) {
        message(id: $message) { id }
        source(id: $source) { id }
        lead(id: $lead) { id chatbot { id } conversation { leads(first: 1) { totalCount nodes { id } } } }
      }`,
      { message: replyId, source: source.id.toUpperCase(), lead: first.id },
    );
    expect(data).toEqual({
      message: { id: replyId },
      source: { id: source.id },
      lead: {
        id: first.id,
        chatbot: { id: chatbotId },
        conversation: { leads: { totalCount: 2, nodes: [{ id: second.id }] } },
      },
    });
  });

  it('finds a conversation by its session, and refuses neither or both of id and session', async () => {
    const gateway = await openGateway();
    const chatbotId = await createChatbot(gateway);
    const { conversationId } = await send(gateway, { chatbotId, sessionId: 'visit', content: 'Hi' });
    const query = 'query ($id: ID, $session: ConversationSession) { conversation(id: $id, session: $session) { id } }';
    const find = (variables: object, key?: string) => gateway.graphql(query, variables, key);
    const session = { chatbotId, sessionId: 'visit' };
    expect((await find({ session })).data).toEqual({ conversation: { id: conversationId } });
    for (const sessionId of ['other', '', '\0', 'a'.repeat(256)]) {
      expect((await find({ session: { chatbotId, sessionId } })).data).toEqual({ conversation: null });
    }
    const { key } = await gateway.createTenant();
    expect((await find({ session }, key)).data).toEqual({ conversation: null });
    for (const id of [createId('chatbot'), 'nonsense', conversationId]) {
      expect((await find({ session: { chatbotId: id, sessionId: 'visit' } })).data).toEqual({ conversation: null });
    }
    for (const variables of [{}, { id: null, session: null }, { id: conversationId, session }]) {
      expect(errorCodesOf(await find(variables))).toEqual(['BAD_USER_INPUT']);
    }
    await mutate(gateway, 'deleteChatbot', { id: chatbotId });
    expect((await find({ session })).data).toEqual({ conversation: null });
  });
});

describe('Conversation.lastMessage', () => {
  it('is a private note only on request, and only for MANAGE', async () => {
    const { gateway, conversationId, messageId, replyId } = await startGatewayWithCompletedReply();
    await mutate(gateway, 'sendAgentMessage', { conversationId, content: 'Note', isPrivate: true });
    const query = `query ($id: ID!) { conversation(id: $id) {
      lastMessage { id } lastVisitorMessage { id } withNotes: lastMessage(includeNotes: true) { id content }
    } }`;
    const common = { lastMessage: { id: replyId }, lastVisitorMessage: { id: messageId } };
    expect((await gateway.graphql(query, { id: conversationId })).data).toEqual({
      conversation: { ...common, withNotes: { id: expect.any(String), content: 'Note' } },
    });
    const key = await createKeyWith(gateway, 'CHAT');
    expect((await gateway.graphql(query, { id: conversationId }, key)).data).toMatchObject({
      conversation: { ...common, withNotes: { id: replyId } },
    });
  });
});
