import type {
  BranchSelectedEvent,
  CitationAddedEvent,
  ConversationDeletedEvent,
  ConversationEvent,
  FollowUpsSuggestedEvent,
  HandoffChangedEvent,
  LeadCapturedEvent,
  MessageDeltaEvent,
  MessageStageEvent,
  StreamGapEvent,
  TypingChangedEvent,
} from '../../src/domain/events.ts';
import { subscribeToChatbot } from '../../src/streams/chatbot-stream.ts';
import { subscribeToConversation } from '../../src/streams/conversation-stream.ts';
import { subscribeToMessage } from '../../src/streams/message-stream.ts';
import { builder } from '../builder.ts';
import { LeadRef } from '../chatbots/lead.ts';
import { CitationRef } from '../messages/message.ts';
import { ConversationRef, MessageRef } from './conversation.ts';
import { TypingRole } from './handoff.ts';

const ConversationEventRef = builder.interfaceRef<ConversationEvent>('ConversationEvent').implement({
  description: 'Something that happened in a conversation. Each event can be understood without the ones before it.',
  resolveType: ({ type }) => type,
  fields: (t) => ({
    cursor: t.string({
      description:
        'The position after this event, signed by the gateway. Give it back as `after` to go on from here, on the same stream.',
      resolve: ({ cursor }) => cursor(),
    }),
    conversationId: t.exposeID('conversationId', { description: 'The conversation it happened in.' }),
    at: t.expose('at', { type: 'DateTime', description: 'When it happened.' }),
  }),
});

type MessageEvent = MessageStageEvent | BranchSelectedEvent | FollowUpsSuggestedEvent;

const MESSAGE_EVENTS: Record<MessageEvent['type'], string> = {
  MessageCreated:
    'There is a new message, on the branch that the conversation shows: what it showed after `message.parent` is replaced. A reply may still be QUEUED or STREAMING.',
  MessageStarted: 'A reply that was QUEUED is being written now.',
  MessageCompleted: 'A reply is whole. The last event of its stream.',
  MessageFailed: 'A reply could not be written to its end. The last event of its stream.',
  MessageStopped: 'A reply was stopped on request, and keeps what it has. The last event of its stream.',
  MessageInterrupted: 'The gateway stopped while it wrote a reply. The last event of its stream.',
  BranchSelected: 'The conversation shows the branch of this message from now on; read its `messages` again.',
  FollowUpsSuggested:
    'There are questions that the visitor may want to ask next: `followUps` of the reply. Comes after the end of the reply, so that `messageStream` does not tell it.',
};

for (const [name, description] of Object.entries(MESSAGE_EVENTS)) {
  builder.objectRef<MessageEvent>(name).implement({
    description,
    interfaces: [ConversationEventRef],
    fields: (t) => ({ message: t.expose('message', { type: MessageRef, description: 'The message.' }) }),
  });
}

builder.objectRef<MessageDeltaEvent>('MessageDelta').implement({
  description: 'A piece of a reply. Pieces come in order, and none twice, also when a stream is taken up again.',
  interfaces: [ConversationEventRef],
  fields: (t) => ({
    messageId: t.exposeID('messageId', { description: 'The reply.' }),
    offset: t.exposeInt('offset', { description: 'Where the piece stands in its `content`, in UTF-16 code units.' }),
    text: t.exposeString('text', { description: 'The piece.' }),
    content: t.exposeString('content', { description: 'All text so far, this piece included.' }),
  }),
});

builder.objectRef<CitationAddedEvent>('CitationAdded').implement({
  description: 'Evidence for a stretch of a reply whose text was told before.',
  interfaces: [ConversationEventRef],
  fields: (t) => ({
    messageId: t.exposeID('messageId', { description: 'The reply.' }),
    citation: t.expose('citation', { type: CitationRef, description: 'The evidence.' }),
  }),
});

builder.objectRef<HandoffChangedEvent>('HandoffChanged').implement({
  description:
    'Who answers, who takes care of it or where the conversation stands has changed, or it was read. That a silence ends with its time is not told.',
  interfaces: [ConversationEventRef],
  fields: (t) => ({
    conversation: t.expose('conversation', { type: ConversationRef, description: 'The conversation as it is now.' }),
  }),
});

