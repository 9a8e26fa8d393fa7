import type {
  BranchSelectedEvent,
  CitationAddedEvent,
  ConversationChangedEvent,
  ConversationDeletedEvent,
  ConversationEvent,
  FollowUpsSuggestedEvent,
  LeadCapturedEvent,
  MessageDeletedEvent,
  MessageDeltaEvent,
  MessageStageEvent,
  MessageUpdatedEvent,
  StreamGapEvent,
  StreamReadyEvent,
  TypingChangedEvent,
} from '../../src/domain/events.ts';
import { subscribeToAccount } from '../../src/streams/account-stream.ts';
import { subscribeToChatbot } from '../../src/streams/chatbot-stream.ts';
import { subscribeToConversation } from '../../src/streams/conversation-stream.ts';
import { subscribeToMessage } from '../../src/streams/message-stream.ts';
import { builder } from '../builder.ts';
import { LeadRef } from '../chatbots/lead.ts';
import { CitationRef } from '../messages/citation.ts';
import { actorField, ConversationChange } from './activity.ts';
import { ConversationRef, MessageRef } from './conversation.ts';
import { TypingRole } from './handoff.ts';

const ConversationEventRef = builder.interfaceRef<ConversationEvent>('ConversationEvent').implement({
  description: 'An event of a conversation. Each event is complete without earlier ones.',
  resolveType: ({ type }) => type,
  fields: (t) => ({
    cursor: t.string({
      description: 'The signed position after this event. Pass it as `after` to resume the same stream from here.',
      resolve: ({ cursor }) => cursor(),
    }),
    at: t.expose('at', { type: 'DateTime', description: 'The time of the event.' }),
    chatbotId: t.exposeID('chatbotId', {
      nullable: true,
      description: 'The id of the chatbot; null in `StreamReady` and `StreamGap` of `accountEvents`.',
    }),
    conversationId: t.exposeID('conversationId', {
      nullable: true,
      description:
        'The id of the conversation; null in the events of `chatbotEvents` and `accountEvents` that are about the whole stream or a whole chatbot: `StreamReady`, `StreamGap`, `ConversationDeleted`.',
    }),
    conversation: t.field({
      type: ConversationRef,
      nullable: true,
      description:
        'The conversation in its current state; null where `conversationId` is null, and when the conversation is deleted.',
      resolve: async (event, _args, { loaders }) => {
        if (event.type === 'ConversationChanged') return event.conversation;
        if (event.conversationId === null || event.type === 'ConversationDeleted') return null;
        return (await loaders.conversation.load(event.conversationId)) ?? null;
      },
    }),
  }),
});

const messageField = { type: MessageRef, description: 'The message in its current state.' } as const;

builder.objectRef<MessageStageEvent>('MessageCreated').implement({
  description:
    'A new message is at the end of the selected branch, or a private note was written. A reply may still be QUEUED or STREAMING.',
  interfaces: [ConversationEventRef],
  fields: (t) => ({
    message: t.expose('message', messageField),
    replaces: t.field({
      type: MessageRef,
      nullable: true,
      description:
        'The first message that the selected branch no longer contains: the message of which this one is a new version. Remove it and all messages after it, except private notes, then append `message`. Null if nothing is replaced.',
      resolve: async ({ message }, _args, { loaders }) =>
        (message.replacesId !== null && (await loaders.message.load(message.replacesId))) || null,
    }),
  }),
});

type MessageEvent = MessageStageEvent | MessageUpdatedEvent | BranchSelectedEvent | FollowUpsSuggestedEvent;

const MESSAGE_EVENTS: Record<Exclude<MessageEvent['type'], 'MessageCreated'>, string> = {
  MessageStarted: 'A QUEUED reply has begun: it is STREAMING.',
  MessageCompleted: 'A reply is complete. The last event of its `messageStream`.',
  MessageFailed: 'A reply has failed. The last event of its `messageStream`.',
  MessageStopped: 'A reply was stopped on request and keeps its text. The last event of its `messageStream`.',
  MessageInterrupted: 'A reply ended because its gateway process ended. The last event of its `messageStream`.',
  MessageUpdated: 'The rating of a message, or the text of an AGENT message has changed.',
  BranchSelected:
    'The branch of this message was selected, or a new version on it replaced a message that has been deleted since. Clients read `messages` of the conversation again.',
  FollowUpsSuggested:
    'Suggested next questions are in `followUps` of the reply. The event follows the end of the reply, so `messageStream` does not send it.',
};

