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
import { conversationField, conversationPayload, storedMessageField } from '../payloads.ts';

/** The roles that have a typing indicator. */
export const TypingRole = builder.enumType('TypingRole', {
  description: 'A party whose typing is shown.',
  values: {
    USER: { description: 'The visitor of the conversation.' },
    AGENT: { description: 'A person who answers instead of the chatbot.' },
  } satisfies Record<TypingRoleName, object>,
});

const conversationId = { required: true, description: 'The id of the conversation.' } as const;

builder.relayMutationField(
  'escalateConversation',
  {
    description: 'The conversation to escalate.',
    inputFields: (t) => ({
      conversationId: t.id(conversationId),
      reason: t.string({ description: 'The reason, shown to the people who answer; at most 1,000 characters.' }),
    }),
  },
  {
    description:
      'Asks for a person: the conversation becomes ESCALATED, also if it was CLOSED. The chatbot answers until a person does. An ESCALATED conversation does not change. Needs `CHAT` or `MANAGE`.',
    authScopes: { $any: { CHAT: true, MANAGE: true } },
    errors: { types: [NotFoundError, InvalidInputError] },
    resolve: async (_root, { input }, { deps, viewer }) => ({
      conversation: await escalateConversation(deps, viewer, input),
    }),
  },
  conversationPayload('The escalated conversation.'),
);

builder.relayMutationField(
  'assignConversation',
  {
    description: 'The conversation and the person to assign.',
    inputFields: (t) => ({
      conversationId: t.id(conversationId),
      assignee: t.string({
        description: 'The person, as named by your systems, 1 to 255 characters; absent or null unassigns.',
      }),
    }),
  },
  {
    description: 'Assigns a conversation to a person. The chatbot continues to answer. Needs `MANAGE`.',
    authScopes: { MANAGE: true },
    errors: { types: [NotFoundError, InvalidInputError] },
    resolve: async (_root, { input }, { deps, viewer }) => ({
      conversation: await assignConversation(deps, viewer, input),
    }),
  },
  conversationPayload('The assigned conversation.'),
);

builder.relayMutationField(
  'sendAgentMessage',
  {
    description: 'A message of a person to the visitor, or a private note.',
    inputFields: (t) => ({
      conversationId: t.id(conversationId),
      content: t.string(messageContent),
      authorName: t.string({ description: 'The name of the person, shown to the visitor; 1 to 255 characters.' }),
      isPrivate: t.boolean({
        defaultValue: false,
        description:
          'True stores a private note: only viewers with `MANAGE` see it, and the chatbot continues to answer.',
      }),
      metadata: t.field({
        type: 'JSON',
        description: 'Custom data, an object of at most 16 kB, stored with the message.',
      }),
      clientMessageId: t.string({
        description:
          'An idempotency key of 1 to 255 characters. A repeated request with the same key within 24 hours returns the first message and stores nothing.',
      }),
    }),
  },
  {
    description:
      'Sends a message of a person to the visitor. The chatbot is then silent for `HANDOFF_HOURS` (24 by default), counted from the last such message. A streaming reply is stopped, and waiting replies never begin. A CLOSED conversation becomes OPEN. Needs `MANAGE`.',
    authScopes: { MANAGE: true },
    errors: { types: [NotFoundError, InvalidInputError, IdempotencyConflictError] },
    resolve: (_root, { input }, { deps, viewer }) => sendAgentMessage(deps, viewer, input),
  },
  {
    description: 'The stored message.',
    outputFields: (t) => ({
      agentMessage: t.expose('agentMessage', storedMessageField),
      conversation: t.expose('conversation', conversationField),
    }),
  },
);

builder.relayMutationField(
  'handBackConversation',
  {
    description: 'The conversation to hand back.',
    inputFields: (t) => ({ conversationId: t.id(conversationId) }),
  },
  {
    description:
      'Hands a conversation back to the chatbot, which answers from the next message on. Unassigns the conversation; an ESCALATED one becomes OPEN. Needs `MANAGE`.',
    authScopes: { MANAGE: true },
    errors: { types: [NotFoundError] },
    resolve: async (_root, { input }, { deps, viewer }) => ({
      conversation: await handBackConversation(deps, viewer, input),
    }),
  },
  conversationPayload('The conversation after the handback.'),
);

builder.relayMutationField(
  'closeConversation',
  {
    description: 'The conversation to close.',
    inputFields: (t) => ({ conversationId: t.id(conversationId) }),
  },
  {
    description:
      'Closes a conversation and hands it back to the chatbot. A streaming reply continues to its end. The next message makes the conversation OPEN again. Needs `CHAT` or `MANAGE`.',
    authScopes: { $any: { CHAT: true, MANAGE: true } },
    errors: { types: [NotFoundError] },
    resolve: async (_root, { input }, { deps, viewer }) => ({
      conversation: await closeConversation(deps, viewer, input),
    }),
  },
  conversationPayload('The closed conversation.'),
);

builder.relayMutationField(
  'markConversationRead',
  {
    description: 'The conversation to mark as read.',
    inputFields: (t) => ({ conversationId: t.id(conversationId) }),
  },
  {
    description: "Marks the visitor's messages as read: `unreadCount` becomes 0. Needs `MANAGE`.",
    authScopes: { MANAGE: true },
    errors: { types: [NotFoundError] },
    resolve: async (_root, { input }, { deps, viewer }) => ({
      conversation: await markConversationRead(deps, viewer, input),
    }),
  },
  conversationPayload('The conversation without unread messages.'),
);

builder.relayMutationField(
  'setTyping',
  {
    description: 'The typing state of one party.',
    inputFields: (t) => ({
      conversationId: t.id(conversationId),
      isTyping: t.boolean({ required: true, description: 'True if the party is typing now.' }),
      role: t.field({
        type: TypingRole,
        defaultValue: 'USER',
        description: 'The party that types. AGENT needs `MANAGE`, USER needs `CHAT`.',
      }),
    }),
  },
  {
    description:
      'Sends `TypingChanged` to the subscribers of the conversation. The state is not stored, and ends 6 seconds after it was last set. A mutation of `setTyping` alone costs no request: typing indicators have a limit of their own, ten times that of requests. Needs `CHAT` or `MANAGE`.',
    authScopes: { $any: { CHAT: true, MANAGE: true } },
    argumentScopes: ({ input: { role } }) => (role === 'AGENT' ? { MANAGE: true } : { CHAT: true }),
    errors: { types: [NotFoundError] },
    resolve: async (_root, { input }, { deps, viewer }) => ({ conversation: await setTyping(deps, viewer, input) }),
  },
  conversationPayload('The conversation.'),
);
