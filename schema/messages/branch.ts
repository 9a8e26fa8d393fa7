import { NotFoundError } from '../../src/domain/errors.ts';
import { editMessage } from '../../src/messages/edit-message.ts';
import { regenerateMessage } from '../../src/messages/regenerate-message.ts';
import { selectBranch } from '../../src/messages/select-branch.ts';
import { builder } from '../builder.ts';
import { conversationPayload, itsNotice, itsReply, replyPayload, storedMessage } from '../payloads.ts';
import { messageContent, REPLY_ERRORS, whenBusy } from './message.ts';

const clientMessageId = {
  description:
    'An id of your own for this request, 1 to 255 characters: sent again with the same id within 24 hours, it is answered again and has no second effect.',
} as const;

builder.relayMutationField(
  'regenerateMessage',
  {
    description: 'What to answer once more.',
    inputFields: (t) => ({
      messageId: t.id({
        required: true,
        description: "A reply of the chatbot's, in a conversation that is not closed.",
      }),
      clientMessageId: t.string(clientMessageId),
      whenBusy: t.field(whenBusy),
    }),
  },
  {
    description:
      'Answers the question of a reply once more. The new reply stands beside the old one; the conversation shows it, and no longer what followed the old one. Needs `CHAT`.',
    authScopes: { CHAT: true },
    errors: { types: REPLY_ERRORS },
    resolve: async (_root, { input }, { deps, viewer }) => ({ reply: await regenerateMessage(deps, viewer, input) }),
  },
  replyPayload('The other reply.', 'The new reply, STREAMING or QUEUED.'),
);

builder.relayMutationField(
  'editMessage',
  {
    description: 'What to say in other words.',
    inputFields: (t) => ({
      messageId: t.id({
        required: true,
        description: "A message of the visitor's, in a conversation that is not closed.",
      }),
      content: t.string(messageContent),
      metadata: t.field({
        type: 'JSON',
        description: 'Free data, an object of at most 16 kB; absent: that of the message that is edited.',
      }),
      clientMessageId: t.string(clientMessageId),
      whenBusy: t.field(whenBusy),
    }),
  },
  {
    description:
      'Asks a question in other words. The new message stands beside the old one with a reply of its own; the conversation shows them, and no longer what followed the old one, which is kept. Needs `CHAT`.',
    authScopes: { CHAT: true },
    errors: { types: REPLY_ERRORS },
    resolve: (_root, { input }, { deps, viewer }) => editMessage(deps, viewer, input),
  },
  {
    description: 'The other message, and the reply that it gets.',
    outputFields: (t) => ({
      userMessage: t.expose('userMessage', storedMessage),
      reply: t.expose('reply', itsReply),
      notice: t.exposeString('notice', itsNotice),
    }),
  },
);

builder.relayMutationField(
  'selectBranch',
  {
    description: 'What to show.',
    inputFields: (t) => ({
      messageId: t.id({
        required: true,
        description: 'Any message; usually one of the `siblings` of one that is shown.',
      }),
    }),
  },
  {
    description:
      'Makes a conversation show a message, with what leads to it and what followed it: where that forks, what came last. What is asked next continues there. Needs `CHAT`.',
    authScopes: { CHAT: true },
    errors: { types: [NotFoundError] },
    resolve: async (_root, { input }, { deps, viewer }) => ({ conversation: await selectBranch(deps, viewer, input) }),
  },
  conversationPayload('What shows another branch.'),
);
