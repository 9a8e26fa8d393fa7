import type {
  Citation,
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
} from '../../src/domain/errors.ts';
import { MAX_CITATIONS, MAX_FOLLOW_UPS } from '../../src/domain/limits.ts';
import { MAX_SIBLINGS } from '../../src/messages/fork.ts';
import { rateMessage } from '../../src/messages/rate-message.ts';
import { sendMessage } from '../../src/messages/send-message.ts';
import { stopMessage } from '../../src/messages/stop-message.ts';
import { currentTextOf } from '../../src/replies/current-text.ts';
import type { WhenBusy } from '../../src/replies/reply-queue.ts';
import { followedBy } from '../../src/store/loaders.ts';
import { builder, type FieldExtensions } from '../builder.ts';
import { ConversationRef, MessageRef } from '../conversations/conversation.ts';
import { Node } from '../node.ts';
import { itsConversation, itsNotice, itsReply, replyPayload, storedMessage } from '../payloads.ts';
import { parseForAnswer } from '../scalars.ts';
import { CONTENT } from '../scopes.ts';
import { PassageRef, SourceRef } from '../sources/source.ts';

const MessageRole = builder.enumType('MessageRole', {
  description: 'Who says a message.',
  values: {
    USER: { description: 'The visitor.' },
    ASSISTANT: { description: 'The chatbot.' },
    AGENT: { description: 'A person who answers in place of the chatbot.' },
    SYSTEM: { description: 'The gateway.' },
  } satisfies Record<MessageRoleName, object>,
});

const MessageStatus = builder.enumType('MessageStatus', {
  description: 'How far a message has come. The last four are ends.',
  values: {
    QUEUED: { description: 'A reply that waits for those before it in the conversation.' },
    STREAMING: { description: 'A reply that is being written.' },
    COMPLETED: { description: 'Whole.' },
    FAILED: { description: 'Could not be written to its end; `error` says why. What was written is kept.' },
    STOPPED: { description: 'Stopped on request. What was written is kept.' },
    INTERRUPTED: { description: 'The gateway stopped while it was being written. What was saved is kept.' },
  } satisfies Record<MessageStatusName, object>,
});

const Rating = builder.enumType('Rating', {
  description: 'What the visitor thinks of a reply.',
  values: {
    UP: { description: 'Helpful.' },
    DOWN: { description: 'Not helpful.' },
  } satisfies Record<RatingName, object>,
});

/** Evidence for a stretch of a reply. */
export const CitationRef = builder.objectRef<Citation>('Citation').implement({
  description: 'Evidence for a stretch of a reply: where it stands in the sources.',
  fields: (t) => ({
    passage: t.field({
      type: PassageRef,
      nullable: true,
      description: 'The passage; null when its source was deleted since.',
      resolve: async (citation, _args, { loaders }) => (await loaders.passage.load(citation.passageId)) ?? null,
    }),
    source: t.field({
      type: SourceRef,
      nullable: true,
      description: 'The source; null when it was deleted since.',
      resolve: async (citation, _args, { loaders }) => (await loaders.source.load(citation.sourceId)) ?? null,
    }),
    title: t.exposeString('title', { description: 'The title of the source when it was cited.' }),
    url: t.exposeString('url', { nullable: true, description: 'The address of the source; null when it has none.' }),
    quote: t.exposeString('quote', { description: 'The words of the passage that the reply rests on.' }),
    start: t.exposeInt('start', { description: 'Where the stretch begins in `content`, in UTF-16 code units.' }),
    end: t.exposeInt('end', { description: 'Where it ends, exclusive.' }),
  }),
});

