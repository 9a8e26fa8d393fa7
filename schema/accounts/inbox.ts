import { restrictChatbots } from '../../src/access/restriction.ts';
import { BadUserInputError } from '../../src/domain/errors.ts';
import { parseId } from '../../src/domain/ids.ts';
import { toTimestamp } from '../../src/domain/time.ts';
import { countInbox, type InboxCounts } from '../../src/store/inbox/inbox-counts.ts';
import { builder, type FieldExtensions } from '../builder.ts';
import { AccountRef } from './viewer.ts';

const MAX_CHATBOTS = 100;
/** The cost of counting: in a large account it takes as long as reading a page of a list. */
const COUNT_COST = 100;

const InboxCountsRef = builder.objectRef<InboxCounts>('InboxCounts').implement({
  description: 'The numbers of conversations that need people. A CLOSED conversation counts in none of them.',
  fields: (t) => ({
    open: t.exposeInt('open', { description: 'The number of OPEN conversations.' }),
    escalated: t.exposeInt('escalated', { description: 'The number of ESCALATED conversations.' }),
    withAgent: t.exposeInt('withAgent', {
      description: 'The number of conversations in which a person answers instead of the chatbot.',
    }),
    unassigned: t.exposeInt('unassigned', { description: 'The number of conversations without an assignee.' }),
    unread: t.exposeInt('unread', { description: 'The number of conversations with an `unreadCount` above 0.' }),
  }),
});

builder.objectField(AccountRef, 'inbox', (t) =>
  t.field({
    type: InboxCountsRef,
    allowsRestricted: true,
    authScopes: { READ: true },
    description: 'Counts the conversations of the account, or of some of its chatbots, that need people. Needs `READ`.',
    args: {
      chatbotIds: t.arg.idList({
        description: `The chatbots, at most ${MAX_CHATBOTS}; if absent, all. Unknown ids count nothing.`,
      }),
    },
    extensions: { fixedCost: () => COUNT_COST } satisfies FieldExtensions,
    resolve: (account, { chatbotIds }, { deps, viewer }) => {
      if (chatbotIds != null && chatbotIds.length > MAX_CHATBOTS) {
        throw new BadUserInputError(`\`chatbotIds\` must have at most ${MAX_CHATBOTS} items.`);
      }
      const ids = restrictChatbots(
        viewer,
        chatbotIds?.flatMap((id) => parseId('chatbot', id) ?? []),
      );
      return countInbox(deps.db.read, account.id, { chatbotIds: ids, now: toTimestamp(deps.clock.now()) });
    },
  }),
);
