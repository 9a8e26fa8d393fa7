import { send } from '../../../helpers/chatbots.ts';
import type { Row } from '../row.ts';
import type { World } from '../world.ts';

/** Starts a conversation for a mutation that would keep other tests from using a shared one. */
const startConversation = async (world: World) =>
  (await send(world, { chatbotId: world.ids.chatbot, content: 'Hello' })).conversationId;

const CONVERSATION_ID = { id: { kind: 'conversation' } } as const;

/** The rows of the mutations of conversations and leads. */
export const CONVERSATION_ROWS: readonly Row[] = [
  {
    field: 'assignConversation',
    scopes: [['MANAGE']],
    args: ({ ids }) => ({ id: ids.conversation, assignee: 'Ada' }),
    ids: CONVERSATION_ID,
    errors: {
      InvalidInputError: ({ ids }) => ({ id: ids.conversation }),
      AssigneeChangedError: ({ ids }) => ({ id: ids.conversation, assignee: 'Ada', ifAssignee: 'Bob' }),
    },
  },
  {
    field: 'captureLead',
    scopes: [['CHAT']],
    args: ({ ids }) => ({ conversationId: ids.conversation, email: 'ada@example.com' }),
    ids: { conversationId: { kind: 'conversation' } },
    errors: { InvalidInputError: ({ ids }) => ({ conversationId: ids.conversation, email: 'ada' }) },
  },
  {
    field: 'closeConversation',
    scopes: [['CHAT'], ['MANAGE']],
    args: async (world) => ({ id: await startConversation(world) }),
    ids: CONVERSATION_ID,
  },
  {
    field: 'escalateConversation',
    scopes: [['CHAT'], ['MANAGE']],
    args: async (world) => ({ id: await startConversation(world) }),
    ids: CONVERSATION_ID,
    errors: { InvalidInputError: ({ ids }) => ({ id: ids.conversation, reason: 'a'.repeat(10_000) }) },
  },
  {
    field: 'handBackConversation',
    scopes: [['MANAGE']],
    args: async (world) => ({ id: await startConversation(world) }),
    ids: CONVERSATION_ID,
  },
  {
    field: 'takeOverConversation',
    scopes: [['MANAGE']],
    args: async (world) => ({ id: await startConversation(world) }),
    ids: CONVERSATION_ID,
    errors: { InvalidInputError: ({ ids }) => ({ id: ids.conversation, silentMinutes: -1 }) },
  },
  {
    field: 'markConversationRead',
    scopes: [['MANAGE']],
    args: ({ ids }) => ({ id: ids.conversation }),
    ids: CONVERSATION_ID,
  },
  {
    field: 'markConversationRead',
    scopes: [['CHAT']],
    args: ({ ids }) => ({ id: ids.conversation, by: 'USER' }),
  },
  {
    field: 'setTyping',
    scopes: [['CHAT']],
    args: ({ ids }) => ({ conversationId: ids.conversation, isTyping: true }),
    ids: { conversationId: { kind: 'conversation' } },
    errors: {
      InvalidInputError: ({ ids }) => ({ conversationId: ids.conversation, isTyping: true, authorName: 'Ada' }),
    },
  },
  {
    field: 'setTyping',
    scopes: [['MANAGE']],
    args: ({ ids }) => ({ conversationId: ids.conversation, isTyping: true, role: 'AGENT' }),
  },
  {
    field: 'updateConversations',
    scopes: [['MANAGE']],
    args: ({ ids }) => ({ ids: [ids.conversation], priority: 'HIGH' }),
    selection: 'results { __typename }',
    ids: { ids: { kind: 'conversation', unknown: { results: [{ __typename: 'NotFoundError' }] } } },
    errors: { InvalidInputError: ({ ids }) => ({ ids: [ids.conversation] }) },
  },
  {
    field: 'updateLead',
    scopes: [['MANAGE']],
    args: ({ ids }) => ({ id: ids.lead, name: 'Ada' }),
    ids: { id: { kind: 'lead' } },
    errors: { InvalidInputError: ({ ids }) => ({ id: ids.lead, email: 'ada' }) },
  },
];
