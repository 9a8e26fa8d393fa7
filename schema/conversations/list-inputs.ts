import type { InputShapeFromTypeParam } from '@pothos/core';
import type { Viewer } from '../../src/access/viewer.ts';
import { canSeePrivateNotes } from '../../src/conversations/visibility.ts';
import type { ConversationFilter, ConversationOrderField, TextFilter } from '../../src/domain/conversation-list.ts';
import { BadUserInputError } from '../../src/domain/errors.ts';
import { parseId } from '../../src/domain/ids.ts';
import { parseTextQuery } from '../../src/domain/language/message-words.ts';
import { builder } from '../builder.ts';
import {
  checkFilter,
  distinct,
  FILTER_RULES,
  JSONEntryInput,
  MAX_ENTRIES,
  MAX_VALUES,
  omitNull,
  TimeRangeInput,
  toTimeRange,
} from '../list-inputs.ts';
import { Rating } from '../messages/message.ts';
import { defineOrder } from '../ordered-list.ts';
import { ConversationPriority } from './attention.ts';
import { Answerer, Channel, ConversationStatus } from './conversation.ts';

/** The filter of lists of conversations. */
export const ConversationFilterInput = builder.inputType('ConversationFilter', {
  description: `Conditions on conversations. ${FILTER_RULES}`,
  fields: (t) => ({
    chatbotIds: t.idList({ description: `The chatbots; at most ${MAX_VALUES}. Unknown ids select nothing.` }),
    statuses: t.field({ type: [ConversationStatus], description: 'The statuses.' }),
    answeredBy: t.field({ type: Answerer, description: 'The party that answers the next message of the visitor.' }),
    assignee: t.string({ description: 'The assigned person, spelled exactly; or the id of the assigned member.' }),
    isUnassigned: t.boolean({ description: 'True selects conversations without an assignee, false those with one.' }),
    hasUnread: t.boolean({
      description: 'True selects conversations with an `unreadCount` above 0, false the others.',
    }),
    channels: t.field({ type: [Channel], description: 'The channels.' }),
    sessionId: t.string({ description: 'The name that the client gave the conversation; unique within a chatbot.' }),
    hasLead: t.boolean({ description: 'True selects conversations with a lead, false the others.' }),
    rating: t.field({ type: Rating, description: 'The rating of at least one message on the selected branch.' }),
    query: t.string({
      description:
        'A text: one message on the selected branch contains all its words, in any order; the last word may be incomplete. Case, accents and punctuation make no difference. Finds replies only when they have ended, and private notes only with `MANAGE`. A text without a letter or digit, or with more than 255 characters, is refused with `BAD_USER_INPUT`.',
    }),
    labels: t.stringList({ description: `The labels; at most ${MAX_VALUES}.` }),
    priority: t.field({ type: ConversationPriority, description: 'The priority.' }),
    lastMessageAt: t.field({ type: TimeRangeInput, description: 'The range of `lastMessageAt`.' }),
    metadata: t.field({
      type: [JSONEntryInput],
      description: `Entries of \`metadata\`; a conversation has all of them. At most ${MAX_ENTRIES}.`,
    }),
  }),
});

/** The order of lists of conversations. */
export const conversationOrder = defineOrder<ConversationOrderField>(
  'Conversation',
  {
    LAST_MESSAGE_AT: 'The time of the last message.',
    CREATED_AT: 'The order of creation. It is independent of the clock, which may have been set back.',
    WAITING_SINCE:
      'The time since which the visitor waits for a person. The list contains only conversations whose visitor waits.',
  },
  { field: 'LAST_MESSAGE_AT', direction: 'DESC' },
);

type FilterInput = InputShapeFromTypeParam<typeof builder.$inferSchemaTypes, typeof ConversationFilterInput, false>;

/**
 * Converts the filter that a client has given; the result contains only conditions that are not null.
 * @throws BadUserInputError for too many or too long values, and for a `query` without words.
 */
export function toFilter(input: FilterInput, viewer: Viewer): ConversationFilter {
  if (input == null) return {};
  const { chatbotIds, statuses, labels, metadata, assignee, sessionId, lastMessageAt, query, ...others } = input;
  checkFilter({
    lists: { chatbotIds, labels },
    entries: { metadata },
    texts: [assignee, sessionId, query, ...(labels ?? [])],
  });
  const assignedMemberId = assignee == null ? undefined : parseId('member', assignee);
  return omitNull({
    ...others,
    metadata,
    // As names are stored.
    assignee: assignedMemberId === undefined ? assignee?.trim() : undefined,
    assignedMemberId,
    sessionId: sessionId?.trim(),
    labels: labels?.map((label) => label.trim()),
    chatbotIds: distinct(chatbotIds?.flatMap((id) => parseId('chatbot', id) ?? [])),
    statuses: distinct(statuses),
    lastMessageAt: toTimeRange(lastMessageAt),
    text: query == null ? null : toTextFilter(query, viewer),
  });
}

function toTextFilter(query: string, viewer: Viewer): TextFilter {
  const parsed = parseTextQuery(query);
  if (parsed === undefined) throw new BadUserInputError('`filter.query` must contain a letter or a digit.');
  return { ...parsed, withNotes: canSeePrivateNotes(viewer) };
}
