import type {
  MessageRole as MessageRoleName,
  MessageStatus as MessageStatusName,
  Rating as RatingName,
} from '../../src/domain/entities.ts';
import {
  ChatbotPausedError,
  ConversationBusyError,
  IdempotencyConflictError,
  InvalidInputError,
  NotFoundError,
  QuotaExceededError,
  requireFound,
  VisitorBlockedError,
} from '../../src/domain/errors.ts';
import { parseId } from '../../src/domain/ids.ts';
import { MAX_CITATIONS, MAX_FOLLOW_UPS } from '../../src/domain/shared-limits.ts';
import { sendMessage } from '../../src/messages/send-message.ts';
import { stopMessage } from '../../src/messages/stop-message.ts';
import { currentTextOf } from '../../src/replies/current-text.ts';
import type { WhenBusy } from '../../src/replies/enqueue-reply.ts';
import { builder, type FieldExtensions } from '../builder.ts';
import { reportReplay } from '../context.ts';
import { ConversationRef, MessageRef } from '../conversations/conversation.ts';
import { Node } from '../node.ts';
import { conversationField, noticeField, replyField, replyPayload, storedMessageField } from '../payloads.ts';
import { parseForResponse } from '../scalars.ts';
import { CONTENT_SCOPES } from '../scopes.ts';
import { VisitorInput } from '../visitors/visitor-input.ts';
import { CitationRef } from './citation.ts';

const MessageRole = builder.enumType('MessageRole', {
  description: 'The author of a message.',
  values: {
    USER: { description: 'A visitor.' },
    ASSISTANT: { description: 'The chatbot.' },
    AGENT: { description: 'A person who answers instead of the chatbot.' },
    SYSTEM: { description: 'The gateway itself.' },
  } satisfies Record<MessageRoleName, object>,
});

const MessageStatus = builder.enumType('MessageStatus', {
  description: 'The state of a message. All states except QUEUED and STREAMING are final.',
  values: {
    QUEUED: { description: 'A reply that waits for earlier replies of its conversation.' },
    STREAMING: { description: 'A reply that is being written now.' },
    COMPLETED: { description: 'A complete message.' },
    FAILED: { description: 'A reply that failed, see `error`. It keeps the text written so far.' },
    STOPPED: { description: 'A reply that was stopped on request. It keeps the text written so far.' },
    INTERRUPTED: {
      description: 'A reply that was being written when its gateway process ended. It keeps the text saved so far.',
    },
  } satisfies Record<MessageStatusName, object>,
});

/** The rating of a message. */
export const Rating = builder.enumType('Rating', {
  description: "The visitor's rating of a reply or a person's message.",
  values: {
    UP: { description: 'A helpful reply.' },
    DOWN: { description: 'An unhelpful reply.' },
  } satisfies Record<RatingName, object>,
});

MessageRef.implement({
  description: 'A message of a conversation.',
  interfaces: [Node],
  fields: (t) => ({
    conversation: t.field({
      type: ConversationRef,
      sessions: true,
      description: 'The conversation of the message.',
      resolve: async (message, _args, { loaders }) =>
        requireFound('Conversation', await loaders.conversation.load(message.conversationId)),
    }),
    role: t.expose('role', { type: MessageRole, sessions: true, description: 'The author of the message.' }),
    status: t.expose('status', { type: MessageStatus, sessions: true, description: 'The state of the message.' }),
    content: t.string({
      authScopes: CONTENT_SCOPES,
      sessions: true,
      description: 'The text; for an unfinished reply, the text written so far. Needs `READ` or `CHAT`.',
      resolve: (message, _args, { deps }) => currentTextOf(deps, message).content,
    }),
    citations: t.field({
      type: [CitationRef],
      authScopes: CONTENT_SCOPES,
      sessions: true,
      description: `The evidence of a reply, in the order of the text; at most ${MAX_CITATIONS}. Needs \`READ\` or \`CHAT\`.`,
      extensions: { listSize: () => MAX_CITATIONS } satisfies FieldExtensions,
      resolve: (message, _args, { deps }) =>
        currentTextOf(deps, message).citations.map((citation, index) => ({
          ...citation,
          messageId: message.id,
          index,
        })),
    }),
    rating: t.expose('rating', {
      type: Rating,
      nullable: true,
      authScopes: CONTENT_SCOPES,
      sessions: true,
      description: "The visitor's rating of a reply or a person's message; null if not rated. Needs `READ` or `CHAT`.",
    }),
    parent: t.field({
      type: MessageRef,
      nullable: true,
      authScopes: CONTENT_SCOPES,
      sessions: true,
      description:
        'The user message that this reply answers, or the previous message; null for the first message and for private notes. Needs `READ` or `CHAT`.',
      resolve: async (message, _args, { loaders }) =>
        message.parentId === null ? null : ((await loaders.message.load(message.parentId)) ?? null),
    }),
    isShown: t.exposeBoolean('isShown', {
      sessions: true,
      description: 'True if the message is on the selected branch of its conversation.',
    }),
    isPrivate: t.exposeBoolean('isPrivate', {
      sessions: true,
      description: 'True for a private note of a person. Only viewers with `MANAGE` see private notes.',
    }),
    authorName: t.exposeString('authorName', {
      nullable: true,
      sessions: true,
      description: 'The name of the person who wrote an AGENT message; null if none was given, and for other roles.',
    }),
  }),
});

