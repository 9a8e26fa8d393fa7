import { answererOf } from '../../src/conversations/handoff.ts';
import { canSeePrivateNotes } from '../../src/conversations/visibility.ts';
import type {
  Answerer as AnswererName,
  Channel as ChannelName,
  Conversation,
  ConversationStatus as ConversationStatusName,
  Message,
} from '../../src/domain/entities.ts';
import { BadUserInputError, requireFound } from '../../src/domain/errors.ts';
import { parseId } from '../../src/domain/ids.ts';
import { clientIdText } from '../../src/domain/input.ts';
import { countBranchMessages, listBranchMessages } from '../../src/store/branches.ts';
import { findConversationBySession } from '../../src/store/conversations.ts';
import { listMessages } from '../../src/store/messages.ts';
import { builder } from '../builder.ts';
import { ChatbotRef } from '../chatbots/chatbot.ts';
import { defineConnection, pageExtensions, paginate } from '../connection.ts';
import { Node } from '../node.ts';
import { parseForResponse } from '../scalars.ts';
import { CONTENT_SCOPES } from '../scopes.ts';

/** The status of a conversation. */
export const ConversationStatus = builder.enumType('ConversationStatus', {
  description: 'The status of a conversation.',
  values: {
    OPEN: { description: 'An open conversation.' },
    ESCALATED: { description: 'An open conversation for which a person was requested.' },
    CLOSED: { description: 'A closed conversation. The next message of the visitor or of a person makes it OPEN.' },
  } satisfies Record<ConversationStatusName, object>,
});

/** The party that answers. */
export const Answerer = builder.enumType('Answerer', {
  description: 'The role that answers the visitor of a conversation.',
  values: {
    ASSISTANT: { description: 'The chatbot answers.' },
    AGENT: { description: 'A person answers; the chatbot is silent.' },
  } satisfies Record<AnswererName, object>,
});

/** The channel that a conversation came from. */
export const Channel = builder.enumType('Channel', {
  description: 'The channel through which a conversation started.',
  values: {
    API: { description: 'The REST API.' },
    GRAPHQL: { description: 'The GraphQL API.' },
    CHAT_PAGE: { description: 'The chat page of the chatbot, `/chat/<slug>`.' },
  } satisfies Record<ChannelName, object>,
});

/** A conversation. */
export const ConversationRef = builder.objectRef<Conversation>('Conversation');

/** A message. `message.ts` defines its fields. */
export const MessageRef = builder.objectRef<Message>('Message');

ConversationRef.implement({
  description: 'A conversation of one visitor with one chatbot, and with the people who answer instead of the chatbot.',
  interfaces: [Node],
  fields: (t) => ({
    chatbot: t.field({
      type: ChatbotRef,
      sessions: true,
      description: 'The chatbot of the conversation.',
      resolve: async (conversation, _args, { loaders }) =>
        requireFound('Chatbot', await loaders.chatbot.load(conversation.chatbotId)),
    }),
    sessionId: t.exposeString('sessionId', {
      authScopes: CONTENT_SCOPES,
      sessions: true,
      description:
        'The name that the client gave the conversation, or a generated one; unique within the chatbot. Needs `READ` or `CHAT`.',
    }),
    channel: t.expose('channel', {
      type: Channel,
      sessions: true,
      description: 'The channel through which the conversation started.',
    }),
    status: t.expose('status', {
      type: ConversationStatus,
      sessions: true,
      description: 'The status of the conversation.',
    }),
    answeredBy: t.field({
      type: Answerer,
      sessions: true,
      description: 'The party that answers the next message of the visitor.',
      resolve: (conversation, _args, { deps }) => answererOf(conversation, deps.clock.now()),
    }),
    silentUntil: t.field({
      type: 'DateTime',
      nullable: true,
      sessions: true,
      description:
        'The time until which the chatbot is silent because a person has answered; null while the chatbot answers.',
      resolve: (conversation, _args, { deps }) =>
        answererOf(conversation, deps.clock.now()) === 'AGENT' ? conversation.silentUntil : null,
    }),
    assignee: t.exposeString('assignee', {
      nullable: true,
      sessions: true,
      description:
        'The person assigned to the conversation, as named by your systems, or the name that the assigned member had; null if nobody is.',
    }),
    escalatedAt: t.expose('escalatedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'The time of the first escalation; null if never escalated.',
    }),
    escalationReason: t.exposeString('escalationReason', {
      nullable: true,
      authScopes: CONTENT_SCOPES,
      description: 'The reason of the last escalation; null if none was given. Needs `READ` or `CHAT`.',
    }),
    metadata: t.field({
      type: 'JSON',
      authScopes: CONTENT_SCOPES,
      description:
        "Your application's data about the conversation, the `metadata` of its first message; an object, which may be empty. Needs `READ` or `CHAT`.",
      resolve: (conversation) => parseForResponse(conversation.metadata),
    }),
    createdAt: t.expose('createdAt', {
      type: 'DateTime',
      sessions: true,
      description: 'The time of the first message.',
    }),
  }),
});

