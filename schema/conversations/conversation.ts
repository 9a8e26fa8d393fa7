import { answererOf } from '../../src/conversations/handoff.ts';
import { canSeePrivateNotes } from '../../src/conversations/visibility.ts';
import type {
  Answerer as AnswererName,
  Channel as ChannelName,
  Conversation,
  ConversationStatus as ConversationStatusName,
  Message,
} from '../../src/domain/entities.ts';
import { requireFound } from '../../src/domain/errors.ts';
import { parseId } from '../../src/domain/ids.ts';
import { listMessages } from '../../src/store/messages.ts';
import { builder } from '../builder.ts';
import { ChatbotRef } from '../chatbots/chatbot.ts';
import { pageExtensions, paginate } from '../connection.ts';
import { Node } from '../node.ts';
import { parseForAnswer } from '../scalars.ts';
import { CONTENT } from '../scopes.ts';

const ConversationStatus = builder.enumType('ConversationStatus', {
  description: 'Where a conversation stands.',
  values: {
    OPEN: { description: 'The chatbot answers.' },
    ESCALATED: { description: 'A person is asked for.' },
    CLOSED: { description: 'Ended; the next message opens it again.' },
  } satisfies Record<ConversationStatusName, object>,
});

const Answerer = builder.enumType('Answerer', {
  description: 'Who answers the visitor of a conversation.',
  values: {
    AI: { description: 'The chatbot.' },
    PERSON: { description: 'A person, who has answered in its place; the chatbot is silent.' },
  } satisfies Record<AnswererName, object>,
});

/** The way a conversation came in. */
export const Channel = builder.enumType('Channel', {
  description: 'The way a conversation came in.',
  values: {
    API: { description: 'The REST API.' },
    GRAPHQL: { description: 'GraphQL.' },
    CHAT_PAGE: { description: "The chatbot's own page." },
    WIDGET: { description: 'The widget on a website.' },
  } satisfies Record<ChannelName, object>,
});

/** A conversation. */
export const ConversationRef = builder.objectRef<Conversation>('Conversation');

/** A message; its fields are in `message.ts`. */
export const MessageRef = builder.objectRef<Message>('Message');

ConversationRef.implement({
  description: 'What one visitor and one chatbot say to each other.',
  interfaces: [Node],
  fields: (t) => ({
    chatbot: t.field({
      type: ChatbotRef,
      description: 'The chatbot that the visitor talks to.',
      resolve: async (conversation, _args, { loaders }) =>
        requireFound('Chatbot', await loaders.chatbot.load(conversation.chatbotId)),
    }),
    sessionId: t.exposeString('sessionId', {
      authScopes: CONTENT,
      description: 'What clients name it by; unique within the chatbot. Needs `READ` or `CHAT`.',
    }),
    channel: t.expose('channel', { type: Channel, description: 'The way it came in.' }),
    status: t.expose('status', { type: ConversationStatus, description: 'Where it stands.' }),
    answeredBy: t.field({
      type: Answerer,
      description: "Who answers the visitor's next message.",
      resolve: (conversation, _args, { deps }) => answererOf(conversation, deps.clock.now()),
    }),
    silentUntil: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'Until when the chatbot is silent because a person has answered; null when it answers.',
      resolve: (conversation, _args, { deps }) =>
        answererOf(conversation, deps.clock.now()) === 'PERSON' ? conversation.silentUntil : null,
    }),
    assignee: t.exposeString('assignee', {
      nullable: true,
      description: 'The person who takes care of it, as your own systems name them; null for nobody.',
    }),
    escalatedAt: t.expose('escalatedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When a person was first asked for; null if never.',
    }),
    escalationReason: t.exposeString('escalationReason', {
      nullable: true,
      authScopes: CONTENT,
      description: 'Why a person was asked for the last time; null when no reason was given. Needs `READ` or `CHAT`.',
    }),
    unreadCount: t.exposeInt('unreadCount', {
      description: "The visitor's messages since a person answered or `markConversationRead` was called.",
    }),
    metadata: t.field({
      type: 'JSON',
      authScopes: CONTENT,
      description: 'The metadata of the message that began it; an object. Needs `READ` or `CHAT`.',
      resolve: (conversation) => parseForAnswer(conversation.metadata),
    }),
    lastMessage: t.field({
      type: MessageRef,
      nullable: true,
      authScopes: CONTENT,
      description:
        'The newest message that it shows, a reply under way included; null when there is none. Needs `READ` or `CHAT`.',
      resolve: async (conversation, _args, { loaders }) => (await loaders.lastMessage.load(conversation.id)) ?? null,
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it began.' }),
    updatedAt: t.expose('updatedAt', { type: 'DateTime', description: 'When the last message was sent.' }),
    messages: t.connection(
      {
        type: MessageRef,
        authScopes: CONTENT,
        description: 'What was said on the branch that the conversation shows, oldest first. Needs `READ` or `CHAT`.',
        extensions: pageExtensions,
        resolve: (conversation, args, { deps, viewer }) =>
          paginate('message', args, (page) =>
            listMessages(
              deps.db.read,
              viewer.accountId,
              { conversationId: conversation.id, withNotes: canSeePrivateNotes(viewer) },
              page,
            ),
          ),
      },
      { name: 'ConversationMessagesConnection', description: 'A page of messages.' },
      { name: 'ConversationMessagesConnectionEdge', description: 'A message and its place in the list.' },
    ),
  }),
});

builder.objectField(ChatbotRef, 'conversations', (t) =>
  t.connection(
    {
      type: ConversationRef,
      authScopes: { READ: true },
      description: 'Its conversations, newest first.',
      args: { status: t.arg({ type: ConversationStatus, description: 'Only conversations that stand so.' }) },
      extensions: pageExtensions,
      resolve: (chatbot, { status, ...args }, { loaders }) =>
        paginate('conversation', args, (page) =>
          loaders.conversationsOf.load({ chatbotId: chatbot.id, status: status ?? undefined, page }),
        ),
    },
    { name: 'ChatbotConversationsConnection', description: "A page of a chatbot's conversations." },
    { name: 'ChatbotConversationsConnectionEdge', description: 'A conversation and its place in the list.' },
  ),
);

builder.queryField('conversation', (t) =>
  t.field({
    type: ConversationRef,
    nullable: true,
    authScopes: { READ: true },
    description: 'One conversation; null when there is none.',
    args: { id: t.arg.id({ required: true, description: 'Its id.' }) },
    resolve: async (_root, args, { loaders }) => {
      const id = parseId('conversation', args.id);
      return (id && (await loaders.conversation.load(id))) || null;
    },
  }),
);
