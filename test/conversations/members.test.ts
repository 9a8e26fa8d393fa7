import { describe, expect, it } from 'vitest';
import { createChatbot, send } from '../helpers/chatbots.ts';
import type { TestGateway } from '../helpers/gateway.ts';
import { settingsFor, startFakeIssuer } from '../helpers/oidc/fake-issuer.ts';
import { createMember } from '../helpers/oidc/members.ts';
import { ACCOUNT, askViewer, startSignInGateway } from '../helpers/oidc/sign-in-gateway.ts';

const CONVERSATION = `query ($id: ID!) {
  conversation(id: $id) {
    assignee assignedMember { id name } activities(last: 1) { nodes { changes actor } }
    messages(last: 1) { nodes { authorName author { id email } } }
  }
}`;
const ASSIGN = `mutation ($input: AssignConversationInput!) {
  assignConversation(input: $input) {
    ... on AssignConversationPayload { conversation { assignee assignedMember { id } } }
    ... on Error { code message }
  }
}`;
const ANSWER = `mutation ($input: SendAgentMessageInput!) {
  sendAgentMessage(input: $input) { ... on SendAgentMessagePayload { agentMessage { authorName author { id } } } }
}`;

/** Starts a gateway with a conversation, and signs Ada in with all scopes. */
async function open() {
  const issuer = await startFakeIssuer();
  const gateway = await startSignInGateway(settingsFor(issuer, ACCOUNT));
  const claims = { name: 'Ada', email: 'ada@example.com', scope: 'openid chatgraph:manage READ chatgraph:chat' };
  const token = await issuer.sign(claims);
  const { viewer } = await askViewer(gateway, token);
  expect(viewer?.scopes).toEqual(expect.arrayContaining(['READ', 'CHAT', 'MANAGE']));
  const { conversationId } = await send(gateway, { chatbotId: await createChatbot(gateway), content: 'Hello' });
  return { issuer, gateway, token, memberId: viewer?.member?.id ?? '', conversationId };
}

interface ConversationData {
  readonly conversation: {
    readonly assignee: string | null;
    readonly assignedMember: { readonly id: string } | null;
    readonly activities: { readonly nodes: readonly { readonly changes: string[]; readonly actor: string | null }[] };
    readonly messages: { readonly nodes: readonly object[] };
  };
}

async function read(gateway: TestGateway, id: string) {
  return (await gateway.graphql<ConversationData>(CONVERSATION, { id })).data.conversation;
}