builder.objectRef<LeadCapturedEvent>('LeadCaptured').implement({
  description: 'A visitor has left how to be reached. Only viewers with `READ` receive it.',
  interfaces: [ConversationEventRef],
  fields: (t) => ({ lead: t.expose('lead', { type: LeadRef, description: 'The lead.' }) }),
});

builder.objectRef<TypingChangedEvent>('TypingChanged').implement({
  description: 'Someone began to type, or has stopped. It is kept nowhere, and told to those who listen.',
  interfaces: [ConversationEventRef],
  fields: (t) => ({
    role: t.expose('role', { type: TypingRole, description: 'Who.' }),
    isTyping: t.exposeBoolean('isTyping', { description: 'Whether they type now.' }),
  }),
});

builder.objectRef<StreamGapEvent>('StreamGap').implement({
  description:
    'Events since the cursor are no longer kept, or the cursor is of events that a restored backup or a failover has undone; also while the stream is open. Read anew what you need: the reply that is under way follows, in `messageStream` the whole message, then what comes. In `chatbotEvents` the conversation is that of the oldest event still kept; the id is that of the chatbot where there is none.',
  interfaces: [ConversationEventRef],
  fields: (t) => ({ reason: t.exposeString('reason', { description: 'Why, for people.' }) }),
});

builder.objectRef<ConversationDeletedEvent>('ConversationDeleted').implement({
  description:
    'The conversation was deleted, with its chatbot or alone. The last event of `conversationEvents` and `messageStream`: the stream completes, and a later subscription is refused with `NOT_FOUND`. The last event of `chatbotEvents` where the chatbot itself was deleted: then `conversationId` is the id of the chatbot.',
  interfaces: [ConversationEventRef],
  fields: (t) => ({ reason: t.exposeString('reason', { description: 'Why, for people.' }) }),
});

const AFTER =
  'The `cursor` of the last event seen: only what follows is told. One that does not hold, also one of an earlier version or signed with another secret key, is refused: subscribe without it.';
const REFUSALS = 'Errors before the first event: `NOT_FOUND`, `BAD_USER_INPUT`.';

builder.subscriptionFields((t) => ({
  messageStream: t.field({
    type: ConversationEventRef,
    authScopes: { $any: { CHAT: true, READ: true } },
    description: `Follows one message to its end and completes by itself. ${REFUSALS} Needs \`CHAT\` or \`READ\`.`,
    args: {
      messageId: t.arg.id({ required: true, description: 'The message, usually the `reply` of `sendMessage`.' }),
      after: t.arg.string({ description: `${AFTER} Absent: all from the beginning.` }),
    },
    subscribe: (_root, args, { deps, viewer, signal }) => subscribeToMessage(deps, viewer, args, signal),
    resolve: (event) => event,
  }),
  conversationEvents: t.field({
    type: ConversationEventRef,
    authScopes: { $any: { CHAT: true, READ: true } },
    description: `Follows a conversation: every message, the text of replies while it is written, who answers and who types. Stays open until the conversation is deleted. ${REFUSALS} Needs \`CHAT\` or \`READ\`.`,
    args: {
      conversationId: t.arg.id({ required: true, description: 'The conversation.' }),
      after: t.arg.string({ description: `${AFTER} Absent: the reply that is under way, then what comes.` }),
    },
    subscribe: (_root, args, { deps, viewer, signal }) => subscribeToConversation(deps, viewer, args, signal),
    resolve: (event) => event,
  }),
  chatbotEvents: t.field({
    type: ConversationEventRef,
    authScopes: { READ: true },
    description: `Follows all conversations of a chatbot, as an inbox does: every message as it comes to a stage, handoff and leads, without the text of replies while it is written and without who types. Stays open until the chatbot is deleted. ${REFUSALS} Needs \`READ\`.`,
    args: {
      chatbotId: t.arg.id({ required: true, description: 'The chatbot.' }),
      after: t.arg.string({ description: `${AFTER} Absent: only what comes.` }),
    },
    subscribe: (_root, args, { deps, viewer, signal }) => subscribeToChatbot(deps, viewer, args, signal),
    resolve: (event) => event,
  }),
}));
