import type { ConversationActivity, ConversationChange as ConversationChangeName } from '../../src/domain/entities.ts';
import { listActivities } from '../../src/store/activities.ts';
import { builder } from '../builder.ts';
import { defineConnection, pageExtensions, paginate } from '../connection.ts';
import type { GraphContext } from '../context.ts';
import { Node } from '../node.ts';
import { ConversationRef } from './conversation.ts';

/** What can change about a conversation besides its messages. */
export const ConversationChange = builder.enumType('ConversationChange', {
  description: 'A change of a conversation, apart from its messages.',
  values: {
    ESCALATED: { description: 'A person was requested: `status` is ESCALATED.' },
    TAKEN_OVER: { description: 'A person answers instead of the chatbot: `silentUntil` is set.' },
    HANDED_BACK: { description: 'The handoff or the escalation was ended by a mutation: the chatbot answers.' },
    ASSIGNED: { description: '`assignee` or `assignedMember` has changed; null if the assignment was removed.' },
    CLOSED: { description: '`status` is CLOSED.' },
    REOPENED: { description: 'A CLOSED conversation is open again.' },
    READ: {
      description:
        'Messages were marked as read: `unreadCount` is 0, or `visitorUnreadCount` if the visitor has read them.',
    },
    LABELLED: { description: '`labels` or `priority` have changed.' },
    SNOOZED: { description: '`snoozedUntil` has changed; null if the conversation is no longer put aside.' },
  } satisfies Record<ConversationChangeName, object>,
});

/** The person or program that caused changes. A visitor must not learn the names of API keys, so a session gets null. */
export const actorField = {
  nullable: true,
  description:
    'The name of the person or program that caused the changes: `authorName` of the request, else the name of its member or API key. Null for a visitor, for the gateway itself, and always for a session token.',
  resolve: ({ actor }: Pick<ConversationActivity, 'actor'>, _args: object, { viewer }: GraphContext) =>
    viewer.session === undefined ? actor : null,
} as const;

const ConversationActivityRef = builder.objectRef<ConversationActivity>('ConversationActivity').implement({
  description:
    'Changes of a conversation that happened together. Activities remain when events expire, until the conversation is deleted.',
  interfaces: [Node],
  fields: (t) => ({
    at: t.expose('at', { type: 'DateTime', description: 'The time of the changes.' }),
    changes: t.field({
      type: [ConversationChange],
      description: 'The changes, at least one and each at most once.',
      resolve: ({ changes }) => [...changes],
    }),
    actor: t.string(actorField),
  }),
});

const ActivityConnection = defineConnection(ConversationActivityRef);

builder.objectField(ConversationRef, 'activities', (t) =>
  t.connection(
    {
      type: ConversationActivityRef,
      authScopes: { READ: true },
      description:
        'The changes of the conversation apart from its messages, oldest first: the history that `ConversationChanged` reports live. Needs `READ`.',
      extensions: pageExtensions,
      resolve: ({ id }, args, { deps, viewer, loaders }) =>
        paginate(
          'conversationActivity',
          args,
          (page) => listActivities(deps.db.read, viewer.accountId, id, page),
          () => loaders.rowCount.load({ table: 'conversation_activities', values: {}, ownerId: id }),
        ),
    },
    ActivityConnection,
  ),
);