builder.objectFields(ConversationRef, (t) => ({
  lastMessage: t.field({
    type: MessageRef,
    nullable: true,
    authScopes: CONTENT_SCOPES,
    sessions: true,
    description: 'The newest message of the selected branch; null if there is none. Needs `READ` or `CHAT`.',
    args: {
      includeNotes: t.arg.boolean({
        defaultValue: false,
        description: 'True includes private notes, which need `MANAGE` too.',
      }),
      includeUnfinished: t.arg.boolean({
        defaultValue: false,
        description: 'True includes replies that are QUEUED or STREAMING.',
      }),
    },
    resolve: async ({ id: conversationId }, { includeNotes, includeUnfinished }, { loaders }) => {
      const filter = { withNotes: includeNotes === true, withUnfinished: includeUnfinished === true };
      return (await loaders.lastMessage.load({ conversationId, ...filter })) ?? null;
    },
  }),
  lastVisitorMessage: t.field({
    type: MessageRef,
    nullable: true,
    authScopes: CONTENT_SCOPES,
    sessions: true,
    description:
      'The newest message of the visitor on the selected branch; null if there is none. Needs `READ` or `CHAT`.',
    resolve: async ({ id: conversationId }, _args, { loaders }) => {
      const filter = { withNotes: false, withUnfinished: false, role: 'USER' } as const;
      return (await loaders.lastMessage.load({ conversationId, ...filter })) ?? null;
    },
  }),
}));

/** The functions that list and count nothing. */
const EMPTY = [async () => [], async () => 0] as const;

/** A page of messages. */
export const MessageConnection = defineConnection(MessageRef);

builder.objectField(ConversationRef, 'messages', (t) =>
  t.connection(
    {
      type: MessageRef,
      authScopes: CONTENT_SCOPES,
      sessions: true,
      description:
        'The messages of one branch, oldest first, and the private notes among them. Private notes need `MANAGE` too. Needs `READ` or `CHAT`.',
      args: {
        branch: t.arg.id({
          description:
            'The id of any message: its branch is listed as `selectBranch` would show it, without being selected. An id that is not of a message of this conversation gives an empty list. If absent, the selected branch is listed.',
        }),
        includeNotes: t.arg.boolean({ defaultValue: true, description: 'False leaves private notes out.' }),
      },
      extensions: pageExtensions,
      async resolve(conversation, { branch: branchId, includeNotes, ...args }, { deps, viewer, loaders }) {
        const { id: conversationId } = conversation;
        const { accountId } = viewer;
        const { read: db } = deps.db;
        const withNotes = includeNotes !== false && canSeePrivateNotes(viewer);
        const messageId = branchId == null ? undefined : parseId('message', branchId);
        const message = messageId === undefined ? undefined : await loaders.message.load(messageId);
        if (branchId != null && message?.conversationId !== conversationId) return paginate('message', args, ...EMPTY);
        if (message !== undefined && !message.isShown) {
          const branch = { message, withNotes };
          return paginate(
            'message',
            args,
            (page) => listBranchMessages(db, accountId, branch, page),
            () => countBranchMessages(db, accountId, branch),
          );
        }
        const values = { is_shown: 1, is_private: withNotes ? undefined : 0 };
        return paginate(
          'message',
          args,
          (page) => listMessages(db, accountId, { conversationId, withNotes }, page),
          () => loaders.rowCount.load({ table: 'messages', values, ownerId: conversationId }),
        );
      },
    },
    MessageConnection,
  ),
);

/** A page of conversations. */
export const ConversationConnection = defineConnection(ConversationRef);

const ConversationSession = builder.inputType('ConversationSession', {
  description: 'The name of a conversation within its chatbot.',
  fields: (t) => ({
    chatbotId: t.id({ required: true, description: 'The id of the chatbot.' }),
    sessionId: t.string({ required: true, description: 'The `sessionId` of the conversation.' }),
  }),
});

builder.queryField('conversation', (t) =>
  t.field({
    type: ConversationRef,
    nullable: true,
    allowsRestricted: true,
    authScopes: CONTENT_SCOPES,
    sessionTarget: { argument: 'id', kind: 'conversation' },
    description:
      'Finds a conversation; null if there is none. Exactly one of `id` and `session` is required. Needs `READ` or `CHAT`.',
    args: {
      id: t.arg.id({ description: 'The id of the conversation.' }),
      session: t.arg({ type: ConversationSession, description: 'The name of the conversation within its chatbot.' }),
    },
    resolve: async (_root, { id: text, session }, { deps, viewer, loaders }) => {
      if ((text == null) === (session == null)) throw new BadUserInputError('Give exactly one of `id` and `session`.');
      if (session == null) {
        const id = parseId('conversation', text ?? '');
        return (id && (await loaders.conversation.load(id))) || null;
      }
      const chatbotId = parseId('chatbot', session.chatbotId);
      const { data: sessionId } = clientIdText.safeParse(session.sessionId);
      if (chatbotId === undefined || sessionId === undefined) return null;
      // The rows of a deleted chatbot remain until their removal.
      if ((await loaders.chatbot.load(chatbotId)) === undefined) return null;
      return (await findConversationBySession(deps.db.read, viewer.accountId, chatbotId, sessionId)) ?? null;
    },
  }),
);
