import { InvalidInputError, NotFoundError } from '../../src/domain/errors.ts';
import { MAX_COMMENT_CHARS, rateMessage } from '../../src/messages/rate-message.ts';
import { builder } from '../builder.ts';
import { MessageRef } from '../conversations/conversation.ts';
import { replyPayload } from '../payloads.ts';
import { CONTENT_SCOPES } from '../scopes.ts';
import { Rating } from './message.ts';

const maxChars = MAX_COMMENT_CHARS.toLocaleString('en');

builder.objectField(MessageRef, 'ratingComment', (t) =>
  t.exposeString('ratingComment', {
    nullable: true,
    authScopes: CONTENT_SCOPES,
    sessions: true,
    description:
      "The visitor's words about the rating; null if none were given, and if not rated. Needs `READ` or `CHAT`.",
  }),
);

builder.relayMutationField(
  'rateMessage',
  {
    description: 'The reply and its rating.',
    inputFields: (t) => ({
      id: t.id({ required: true, description: 'The id of a reply, or of a message of a person to the visitor.' }),
      rating: t.field({
        type: Rating,
        description:
          'The rating; it replaces an earlier one. Null takes the rating back, with its comment; absent is `INVALID_INPUT`.',
      }),
      comment: t.string({
        description: `The visitor's words about the rating; 1 to ${maxChars} characters. Null removes them, absent keeps them.`,
      }),
    }),
  },
  {
    description:
      "Stores the visitor's rating of a reply or a person's message, in place of an earlier one, or removes it. Subscribers receive `MessageUpdated`; webhooks receive `message.rated`, unless the rating is removed. Needs `CHAT`.",
    authScopes: { CHAT: true },
    sessionTarget: { argument: 'id', kind: 'message' },
    errors: { types: [NotFoundError, InvalidInputError] },
    resolve: async (_root, { input }, { deps, viewer }) => ({ reply: await rateMessage(deps, viewer, input) }),
  },
  replyPayload('The rated reply.', 'The reply with its new rating.'),
);
