import {
  MAX_LABEL_CHARS,
  MAX_LABELS,
  MAX_UPDATED_CONVERSATIONS,
  updateConversations,
} from '../../src/conversations/update-conversations.ts';
import type { Conversation } from '../../src/domain/entities.ts';
import { InvalidInputError, NotFoundError } from '../../src/domain/errors.ts';
import { builder, CHANGES_RULE, type FieldExtensions } from '../builder.ts';
import { ConversationPriority } from './attention.ts';
import { ConversationRef, ConversationStatus } from './conversation.ts';

const UpdateConversationPayload = builder
  .objectRef<{ conversation: Conversation }>('UpdateConversationPayload')
  .implement({
    description: 'The updated conversation.',
    fields: (t) => ({
      conversation: t.expose('conversation', { type: ConversationRef, description: 'The conversation.' }),
    }),
  });

const ITEM_UNION = {
  name: 'UpdateConversationResult',
  description: 'The updated conversation, or the error that explains why it has not changed.',
};

builder.relayMutationField(
  'updateConversations',
  {
    description: `The conversations to update, and their new fields. ${CHANGES_RULE}`,
    inputFields: (t) => ({
      ids: t.idList({
        required: true,
        description: `The ids of 1 to ${MAX_UPDATED_CONVERSATIONS} conversations.`,
      }),
      status: t.field({
        type: ConversationStatus,
        description:
          'The new status: CLOSED does what `closeConversation` does, ESCALATED what `escalateConversation` does without a reason; OPEN reopens a CLOSED conversation and hands an ESCALATED one back to the chatbot. Must not be null.',
      }),
      assignee: t.string({
        description:
          'The person, as named by your systems, 1 to 255 characters, or the id of an active member; null removes the assignment.',
      }),
      labels: t.stringList({
        description: `All labels of the conversation, at most ${MAX_LABELS} of 1 to ${MAX_LABEL_CHARS} characters; they replace the present ones, and null removes all.`,
      }),
      priority: t.field({ type: ConversationPriority, description: 'The urgency; null resets it to NORMAL.' }),
      snoozedUntil: t.field({
        type: 'DateTime',
        description:
          'The time until which the conversation is put aside, in the future; null takes it up again. A CLOSED conversation cannot be put aside, and closing ends it.',
      }),
    }),
  },
  {
    description:
      'Updates many conversations alike, each with a result of its own: one that cannot be updated does not keep the others from it. Needs `MANAGE`.',
    authScopes: { MANAGE: true },
    errors: { types: [InvalidInputError] },
    resolve: async (_root, { input }, { deps, viewer }) => {
      const results = await updateConversations(deps, viewer, input);
      return { results: results.map((result) => (result instanceof Error ? result : { conversation: result })) };
    },
  },
  {
    description: 'The results of an update of many conversations.',
    outputFields: (t) => ({
      results: t.field({
        type: [UpdateConversationPayload],
        itemErrors: { types: [NotFoundError, InvalidInputError], union: ITEM_UNION },
        description: `The result for each of the ids, in their order; at most ${MAX_UPDATED_CONVERSATIONS}.`,
        extensions: { listSize: () => MAX_UPDATED_CONVERSATIONS } satisfies FieldExtensions,
        // The types of `itemErrors` do not know that it accepts errors among the items.
        resolve: ({ results }) => results as { conversation: Conversation }[],
      }),
    }),
  },
);