builder.objectFields(MessageRef, (t) => ({
  followUps: t.field({
    type: ['String'],
    authScopes: CONTENT_SCOPES,
    sessions: true,
    description: `Suggested next questions, if \`suggestsFollowUps\` of the chatbot is true: see \`FollowUpsSuggested\`. At most ${MAX_FOLLOW_UPS}. Needs \`READ\` or \`CHAT\`.`,
    extensions: { listSize: () => MAX_FOLLOW_UPS } satisfies FieldExtensions,
    resolve: ({ followUps }) => [...followUps],
  }),
  metadata: t.field({
    type: 'JSON',
    authScopes: CONTENT_SCOPES,
    description:
      "Your application's data about the message, as sent with it; an object, which may be empty. Needs `READ` or `CHAT`.",
    resolve: (message) => parseForResponse(message.metadata),
  }),
  createdAt: t.expose('createdAt', {
    type: 'DateTime',
    sessions: true,
    description: 'The time when the message was stored; for a reply, when it was requested.',
  }),
  completedAt: t.expose('completedAt', {
    type: 'DateTime',
    nullable: true,
    sessions: true,
    description: 'The time when the message was complete; for a reply, when it ended. Null until then.',
  }),
  updatedAt: t.expose('updatedAt', {
    type: 'DateTime',
    sessions: true,
    description:
      'The time of the last change: when the message was stored, when a reply ended, or when its text, rating or follow-ups last changed.',
  }),
}));

const WhenBusyRef = builder.enumType('WhenBusy', {
  description: 'The handling of a message to a conversation with an unfinished reply.',
  values: {
    ENQUEUE: { description: 'The new reply waits until earlier replies have ended.' },
    REJECT: { description: 'The message is refused with `ConversationBusyError`.' },
    INTERRUPT: {
      description:
        'The new reply is next. The streaming reply is stopped and keeps its text; waiting replies are stopped before they begin.',
    },
  } satisfies Record<WhenBusy, object>,
});

/** The input field that chooses what happens to a message while a reply is in progress. */
export const whenBusy = {
  type: WhenBusyRef,
  defaultValue: 'ENQUEUE',
  description: 'The handling of the message while the conversation has an unfinished reply.',
} as const;

/** The text of a message, as an input field. */
export const messageContent = {
  required: true,
  description: 'The text: 1 to `MAX_MESSAGE_CHARS` characters (8,000 by default) after trimming, without NUL.',
} as const;

/** The errors of a mutation that requests a reply. */
export const REPLY_ERRORS = [
  NotFoundError,
  InvalidInputError,
  ChatbotPausedError,
  ConversationBusyError,
  IdempotencyConflictError,
  QuotaExceededError,
  VisitorBlockedError,
];

builder.relayMutationField(
  'sendMessage',
  {
    description: "A visitor's message. Exactly one of `chatbotId` and `conversationId` is required.",
    inputFields: (t) => ({
      chatbotId: t.id({
        description:
          'The chatbot: the message goes to the conversation named by `sessionId`, which is created if it does not exist.',
      }),
      conversationId: t.id({ description: 'The conversation that the message continues.' }),
      sessionId: t.string({
        description:
          'The name of a conversation of the chatbot, 1 to 255 characters; if absent, a new conversation starts. Only with `chatbotId`.',
      }),
      clientMessageId: t.string({
        description:
          'An idempotency key of 1 to 255 characters. A repeated request with the same key within 24 hours returns the first result and stores nothing.',
      }),
      whenBusy: t.field(whenBusy),
      content: t.string(messageContent),
      visitor: t.field({
        type: VisitorInput,
        description:
          'The visitor who speaks; only with an API key. If absent, the conversation keeps the visitor it has.',
      }),
      metadata: t.field({
        type: 'JSON',
        description:
          "Your application's data about the message, an object of at most 16 kB, stored with the message and with a conversation that it starts.",
      }),
    }),
  },
  {
    description:
      "Sends a visitor's message and returns as soon as it is stored. The gateway writes the reply in the background, one reply at a time in each conversation; `messageStream` streams it. A CLOSED conversation becomes OPEN. Needs `CHAT`.",
    allowsRestricted: true,
    authScopes: { CHAT: true },
    sessionTarget: { argument: 'conversationId', kind: 'conversation', chatbotArgument: 'chatbotId' },
    errors: { types: REPLY_ERRORS },
    resolve: async (_root, { input }, context) =>
      reportReplay(await sendMessage(context.deps, context.viewer, context.request.channel, input), context),
  },
  {
    description: 'The stored message and its reply.',
    outputFields: (t) => ({
      conversation: t.expose('conversation', conversationField),
      userMessage: t.expose('userMessage', storedMessageField),
      reply: t.expose('reply', replyField),
      notice: t.exposeString('notice', noticeField),
    }),
  },
);

builder.relayMutationField(
  'stopMessage',
  {
    description: 'The reply to stop.',
    inputFields: (t) => ({ id: t.id({ required: true, description: 'The id of the reply.' }) }),
  },
  {
    description:
      'Stops a reply. A streaming reply keeps its text, a waiting reply never begins, and a finished reply does not change. Needs `CHAT`.',
    authScopes: { CHAT: true },
    sessionTarget: { argument: 'id', kind: 'message' },
    errors: { types: [NotFoundError] },
    resolve: async (_root, { input }, { deps, viewer }) => ({ reply: await stopMessage(deps, viewer, input) }),
  },
  replyPayload('The stopped reply.', 'The reply in its current state.'),
);

builder.queryField('message', (t) =>
  t.field({
    type: MessageRef,
    nullable: true,
    authScopes: CONTENT_SCOPES,
    sessionTarget: { argument: 'id', kind: 'message' },
    description:
      'Finds a message by its id; null if there is none. Private notes need `MANAGE` too. Needs `READ` or `CHAT`.',
    args: { id: t.arg.id({ required: true, description: 'The id of the message.' }) },
    resolve: async (_root, args, { loaders }) => {
      const id = parseId('message', args.id);
      return (id && (await loaders.message.load(id))) || null;
    },
  }),
);
