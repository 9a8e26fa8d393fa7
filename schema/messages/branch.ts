import { NotFoundError } from '../../src/domain/errors.ts';
import { editMessage } from '../../src/messages/edit-message.ts';
import { MAX_SIBLINGS } from '../../src/messages/fork.ts';
import { regenerateMessage } from '../../src/messages/regenerate-message.ts';
import { selectBranch } from '../../src/messages/select-branch.ts';
import { parentKeyOf } from '../../src/store/loaders.ts';
import { pageOf } from '../../src/store/pages.ts';
import { builder, type FieldExtensions } from '../builder.ts';
import { pageExtensions, paginate } from '../connection.ts';
import { reportReplay } from '../context.ts';
import { MessageConnection, MessageRef } from '../conversations/conversation.ts';
import { conversationPayload, noticeField, replyField, replyPayload, storedMessageField } from '../payloads.ts';
import { CONTENT_SCOPES } from '../scopes.ts';
import { messageContent, REPLY_ERRORS, whenBusy } from './message.ts';

builder.objectField(MessageRef, 'siblings', (t) =>
  t.field({
    type: [MessageRef],
    authScopes: CONTENT_SCOPES,
    sessions: true,
    description: `All versions of this message, itself included, oldest first: the messages with the same \`parent\` and \`role\`; a private note alone. At most ${MAX_SIBLINGS}. Needs \`READ\` or \`CHAT\`.`,
    extensions: { listSize: () => MAX_SIBLINGS } satisfies FieldExtensions,
    async resolve(message, _args, { loaders }) {
      if (message.isPrivate) return [message];
      return (await loaders.childMessages.load(parentKeyOf(message))).filter(({ role }) => role === message.role);
    },
  }),
);

builder.objectField(MessageRef, 'replies', (t) =>
  t.connection(
    {
      type: MessageRef,
      authScopes: CONTENT_SCOPES,
      sessions: true,
      description:
        "The messages whose `parent` is this message, oldest first, shown or not: to a visitor's message the versions of its reply, to a reply the versions of the visitor's next message. Needs `READ` or `CHAT`.",
      extensions: pageExtensions,
      resolve(message, args, { loaders }) {
        const listAll = () => loaders.childMessages.load(message.id);
        return paginate(
          'message',
          args,
          async (page) => pageOf(await listAll(), page),
          async () => (await listAll()).length,
        );
      },
    },
    MessageConnection,
  ),
);

const clientMessageId = {
  description:
    'An idempotency key of 1 to 255 characters. A repeated request with the same key within 24 hours returns the first result and changes nothing.',
} as const;

builder.relayMutationField(
  'regenerateMessage',
  {
    description: 'The reply to write again.',
    inputFields: (t) => ({
      id: t.id({
        required: true,
        description: 'The id of a reply of the chatbot. Its conversation must not be CLOSED.',
      }),
      clientMessageId: t.string(clientMessageId),
      whenBusy: t.field(whenBusy),
    }),
  },
  {
    description:
      'Writes another reply to the same user message. The new reply becomes a sibling of the old one and the end of the selected branch; the old reply and the messages after it are kept. Needs `CHAT`.',
    authScopes: { CHAT: true },
    sessionTarget: { argument: 'id', kind: 'message' },
    errors: { types: REPLY_ERRORS },
    resolve: async (_root, { input }, context) =>
      reportReplay(await regenerateMessage(context.deps, context.viewer, input), context),
  },
  replyPayload(
    'The new reply.',
    'The new reply, STREAMING or QUEUED. A repeated request returns it in its current state.',
  ),
);

builder.relayMutationField(
  'editMessage',
  {
    description: "The new version of a visitor's message.",
    inputFields: (t) => ({
      id: t.id({
        required: true,
        description: "The id of a visitor's message. Its conversation must not be CLOSED.",
      }),
      content: t.string(messageContent),
      metadata: t.field({
        type: 'JSON',
        description:
          "Your application's data about the message, an object of at most 16 kB; if absent, that of the edited message, and null removes it.",
      }),
      clientMessageId: t.string(clientMessageId),
      whenBusy: t.field(whenBusy),
    }),
  },
  {
    description:
      "Stores a new version of a visitor's message and replies to it. The new message becomes a sibling of the old one and, with its reply, the end of the selected branch; the old message and the messages after it are kept. Needs `CHAT`.",
    authScopes: { CHAT: true },
    sessionTarget: { argument: 'id', kind: 'message' },
    errors: { types: REPLY_ERRORS },
    resolve: async (_root, { input }, context) =>
      reportReplay(await editMessage(context.deps, context.viewer, input), context),
  },
  {
    description: 'The new message and its reply.',
    outputFields: (t) => ({
      userMessage: t.expose('userMessage', storedMessageField),
      reply: t.expose('reply', replyField),
      notice: t.exposeString('notice', noticeField),
    }),
  },
);

builder.relayMutationField(
  'selectBranch',
  {
    description: 'The message whose branch to select.',
    inputFields: (t) => ({
      id: t.id({
        required: true,
        description: 'The id of any message, usually one of the `siblings` of a shown message.',
      }),
    }),
  },
  {
    description:
      'Selects the branch of a message: the conversation shows the message, its ancestors, and its descendants along the newest versions. The next message continues this branch. Needs `CHAT`.',
    authScopes: { CHAT: true },
    sessionTarget: { argument: 'id', kind: 'message' },
    errors: { types: [NotFoundError] },
    resolve: async (_root, { input }, { deps, viewer }) => ({ conversation: await selectBranch(deps, viewer, input) }),
  },
  conversationPayload('The conversation with the selected branch.'),
);
