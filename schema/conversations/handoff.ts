import {
  assignConversation,
  closeConversation,
  escalateConversation,
  handBackConversation,
  markConversationRead,
} from '../../src/conversations/handoff.ts';
import { setTyping } from '../../src/conversations/set-typing.ts';
import type { ReaderRole as ReaderRoleName, TypingRole as TypingRoleName } from '../../src/domain/entities.ts';
import {
  AssigneeChangedError,
  IdempotencyConflictError,
  InvalidInputError,
  NotFoundError,
} from '../../src/domain/errors.ts';
import { sendAgentMessage } from '../../src/messages/send-agent-message.ts';
import { takeOverConversation } from '../../src/messages/take-over.ts';
import { builder } from '../builder.ts';
import { reportReplay } from '../context.ts';
import { describeError, ErrorInterface } from '../errors.ts';
import { messageContent } from '../messages/message.ts';
import { conversationField, conversationPayload, storedMessageField } from '../payloads.ts';
import { ConversationRef } from './conversation.ts';

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
      id: t.id(conversationId),
      reason: t.string({ description: 'The reason, shown to the people who answer; at most 1,000 characters.' }),
    }),
  },
  {
    description:
      'Asks for a person: the conversation becomes ESCALATED, also if it was CLOSED. The chatbot answers until a person does. An ESCALATED conversation does not change. Needs `CHAT` or `MANAGE`.',
    authScopes: { $any: { CHAT: true, MANAGE: true } },
    sessionTarget: { argument: 'id', kind: 'conversation' },
    errors: { types: [NotFoundError, InvalidInputError] },
    resolve: async (_root, { input }, { deps, viewer }) => ({
      conversation: await escalateConversation(deps, viewer, input),
    }),
  },
  conversationPayload('The escalated conversation.'),
);

builder.objectType(AssigneeChangedError, {
  name: 'AssigneeChangedError',
  description: describeError('ASSIGNEE_CHANGED'),
  interfaces: [ErrorInterface],
  fields: (t) => ({
    conversation: t.expose('conversation', {
      type: ConversationRef,
      description: 'The unchanged conversation, with its present `assignee`.',
    }),
  }),
});

builder.relayMutationField(
  'assignConversation',
  {
    description: 'The conversation and the person to assign.',
    inputFields: (t) => ({
      id: t.id(conversationId),
      assignee: t.string({
        description:
          'The person, as named by your systems, 1 to 255 characters, or the id of an active member, who is then `assignedMember`; null removes the assignment. Must be given.',
      }),
      ifAssignee: t.string({
        description:
          'The person who must be assigned so far, by name or by the id of a member; null if nobody may be. Otherwise nothing changes, and the answer is `AssigneeChangedError`. If absent, any assignment is replaced.',
      }),
    }),
  },
  {
    description:
      'Assigns a conversation to a person. The chatbot continues to answer. With `ifAssignee`, of several people who claim a conversation only one gets it. Needs `MANAGE`.',
    authScopes: { MANAGE: true },
    errors: { types: [NotFoundError, InvalidInputError, AssigneeChangedError] },
    resolve: async (_root, { input }, { deps, viewer }) => ({
      conversation: await assignConversation(deps, viewer, input),
    }),
  },
  conversationPayload('The assigned conversation.'),
);

builder.relayMutationField(
  'takeOverConversation',
  {
    description: 'The conversation that a person takes over.',
    inputFields: (t) => ({
      id: t.id(conversationId),
      authorName: t.string({
        description:
          'The name of the person, 1 to 255 characters: the `actor` of the activity. If absent, that of the member who has signed in.',
      }),
      silentMinutes: t.int({
        description:
          'The minutes for which the chatbot is silent, 1 to 525,600; if absent, `HANDOFF_HOURS` (24 hours).',
      }),
    }),
  },
  {
    description:
      'Lets a person answer instead of the chatbot, without a message. The chatbot is silent for `silentMinutes` from now, also where a person answers already. A streaming reply is stopped, and waiting replies never begin. A CLOSED conversation becomes OPEN. Needs `MANAGE`.',
    authScopes: { MANAGE: true },
    errors: { types: [NotFoundError, InvalidInputError] },
    resolve: async (_root, { input }, { deps, viewer }) => ({
      conversation: await takeOverConversation(deps, viewer, input),
    }),
  },
  conversationPayload('The conversation, in which a person answers.'),
);

builder.relayMutationField(
  'sendAgentMessage',
  {
    description: 'A message of a person to the visitor, or a private note.',
    inputFields: (t) => ({
      conversationId: t.id(conversationId),
      content: t.string(messageContent),
      authorName: t.string({
        description:
          'The name of the person, shown to the visitor; 1 to 255 characters. If absent, that of the member who has signed in.',
      }),
      isPrivate: t.boolean({
        defaultValue: false,
        description:
          'True stores a private note: only viewers with `MANAGE` see it, and the chatbot continues to answer.',
      }),
      metadata: t.field({
        type: 'JSON',
        description: "Your application's data about the message, an object of at most 16 kB.",
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
    resolve: async (_root, { input }, context) =>
      reportReplay(await sendAgentMessage(context.deps, context.viewer, input), context),
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
    inputFields: (t) => ({ id: t.id(conversationId) }),
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
    inputFields: (t) => ({ id: t.id(conversationId) }),
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

const ReaderRole = builder.enumType('ReaderRole', {
  description: 'A party that reads the messages of the other side.',
  values: {
    USER: { description: 'The visitor, who reads the messages of the chatbot and of people.' },
    AGENT: { description: "The account's people, who read the messages of the visitor." },
  } satisfies Record<ReaderRoleName, object>,
});

builder.relayMutationField(
  'markConversationRead',
  {
    description: 'The conversation to mark as read.',
    inputFields: (t) => ({
      id: t.id(conversationId),
      by: t.field({
        type: ReaderRole,
        defaultValue: 'AGENT',
        description: 'The party that has read. AGENT needs `MANAGE`, USER needs `CHAT`.',
      }),
    }),
  },
  {
    description:
      'Marks the messages of the other side as read: `unreadCount` becomes 0, or `visitorUnreadCount` if the visitor has read. Needs `CHAT` or `MANAGE`.',
    authScopes: { $any: { CHAT: true, MANAGE: true } },
    sessionTarget: { argument: 'id', kind: 'conversation' },
    argumentScopes: ({ input: { by } }) => (by === 'USER' ? { CHAT: true } : { MANAGE: true }),
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
      authorName: t.string({
        description:
          'The name of the person who types, shown to the visitor; 1 to 255 characters. If absent, that of the member who has signed in. Only for AGENT.',
      }),
    }),
  },
  {
    description:
      'Sends `TypingChanged` to the subscribers of the conversation. The state is not stored, and ends 6 seconds after it was last set. A mutation of `setTyping` alone costs no request: typing indicators have a limit of their own, ten times that of requests. Needs `CHAT` or `MANAGE`.',
    authScopes: { $any: { CHAT: true, MANAGE: true } },
    sessionTarget: { argument: 'conversationId', kind: 'conversation' },
    argumentScopes: ({ input: { role } }) => (role === 'AGENT' ? { MANAGE: true } : { CHAT: true }),
    errors: { types: [NotFoundError, InvalidInputError] },
    resolve: async (_root, { input }, { deps, viewer }) => ({ conversation: await setTyping(deps, viewer, input) }),
  },
  conversationPayload('The conversation.'),
);
