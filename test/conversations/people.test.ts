import { describe, expect, it } from 'vitest';
import { send } from '../helpers/chatbots.ts';
import { startGatewayWithCompletedReply } from '../helpers/conversations.ts';
import type { TestGateway } from '../helpers/gateway.ts';
import { delta, finish } from '../helpers/models/engines.ts';
import { webSocket } from '../helpers/streams.ts';
import { mutate, mutation } from '../schema/support.ts';

interface AssignResult {
  readonly __typename: string;
  readonly conversation: { assignee: string | null };
}

/** Assigns a conversation; an error of a changed assignee has the conversation too. */
async function assign(gateway: TestGateway, id: string, input: object): Promise<AssignResult> {
  const selection = 'conversation { assignee } } ... on AssigneeChangedError { conversation { assignee }';
  return mutate<AssignResult>(gateway, 'assignConversation', { id, ...input }, { selection });
}

describe('assignConversation', () => {
  it('assigns a conversation only if it is assigned as the client thinks', async () => {
    const { gateway, conversationId } = await startGatewayWithCompletedReply();
    const claims = await Promise.all(
      ['Ada', 'Ben', 'Cy', 'Dee'].map((assignee) => assign(gateway, conversationId, { assignee, ifAssignee: null })),
    );
    const winners = claims.filter(({ __typename }) => __typename === 'AssignConversationPayload');
    expect(winners).toHaveLength(1);
    const winner = winners[0]?.conversation.assignee;
    for (const claim of claims.filter((each) => !winners.includes(each))) {
      expect(claim).toMatchObject({
        __typename: 'AssigneeChangedError',
        code: 'ASSIGNEE_CHANGED',
        conversation: { assignee: winner },
      });
    }
    const wrong = await assign(gateway, conversationId, { assignee: null, ifAssignee: 'Zoe' });
    expect(wrong).toMatchObject({ code: 'ASSIGNEE_CHANGED', conversation: { assignee: winner } });
    expect(await assign(gateway, conversationId, { assignee: 'Eve', ifAssignee: winner })).toMatchObject({
      conversation: { assignee: 'Eve' },
    });
    expect(await assign(gateway, conversationId, { assignee: 'Ben' })).toMatchObject({
      conversation: { assignee: 'Ben' },
    });
    expect(await assign(gateway, conversationId, { assignee: null })).toMatchObject({
      conversation: { assignee: null },
    });
  });

  it('rejects an assignment without an assignee, and names that are blank or too long', async () => {
    const { gateway, conversationId } = await startGatewayWithCompletedReply();
    for (const [field, input] of [
      ['assignee', {}],
      ['assignee', { ifAssignee: 'Ada' }],
      ['assignee', { assignee: ' ' }],
      ['assignee', { assignee: 'x'.repeat(256) }],
      ['ifAssignee', { assignee: 'Ada', ifAssignee: '' }],
    ] as const) {
      expect(await assign(gateway, conversationId, input)).toMatchObject({
        code: 'INVALID_INPUT',
        fields: [{ path: [field] }],
      });
    }
  });
});

describe('Conversation.visitorUnreadCount', () => {
  it("counts replies and people's messages until the visitor writes or reads", async () => {
    const { gateway, engine, chatbotId, conversationId } = await startGatewayWithCompletedReply();
    const read = async () => {
      const { data } = await gateway.graphql<{ conversation: { visitorUnreadCount: number; unreadCount: number } }>(
        'query ($id: ID!) { conversation(id: $id) { visitorUnreadCount unreadCount } }',
        { id: conversationId },
      );
      return data.conversation.visitorUnreadCount;
    };
    const sendAsAgent = (input: object) =>
      mutate(gateway, 'sendAgentMessage', { conversationId, content: 'Ada here.', ...input });
    const markRead = (by: string) =>
      mutate<{ conversation: { visitorUnreadCount: number } }>(
        gateway,
        'markConversationRead',
        { id: conversationId, by },
        { selection: 'conversation { visitorUnreadCount }' },
      );
    expect(await read()).toBe(1);
    await sendAsAgent({ isPrivate: true });
    expect(await read()).toBe(1);
    await sendAsAgent({});
    await sendAsAgent({});
    expect(await read()).toBe(3);
    expect((await markRead('AGENT')).conversation.visitorUnreadCount).toBe(3);
    expect((await markRead('USER')).conversation.visitorUnreadCount).toBe(0);
    await sendAsAgent({});
    expect(await read()).toBe(1);
    await mutate(gateway, 'sendMessage', { conversationId, content: 'Thank you.' });
    expect(await read()).toBe(0);
    await mutate(gateway, 'handBackConversation', { id: conversationId });
    expect(await read()).toBe(0);
    const running = await send(gateway, { conversationId, content: 'One?' });
    const waiting = await send(gateway, { conversationId, content: 'Two?' });
    await mutate(gateway, 'stopMessage', { id: waiting.replyId });
    expect(await read()).toBe(0);
    engine.push(delta('Yes.'), finish);
    await webSocket.subscribe(gateway, { messageId: running.replyId }).ended;
    expect(await read()).toBe(1);
    const other = await send(gateway, { chatbotId, content: 'Hi' });
    engine.push(finish);
    await webSocket.subscribe(gateway, { messageId: other.replyId }).ended;
    expect(await read()).toBe(1);
  });

  it('is reset by a viewer with CHAT, and the count of the people by one with MANAGE', async () => {
    const { gateway, conversationId: id } = await startGatewayWithCompletedReply();
    for (const [scope, by, isAllowed] of [
      ['CHAT', 'USER', true],
      ['CHAT', 'AGENT', false],
      ['MANAGE', 'USER', false],
      ['MANAGE', 'AGENT', true],
    ] as const) {
      const key = await gateway.createKey(gateway.accountId, [scope]);
      const { errors } = await gateway.graphql(mutation('markConversationRead'), { input: { id, by } }, key);
      expect(errors?.map(({ extensions }) => extensions.code)).toEqual(isAllowed ? undefined : ['FORBIDDEN']);
    }
  });
});
