import { waitingSinceOf } from '../../src/conversations/handoff.ts';
import { MAX_LABELS } from '../../src/conversations/update-conversations.ts';
import type { ConversationPriority as ConversationPriorityName } from '../../src/domain/entities.ts';
import { toTimestamp } from '../../src/domain/time.ts';
import { builder } from '../builder.ts';
import { ConversationRef } from './conversation.ts';

/** The urgency of a conversation. */
export const ConversationPriority = builder.enumType('ConversationPriority', {
  description: 'The urgency of a conversation, as people have set it.',
  values: {
    LOW: { description: 'Less urgent than others.' },
    NORMAL: { description: 'The priority of a new conversation.' },
    HIGH: { description: 'More urgent than others.' },
    URGENT: { description: 'The most urgent.' },
  } satisfies Record<ConversationPriorityName, object>,
});

// What a conversation needs of people.
builder.objectFields(ConversationRef, (t) => ({
  unreadCount: t.exposeInt('unreadCount', {
    description:
      'The number of visitor messages that nobody has answered: those on the selected branch that are newer than the last message of a person (private notes excluded), the last completed reply that is not the fallback message, and the last `markConversationRead`.',
  }),
  visitorUnreadCount: t.exposeInt('visitorUnreadCount', {
    sessions: true,
    description:
      'The number of replies and of messages of people that ended after the last message of the visitor or `markConversationRead(by: USER)`. Private notes and replies that were stopped before they began do not count.',
  }),
  waitingSince: t.field({
    type: 'DateTime',
    nullable: true,
    description:
      'The time of the oldest of the messages that `unreadCount` counts, while a person answers or `status` is ESCALATED; null if the visitor does not wait for a person.',
    resolve: (conversation, _args, { deps }) => waitingSinceOf(conversation, deps.clock.now()),
  }),
  firstAgentReplyAt: t.expose('firstAgentReplyAt', {
    type: 'DateTime',
    nullable: true,
    description: 'The time of the first message of a person to the visitor; null if no person has written one.',
  }),
  closedAt: t.expose('closedAt', {
    type: 'DateTime',
    nullable: true,
    description: 'The time at which the conversation was closed; null unless `status` is CLOSED.',
  }),
  labels: t.exposeStringList('labels', {
    authScopes: { READ: true },
    description: `The labels that people have given the conversation, at most ${MAX_LABELS}. Needs \`READ\`.`,
  }),
  priority: t.expose('priority', {
    type: ConversationPriority,
    authScopes: { READ: true },
    description: 'The urgency that people have given the conversation. Needs `READ`.',
  }),
  snoozedUntil: t.field({
    type: 'DateTime',
    nullable: true,
    authScopes: { READ: true },
    description:
      'The time until which people have put the conversation aside; null if they have not, or if it has passed. Needs `READ`.',
    resolve: ({ snoozedUntil }, _args, { deps }) =>
      snoozedUntil !== null && snoozedUntil > toTimestamp(deps.clock.now()) ? snoozedUntil : null,
  }),
  lastMessageAt: t.expose('lastMessageAt', {
    type: 'DateTime',
    description:
      'The time at which the last message was written, private notes excluded; a reply counts from its creation. `createdAt` if there is none.',
  }),
  updatedAt: t.expose('updatedAt', {
    type: 'DateTime',
    sessions: true,
    description:
      'The time of the last change: of a message, a private note, a lead, the status, or anything else that `conversationEvents` reports.',
  }),
}));