for (const [name, description] of Object.entries(MESSAGE_EVENTS)) {
  builder.objectRef<MessageEvent>(name).implement({
    description,
    interfaces: [ConversationEventRef],
    fields: (t) => ({
      message: t.expose('message', messageField),
    }),
  });
}

builder.objectRef<MessageDeletedEvent>('MessageDeleted').implement({
  description:
    'A message was deleted; messages that were shown after it stay. The last event of its `messageStream`, if the stream had not ended. Only viewers with `MANAGE` receive this event for a private note.',
  interfaces: [ConversationEventRef],
  fields: (t) => ({
    messageId: t.exposeID('messageId', { description: 'The id of the deleted message, which can no longer be read.' }),
  }),
});

builder.objectRef<MessageDeltaEvent>('MessageDelta').implement({
  description:
    'A piece of the text of a streaming reply. Pieces arrive in order and exactly once, also when a stream is resumed.',
  interfaces: [ConversationEventRef],
  fields: (t) => ({
    messageId: t.exposeID('messageId', { description: 'The id of the reply.' }),
    offset: t.exposeInt('offset', {
      description: 'The position of the piece in `content` of the reply, in UTF-16 code units from 0.',
    }),
    text: t.exposeString('text', { description: 'The new text.' }),
    content: t.exposeString('content', { description: 'The text so far, this piece included.' }),
  }),
});

builder.objectRef<CitationAddedEvent>('CitationAdded').implement({
  description: 'A citation was added to text that the stream has already sent.',
  interfaces: [ConversationEventRef],
  fields: (t) => ({
    messageId: t.exposeID('messageId', { description: 'The id of the reply.' }),
    citation: t.field({
      type: CitationRef,
      description: 'The citation.',
      resolve: ({ messageId, index, citation }) => ({ ...citation, messageId, index }),
    }),
  }),
});

builder.objectRef<ConversationChangedEvent>('ConversationChanged').implement({
  description:
    'The conversation has changed, apart from its messages. `Conversation.activities` keeps the changes. Reaching `silentUntil` sends no event.',
  interfaces: [ConversationEventRef],
  fields: (t) => ({
    changes: t.field({
      type: [ConversationChange],
      description: 'The changes, each at most once; empty for an event of an earlier version of the gateway.',
      resolve: ({ changes }) => [...changes],
    }),
    actor: t.string(actorField),
  }),
});

builder.objectRef<LeadCapturedEvent>('LeadCaptured').implement({
  description: 'A visitor has left contact details. Only viewers with `READ` receive this event.',
  interfaces: [ConversationEventRef],
  fields: (t) => ({ lead: t.expose('lead', { type: LeadRef, description: 'The new lead.' }) }),
});

builder.objectRef<TypingChangedEvent>('TypingChanged').implement({
  description: 'A party has begun or stopped typing. The event is not stored: a resumed stream does not repeat it.',
  interfaces: [ConversationEventRef],
  fields: (t) => ({
    role: t.expose('role', { type: TypingRole, description: 'The party.' }),
    isTyping: t.exposeBoolean('isTyping', { description: 'True if the party is typing now.' }),
    authorName: t.exposeString('authorName', {
      nullable: true,
      description:
        'The name of the person who types; null if none was given, for a visitor, and when typing has stopped. Of several people, the name that was given last.',
    }),
  }),
});

builder.objectRef<StreamReadyEvent>('StreamReady').implement({
  description:
    'The first event of every subscription to `conversationEvents`, `chatbotEvents` or `accountEvents`: the gateway is attached, and the stream will miss nothing after `cursor`, which is the given `after`, or else the position at which the stream starts.',
  interfaces: [ConversationEventRef],
});

builder.objectRef<StreamGapEvent>('StreamGap').implement({
  description:
    'Events are missing from the stream: the events after the cursor have expired, or a restored backup or a failover has removed events. A gap can also occur while the stream is open. Clients read their data again. The stream continues with the unfinished reply (`messageStream` with the whole message), then sends new events.',
  interfaces: [ConversationEventRef],
  fields: (t) => ({ reason: t.exposeString('reason', { description: 'The reason as an English sentence.' }) }),
});

