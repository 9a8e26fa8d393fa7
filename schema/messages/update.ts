import { InvalidInputError, NotFoundError } from '../../src/domain/errors.ts';
import { updateAgentMessage } from '../../src/messages/update-agent-message.ts';
import { builder } from '../builder.ts';
import { MessageRef } from '../conversations/conversation.ts';
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
