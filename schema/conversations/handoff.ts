import {
  assignConversation,
  closeConversation,
  escalateConversation,
  handBackConversation,
  markConversationRead,
} from '../../src/conversations/handoff.ts';
import { setTyping } from '../../src/conversations/set-typing.ts';
import type { TypingRole as TypingRoleName } from '../../src/domain/entities.ts';
import { IdempotencyConflictError, InvalidInputError, NotFoundError } from '../../src/domain/errors.ts';
import { sendAgentMessage } from '../../src/messages/send-agent-message.ts';
import { builder } from '../builder.ts';
import { messageContent } from '../messages/message.ts';
import { conversationPayload, itsConversation, storedMessage } from '../payloads.ts';

/** Who can be seen typing. */
export const TypingRole = builder.enumType('TypingRole', {
  description: 'Who can be seen typing.',
  values: {
    USER: { description: 'The visitor.' },
    AGENT: { description: 'A person who answers in place of the chatbot.' },
  } satisfies Record<TypingRoleName, object>,
});

const conversationId = { required: true, description: 'The conversation.' } as const;

builder.relayMutationField(
  'escalateConversation',
  {
    description: 'Where a person is wanted, and why.',
    inputFields: (t) => ({
      conversationId: t.id(conversationId),
      reason: t.string({ description: 'Why, for the people who read it; at most 1,000 characters.' }),
    }),
  },
  {
    description:
      'Asks for a person: the conversation is ESCALATED, also when it was closed. The chatbot goes on answering until a person does. Where one was asked for already nothing changes. Needs `CHAT` or `MANAGE`.',
    authScopes: { $any: { CHAT: true, MANAGE: true } },
    errors: { types: [NotFoundError, InvalidInputError] },
    resolve: async (_root, { input }, { deps, viewer }) => ({
      conversation: await escalateConversation(deps, viewer, input),
    }),
  },
  conversationPayload('Where a person is asked for.'),
);

builder.relayMutationField(
  'assignConversation',
  {
    description: 'Who takes care of what.',
    inputFields: (t) => ({
      conversationId: t.id(conversationId),
      assignee: t.string({
        description: 'The person, as your own systems name them, 1 to 255 characters; absent or null: nobody.',
      }),
    }),
  },
  {
    description: 'Notes which person takes care of a conversation. The chatbot goes on answering. Needs `MANAGE`.',
    authScopes: { MANAGE: true },
    errors: { types: [NotFoundError, InvalidInputError] },
    resolve: async (_root, { input }, { deps, viewer }) => ({
      conversation: await assignConversation(deps, viewer, input),
    }),
  },
  conversationPayload('What is taken care of.'),
);

builder.relayMutationField(
  'sendAgentMessage',
  {
    description: 'What a person says, and where.',
    inputFields: (t) => ({
      conversationId: t.id(conversationId),
      content: t.string(messageContent),
      authorName: t.string({ description: 'What the visitor may call that person; 1 to 255 characters.' }),
      isPrivate: t.boolean({
        defaultValue: false,
        description: 'A note between people: only those with `MANAGE` see it, and the chatbot goes on answering.',
      }),
      metadata: t.field({ type: 'JSON', description: 'Free data, an object of at most 16 kB.' }),
      clientMessageId: t.string({
        description:
          'An id of your own, 1 to 255 characters: sent again with the same id within 24 hours, it is not stored again.',
      }),
    }),
  },
  {
    description:
      'Says something to the visitor in place of the chatbot, which is silent from then on: for 24 hours unless the operator says otherwise, anew with each such message. A reply under way is stopped, those that wait are never begun. A closed conversation is open again. Needs `MANAGE`.',
    authScopes: { MANAGE: true },
    errors: { types: [NotFoundError, InvalidInputError, IdempotencyConflictError] },
    resolve: (_root, { input }, { deps, viewer }) => sendAgentMessage(deps, viewer, input),
  },
  {
    description: 'What was said.',
    outputFields: (t) => ({
      agentMessage: t.expose('agentMessage', storedMessage),
      conversation: t.expose('conversation', itsConversation),
    }),
  },
);

builder.relayMutationField(
  'handBackConversation',
  {
    description: 'What the chatbot shall answer again.',
    inputFields: (t) => ({ conversationId: t.id(conversationId) }),
  },
  {
    description:
      'Lets the chatbot answer again, from the next message on. Nobody is assigned any more, and an ESCALATED conversation is OPEN. Needs `MANAGE`.',
    authScopes: { MANAGE: true },
    errors: { types: [NotFoundError] },
    resolve: async (_root, { input }, { deps, viewer }) => ({
      conversation: await handBackConversation(deps, viewer, input),
    }),
  },
  conversationPayload('What was handed back.'),
);

builder.relayMutationField(
  'closeConversation',
  {
    description: 'What to close.',
    inputFields: (t) => ({ conversationId: t.id(conversationId) }),
  },
  {
    description:
      'Closes a conversation, and gives it back to the chatbot if a person has answered. A reply under way is written to its end; the next message opens it again. Needs `CHAT` or `MANAGE`.',
    authScopes: { $any: { CHAT: true, MANAGE: true } },
    errors: { types: [NotFoundError] },
    resolve: async (_root, { input }, { deps, viewer }) => ({
      conversation: await closeConversation(deps, viewer, input),
    }),
  },
  conversationPayload('What was closed.'),
);

builder.relayMutationField(
  'markConversationRead',
  {
    description: 'What was read.',
    inputFields: (t) => ({ conversationId: t.id(conversationId) }),
  },
  {
    description: 'Notes that somebody has read what the visitor said: `unreadCount` begins at 0 again. Needs `MANAGE`.',
    authScopes: { MANAGE: true },
    errors: { types: [NotFoundError] },
    resolve: async (_root, { input }, { deps, viewer }) => ({
      conversation: await markConversationRead(deps, viewer, input),
    }),
  },
  conversationPayload('What was read.'),
);

builder.relayMutationField(
  'setTyping',
  {
    description: 'Who types where.',
    inputFields: (t) => ({
      conversationId: t.id(conversationId),
      isTyping: t.boolean({ required: true, description: 'Whether they type now.' }),
      role: t.field({
        type: TypingRole,
        defaultValue: 'USER',
        description: 'Who types; an agent needs `MANAGE`, the visitor `CHAT`.',
      }),
    }),
  },
  {
    description:
      'Tells those who follow the conversation that someone types there: for 6 seconds, unless it is said again. It is kept nowhere. Needs `CHAT` or `MANAGE`.',
    authScopes: { $any: { CHAT: true, MANAGE: true } },
    errors: { types: [NotFoundError] },
    resolve: async (_root, { input }, { deps, viewer }) => ({ conversation: await setTyping(deps, viewer, input) }),
  },
  conversationPayload('Where someone types.'),
);