MessageRef.implement({
  description: 'One thing said in a conversation.',
  interfaces: [Node],
  fields: (t) => ({
    conversation: t.field({
      type: ConversationRef,
      description: 'Where it was said.',
      resolve: async (message, _args, { loaders }) =>
        requireFound('Conversation', await loaders.conversation.load(message.conversationId)),
    }),
    role: t.expose('role', { type: MessageRole, description: 'Who says it.' }),
    status: t.expose('status', { type: MessageStatus, description: 'How far it has come.' }),
    content: t.string({
      authScopes: CONTENT,
      description: 'The text; of a reply under way, what there is so far. Needs `READ` or `CHAT`.',
      resolve: (message, _args, { deps }) => currentTextOf(deps, message).content,
    }),
    citations: t.field({
      type: [CitationRef],
      authScopes: CONTENT,
      description: `What the reply rests on, in the order of the text; at most ${MAX_CITATIONS}. Needs \`READ\` or \`CHAT\`.`,
      extensions: { listSize: () => MAX_CITATIONS } satisfies FieldExtensions,
      resolve: (message, _args, { deps }) => [...currentTextOf(deps, message).citations],
    }),
    rating: t.expose('rating', {
      type: Rating,
      nullable: true,
      authScopes: CONTENT,
      description: 'What the visitor thinks; null if unsaid. Needs `READ` or `CHAT`.',
    }),
    parent: t.field({
      type: MessageRef,
      nullable: true,
      authScopes: CONTENT,
      description:
        'What it follows: for a reply the question it answers, for others what was said before; null for the first. Needs `READ` or `CHAT`.',
      resolve: async (message, _args, { loaders }) =>
        message.parentId === null ? null : ((await loaders.message.load(message.parentId)) ?? null),
    }),
    siblings: t.field({
      type: [MessageRef],
      authScopes: CONTENT,
      description: `All versions of this message, itself among them, oldest first: what follows the same \`parent\`. At most ${MAX_SIBLINGS}. Needs \`READ\` or \`CHAT\`.`,
      extensions: { listSize: () => MAX_SIBLINGS } satisfies FieldExtensions,
      resolve: (message, _args, { loaders }) => loaders.following.load(followedBy(message)),
    }),
    isShown: t.exposeBoolean('isShown', {
      description: 'Whether it stands on the branch that its conversation shows.',
    }),
    isPrivate: t.exposeBoolean('isPrivate', {
      description: 'Whether it is a note between people: others than those with `MANAGE` never see one.',
    }),
    authorName: t.exposeString('authorName', {
      nullable: true,
      description: "Who wrote it: the name that came with a person's message; else null.",
    }),
    followUps: t.field({
      type: ['String'],
      authScopes: CONTENT,
      description: `What the visitor may want to ask next, where the chatbot suggests that: see \`FollowUpsSuggested\`. At most ${MAX_FOLLOW_UPS}. Needs \`READ\` or \`CHAT\`.`,
      extensions: { listSize: () => MAX_FOLLOW_UPS } satisfies FieldExtensions,
      resolve: ({ followUps }) => [...followUps],
    }),
    metadata: t.field({
      type: 'JSON',
      authScopes: CONTENT,
      description: 'Free data that came with it; an object. Needs `READ` or `CHAT`.',
      resolve: (message) => parseForAnswer(message.metadata),
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was sent, or its turn was booked.' }),
    completedAt: t.expose('completedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it ended; null before that.',
    }),
  }),
});

const WhenBusyRef = builder.enumType('WhenBusy', {
  description: 'What a message means while a reply is under way in its conversation.',
  values: {
    ENQUEUE: { description: 'Its reply waits for its turn.' },
    REJECT: { description: 'It is refused.' },
    INTERRUPT: {
      description:
        'It is answered next: the reply under way is stopped and keeps what it has, and those that wait are stopped before they begin.',
    },
  } satisfies Record<WhenBusy, object>,
});

/** What to do while a reply is under way, as an input field. */
export const whenBusy = {
  type: WhenBusyRef,
  defaultValue: 'ENQUEUE',
  description: 'What to do while a reply is under way in the conversation.',
} as const;

/** The text of a message, as an input field. */
export const messageContent = {
  required: true,
  description: 'The message: 1 to 8,000 characters after trimming, no NUL.',
} as const;

/** The errors of a mutation that asks for a reply. */
export const REPLY_ERRORS = [
  NotFoundError,
  InvalidInputError,
  ChatbotPausedError,
  ConversationBusyError,
  IdempotencyConflictError,
  QuotaExceededError,
];

builder.relayMutationField(
  'sendMessage',
  {
    description: 'What to say, and where: exactly one of `chatbotId` and `conversationId`.',
    inputFields: (t) => ({
      chatbotId: t.id({
        description: 'Starts a conversation with this chatbot, or finds the one named by `sessionId`.',
      }),
      conversationId: t.id({ description: 'Goes on with this conversation.' }),
      sessionId: t.string({
        description:
          'Names a conversation within the chatbot, 1 to 255 characters; absent: a new one. Only with `chatbotId`.',
      }),
      clientMessageId: t.string({
        description:
          'An id of your own for this message, 1 to 255 characters: sent again with the same id within 24 hours, it is answered again and not stored again.',
      }),
      whenBusy: t.field(whenBusy),
      content: t.string(messageContent),
      metadata: t.field({
        type: 'JSON',
        description: 'Free data, an object of at most 16 kB; kept with the message, and with a conversation it begins.',
      }),
    }),
  },
  {
    description:
      'Sends a message and returns at once; the reply is written in the background, one at a time in a conversation. Follow it with `messageStream`. Needs `CHAT`.',
    authScopes: { CHAT: true },
    errors: { types: REPLY_ERRORS },
    resolve: (_root, { input }, { deps, viewer, request }) => sendMessage(deps, viewer, request.channel, input),
  },
  {
    description: 'What was sent, and the reply that it gets.',
    outputFields: (t) => ({
      conversation: t.expose('conversation', itsConversation),
      userMessage: t.expose('userMessage', storedMessage),
      reply: t.expose('reply', itsReply),
      notice: t.exposeString('notice', itsNotice),
    }),
  },
);

builder.relayMutationField(
  'stopMessage',
  {
    description: 'What to stop.',
    inputFields: (t) => ({ messageId: t.id({ required: true, description: 'The reply.' }) }),
  },
  {
    description:
      'Stops a reply: one that is being written keeps what it has, one that waits is never begun. One that has ended stays as it is. Needs `CHAT`.',
    authScopes: { CHAT: true },
    errors: { types: [NotFoundError] },
    resolve: async (_root, { input }, { deps, viewer }) => ({ reply: await stopMessage(deps, viewer, input) }),
  },
  replyPayload('What was stopped.', 'The reply as it stands now.'),
);

builder.relayMutationField(
  'rateMessage',
  {
    description: 'What to rate, and how.',
    inputFields: (t) => ({
      messageId: t.id({ required: true, description: 'The reply.' }),
      rating: t.field({ type: Rating, required: true, description: 'What the visitor thinks of it.' }),
    }),
  },
  {
    description: 'Keeps what the visitor thinks of a reply; the last rating counts. Needs `CHAT`.',
    authScopes: { CHAT: true },
    errors: { types: [NotFoundError, InvalidInputError] },
    resolve: async (_root, { input }, { deps, viewer }) => ({ reply: await rateMessage(deps, viewer, input) }),
  },
  replyPayload('What was rated.', 'The reply with its rating.'),
);