describe('a member', () => {
  it('is the author of its messages, under its name unless the request gives another', async () => {
    const { gateway, token, memberId, conversationId } = await open();
    const own = await gateway.graphql(ANSWER, { input: { conversationId, content: 'Hi' } }, token);
    expect(own.data).toEqual({ sendAgentMessage: { agentMessage: { authorName: 'Ada', author: { id: memberId } } } });
    const { messages, activities } = await read(gateway, conversationId);
    expect(messages.nodes).toEqual([{ authorName: 'Ada', author: { id: memberId, email: 'ada@example.com' } }]);
    expect(activities.nodes).toEqual([{ changes: expect.arrayContaining(['TAKEN_OVER']), actor: 'Ada' }]);
    const named = { conversationId, content: 'Hi', authorName: 'Support' };
    expect((await gateway.graphql(ANSWER, { input: named }, token)).data).toEqual({
      sendAgentMessage: { agentMessage: { authorName: 'Support', author: { id: memberId } } },
    });
    expect((await gateway.graphql(ANSWER, { input: named })).data).toEqual({
      sendAgentMessage: { agentMessage: { authorName: 'Support', author: null } },
    });
  });

  it('is the actor of its changes', async () => {
    const { gateway, token, conversationId } = await open();
    await gateway.graphql(
      'mutation ($id: ID!) { takeOverConversation(input: { id: $id }) { __typename } }',
      { id: conversationId },
      token,
    );
    expect((await read(gateway, conversationId)).activities.nodes).toEqual([{ changes: ['TAKEN_OVER'], actor: 'Ada' }]);
    await gateway.graphql(
      'mutation ($id: ID!) { closeConversation(input: { id: $id }) { __typename } }',
      { id: conversationId },
      token,
    );
    expect((await read(gateway, conversationId)).activities.nodes[0]?.actor).toBe('Ada');
  });

  it('is assigned by its id, found by it, and unassigned', async () => {
    const { gateway, memberId, conversationId: id } = await open();
    const assign = async (input: object) => (await gateway.graphql(ASSIGN, { input: { id, ...input } })).data;
    const list = async (filter: object) => {
      const query =
        'query ($filter: ConversationFilter) { conversations(filter: $filter) { nodes { id } totalCount } }';
      return (await gateway.graphql(query, { filter })).data;
    };
    const found = { conversations: { nodes: [{ id }], totalCount: 1 } };
    const none = { conversations: { nodes: [], totalCount: 0 } };
    expect(await assign({ assignee: memberId, ifAssignee: null })).toEqual({
      assignConversation: { conversation: { assignee: 'Ada', assignedMember: { id: memberId } } },
    });
    expect((await read(gateway, id)).activities.nodes[0]?.changes).toEqual(['ASSIGNED']);
    for (const assignee of [memberId, memberId.toUpperCase(), 'Ada']) expect(await list({ assignee })).toEqual(found);
    const other = await createMember(gateway, { name: 'Ada' });
    expect(await list({ assignee: other.id })).toEqual(none);
    // Another person with the same name.
    expect(await assign({ assignee: other.id, ifAssignee: other.id })).toMatchObject({
      assignConversation: { code: 'ASSIGNEE_CHANGED' },
    });
    expect(await assign({ assignee: other.id, ifAssignee: memberId })).toMatchObject({
      assignConversation: { conversation: { assignee: 'Ada', assignedMember: { id: other.id } } },
    });
    expect((await read(gateway, id)).activities.nodes[0]?.changes).toEqual(['ASSIGNED']);
    expect(await assign({ assignee: 'Ada' })).toEqual({
      assignConversation: { conversation: { assignee: 'Ada', assignedMember: null } },
    });
    const update = `mutation ($input: UpdateConversationsInput!) { updateConversations(input: $input) {
      ... on UpdateConversationsPayload { results { ... on UpdateConversationPayload {
        conversation { assignee assignedMember { id } } } } } ... on Error { code } } }`;
    const updateWith = async (assignee: string | null) =>
      (await gateway.graphql(update, { input: { ids: [id], assignee } })).data;
    expect(await updateWith(memberId)).toEqual({
      updateConversations: { results: [{ conversation: { assignee: 'Ada', assignedMember: { id: memberId } } }] },
    });
    expect(await updateWith(null)).toEqual({
      updateConversations: { results: [{ conversation: { assignee: null, assignedMember: null } }] },
    });
  });

  it('is not assigned if it is deactivated, unknown, or of another account', async () => {
    const { gateway, memberId, conversationId: id } = await open();
    const stranger = await createMember({ ...gateway, accountId: (await gateway.createTenant()).accountId });
    const deactivate = 'mutation ($id: ID!) { deactivateMember(input: { id: $id }) { __typename } }';
    await gateway.graphql(deactivate, { id: memberId });
    for (const assignee of [memberId, stranger.id]) {
      const { data } = await gateway.graphql(ASSIGN, { input: { id, assignee } });
      expect(data).toEqual({
        assignConversation: {
          code: 'INVALID_INPUT',
          message: 'assignee: There is no active member with this id.',
        },
      });
    }
    expect((await read(gateway, id)).assignee).toBeNull();
  });

  it('keeps its name when a token without one arrives, and takes that of a later token only', async () => {
    const { issuer, gateway } = await open();
    const now = Math.floor(Date.now() / 1_000);
    const nameAfter = async (claims: object) =>
      (await askViewer(gateway, await issuer.sign({ ...claims }))).viewer?.member?.name;
    expect(await nameAfter({ jti: '1' })).toBe('Ada');
    expect(await nameAfter({ name: 'Augusta', iat: now - 100 })).toBe('Ada');
    expect(await nameAfter({ name: 'Ada\u202eevil' })).toBe('Ada');
    expect(await nameAfter({ name: { first: 'Ada' } })).toBe('Ada');
    expect(await nameAfter({ name: ' Ada Lovelace ', iat: now + 1 })).toBe('Ada Lovelace');
  });
});
