import { follow } from '../src/chat/follow.ts';
import type {
  CitationAddedEvent,
  ConversationEvent,
  MessageDeltaEvent,
  MessageStageEvent,
} from '../src/domain/events.ts';
import { createLoaders } from '../src/store/loaders.ts';
import { builder } from './builder.ts';
import { MessageRef } from './conversation.ts';
import { CitationRef } from './message.ts';

const ConversationEventRef = builder.interfaceRef<ConversationEvent>('ConversationEvent').implement({
  description: 'Something that happened in a conversation. Each event can be understood without the ones before it.',
  resolveType: ({ type }) => type,
  fields: (t) => ({
    cursor: t.exposeString('cursor', {
      description: 'Where a reader stands after this event. Give it back as `after` to go on from here.',
    }),
    conversationId: t.exposeID('conversationId', { description: 'The conversation it happened in.' }),
    at: t.expose('at', { type: 'DateTime', description: 'When it happened.' }),
  }),
});

const STAGES: Record<MessageStageEvent['type'], string> = {
  MessageCreated: 'There is a new message. A reply may still be QUEUED or STREAMING.',
  MessageStarted: 'A reply that was QUEUED is being written now.',
  MessageCompleted: 'A reply is whole. The last event of its stream.',
  MessageFailed: 'A reply could not be written to its end. The last event of its stream.',
  MessageInterrupted: 'The gateway stopped while it wrote a reply. The last event of its stream.',
};

for (const [name, description] of Object.entries(STAGES)) {
  builder.objectRef<MessageStageEvent>(name).implement({
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

builder.subscriptionField('messageStream', (t) =>
  t.field({
    type: ConversationEventRef,
    authScopes: { $any: { CHAT: true, READ: true } },
    description:
      'Follows one message to its end and completes by itself. Errors before the first event: `NOT_FOUND`, `BAD_USER_INPUT`. Needs `CHAT` or `READ`.',
    args: {
      messageId: t.arg.id({ required: true, description: 'The message, usually the `reply` of `sendMessage`.' }),
      after: t.arg.string({
        description: 'The `cursor` of the last event seen: only what follows is told. Absent: all from the beginning.',
      }),
    },
    subscribe: (_root, args, context) => follow(context.deps, context.viewer, args, context.signal),
    resolve: (event, _args, context) => {
      context.loaders = createLoaders(context.deps.db.read, context.viewer.accountId);
      return event;
    },
  }),
);
