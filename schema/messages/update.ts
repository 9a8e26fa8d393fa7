import { ConversationBusyError, InvalidInputError, NotFoundError } from '../../src/domain/errors.ts';
import { deleteMessage } from '../../src/messages/delete-message.ts';
import { MAX_SIBLINGS } from '../../src/messages/fork.ts';
import { updateAgentMessage } from '../../src/messages/update-agent-message.ts';
import { builder } from '../builder.ts';
import { ConversationRef, MessageRef } from '../conversations/conversation.ts';
import { messageContent } from './message.ts';

builder.relayMutationField(
  'updateAgentMessage',
  {
    description: 'The new text of a message.',
    inputFields: (t) => ({
      id: t.id({ required: true, description: 'The id of an AGENT message or of a private note.' }),
      content: t.string(messageContent),
    }),
  },
  {
    description:
      "Changes the text of a person's message or of a private note; the earlier text is not kept. Subscribers receive `MessageUpdated`. Needs `MANAGE`.",
    authScopes: { MANAGE: true },
    errors: { types: [NotFoundError, InvalidInputError] },
    resolve: async (_root, { input }, { deps, viewer }) => ({
      agentMessage: await updateAgentMessage(deps, viewer, input),
    }),
  },
  {
    description: 'The changed message.',
    outputFields: (t) => ({
      agentMessage: t.expose('agentMessage', { type: MessageRef, description: 'The message with its new text.' }),
    }),
  },
);

builder.relayMutationField(
  'deleteMessage',
  {
    description: 'The message to delete.',
    inputFields: (t) => ({ id: t.id({ required: true, description: 'The id of any message or private note.' }) }),
  },
  {
    description:
      "Deletes a message, permanently; with a visitor's message also the chatbot's replies to it, all versions. Messages after a deleted one stay: their `parent` is then the message before it. `unreadCount` and `visitorUnreadCount` of the conversation are then what they would be without the deleted messages. Subscribers receive `MessageDeleted` for each deleted message. A reply that is QUEUED or STREAMING must be stopped first: until then, `ConversationBusyError`. Usage still counts deleted replies, except the usage of visitors; deliveries of webhooks keep what they contain; a repeated request for the message with its `clientMessageId` gets `NotFoundError`. Needs `MANAGE`.",
    authScopes: { MANAGE: true },
    errors: { types: [NotFoundError, InvalidInputError, ConversationBusyError] },
    resolve: (_root, { input }, { deps, viewer }) => deleteMessage(deps, viewer, input),
  },
  {
    description: 'The deleted messages and their conversation.',
    outputFields: (t) => ({
      deletedIds: t.field({
        type: ['ID'],
        description: `The ids of the deleted messages, that of \`id\` first; at most ${MAX_SIBLINGS + 1}.`,
        resolve: ({ deletedIds }) => [...deletedIds],
      }),
      conversation: t.expose('conversation', {
        type: ConversationRef,
        description: 'The conversation without the messages.',
      }),
    }),
  },
);