builder.objectRef<ConversationDeletedEvent>('ConversationDeleted').implement({
  description:
    'The conversation was deleted, alone or with its chatbot. The last event of `conversationEvents` and `messageStream`: the stream completes, and a later subscription gets `NOT_FOUND`. If a chatbot was deleted, `chatbotEvents` sends it last, with the `chatbotId` and no `conversationId`; `accountEvents` sends the same, and goes on.',
  interfaces: [ConversationEventRef],
  fields: (t) => ({ reason: t.exposeString('reason', { description: 'The reason as an English sentence.' }) }),
});

const AFTER_DESCRIPTION =
  'The `cursor` of the last received event: the stream resumes after it. Also the `eventCursor` of an object that was queried: the stream then misses nothing that the query has not shown. An invalid cursor gets `BAD_USER_INPUT`, as does a cursor from an earlier version of the gateway or of another secret key; the client then subscribes without `after`.';
const ERRORS_DESCRIPTION = 'Errors before the first event: `NOT_FOUND`, `BAD_USER_INPUT`.';

builder.subscriptionFields((t) => ({
  messageStream: t.field({
    type: ConversationEventRef,
    authScopes: { $any: { CHAT: true, READ: true } },
    sessionTarget: { argument: 'messageId', kind: 'message' },
    description: `Streams one message to its end, then completes. ${ERRORS_DESCRIPTION} Needs \`CHAT\` or \`READ\`.`,
    args: {
      messageId: t.arg.id({
        required: true,
        description: 'The id of the message, usually the `reply` of `sendMessage`.',
      }),
      after: t.arg.string({
        description: `${AFTER_DESCRIPTION} If absent, the stream starts at the beginning of the message.`,
      }),
    },
    subscribe: (_root, args, { deps, viewer, signal }) => subscribeToMessage(deps, viewer, args, signal),
    resolve: (event) => event,
  }),
  conversationEvents: t.field({
    type: ConversationEventRef,
    authScopes: { $any: { CHAT: true, READ: true } },
    sessionTarget: { argument: 'conversationId', kind: 'conversation' },
    description: `Streams the events of a conversation: messages, the text of streaming replies, changes of the conversation, leads and typing. Open until the conversation is deleted. ${ERRORS_DESCRIPTION} Needs \`CHAT\` or \`READ\`.`,
    args: {
      conversationId: t.arg.id({ required: true, description: 'The id of the conversation.' }),
      after: t.arg.string({
        description: `${AFTER_DESCRIPTION} If absent, the stream starts with the unfinished reply, then sends new events.`,
      }),
    },
    subscribe: (_root, args, { deps, viewer, signal }) => subscribeToConversation(deps, viewer, args, signal),
    resolve: (event) => event,
  }),
  chatbotEvents: t.field({
    type: ConversationEventRef,
    authScopes: { READ: true },
    description: `Streams the events of all conversations of a chatbot, for an inbox: new and finished messages, changes of conversations and leads, but no \`MessageDelta\`, \`CitationAdded\` or \`TypingChanged\`. Open until the chatbot is deleted. ${ERRORS_DESCRIPTION} Needs \`READ\`.`,
    args: {
      chatbotId: t.arg.id({ required: true, description: 'The id of the chatbot.' }),
      after: t.arg.string({ description: `${AFTER_DESCRIPTION} If absent, the stream sends new events only.` }),
    },
    subscribe: (_root, args, { deps, viewer, signal }) => subscribeToChatbot(deps, viewer, args, signal),
    resolve: (event) => event,
  }),
  accountEvents: t.field({
    type: ConversationEventRef,
    allowsRestricted: true,
    authScopes: { READ: true },
    description: `Streams the events of all conversations of all or some chatbots, for an inbox: everything that \`conversationEvents\` sends except the text of replies, \`MessageDelta\` and \`CitationAdded\`. Never completes. Events of one chatbot arrive in order. ${ERRORS_DESCRIPTION} Needs \`READ\`.`,
    args: {
      chatbotIds: t.arg.idList({
        description:
          'The ids of 1 to 100 chatbots, whose events are sent. If absent, all chatbots, also those created later.',
      }),
      after: t.arg.string({
        description: `${AFTER_DESCRIPTION} A cursor is valid for any \`chatbotIds\`. If absent, the stream sends new events only. A resumed stream counts nobody as typing at first.`,
      }),
    },
    subscribe: (_root, args, { deps, viewer, signal }) => subscribeToAccount(deps, viewer, args, signal),
    resolve: (event) => event,
  }),
}));
