import type { InputShapeFromTypeParam } from '@pothos/core';
import type {
  ConversationFilter,
  ConversationOrder,
  ConversationOrderField as OrderFieldName,
} from '../../src/domain/conversation-list.ts';
import { BadUserInputError } from '../../src/domain/errors.ts';
import { parseId } from '../../src/domain/ids.ts';
import { builder } from '../builder.ts';
import { Rating } from '../messages/message.ts';
import { ConversationPriority } from './attention.ts';
import { Answerer, Channel, ConversationStatus } from './conversation.ts';

const MAX_VALUES = 100;
const MAX_METADATA = 10;
const MAX_CHARS = 255;

const TimeRangeInput = builder.inputType('TimeRange', {
  description: 'A range of time.',
  fields: (t) => ({
    since: t.field({ type: 'DateTime', description: 'The beginning of the range, included; if absent, open.' }),
    until: t.field({ type: 'DateTime', description: 'The end of the range, excluded; if absent, open.' }),
  }),
});

const MetadataEntryInput = builder.inputType('MetadataEntry', {
  description: "An entry of `metadata`, your application's data.",
  fields: (t) => ({
    key: t.string({ required: true, description: 'The key at the top level of the object.' }),
    value: t.string({
      required: true,
      description: 'The value: a text, or the JSON form of a number or boolean.',
    }),
  }),
});

/** The filter of lists of conversations. */
export const ConversationFilterInput = builder.inputType('ConversationFilter', {
  description:
    'Conditions on conversations. A conversation meets a list of values if it has any of them, so it never meets an empty list; an absent or null condition is no condition.',
  fields: (t) => ({
    chatbotIds: t.idList({ description: `The chatbots; at most ${MAX_VALUES}. Unknown ids select nothing.` }),
    statuses: t.field({ type: [ConversationStatus], description: 'The statuses.' }),
    answeredBy: t.field({ type: Answerer, description: 'The party that answers the next message of the visitor.' }),
    assignee: t.string({ description: 'The assigned person, spelled exactly.' }),
    isUnassigned: t.boolean({ description: 'True selects conversations without an assignee, false those with one.' }),
    hasUnread: t.boolean({
      description: 'True selects conversations with an `unreadCount` above 0, false the others.',
    }),
    channels: t.field({ type: [Channel], description: 'The channels.' }),
    sessionId: t.string({ description: 'The name that the client gave the conversation; unique within a chatbot.' }),
    hasLead: t.boolean({ description: 'True selects conversations with a lead, false the others.' }),
    rating: t.field({ type: Rating, description: 'The rating of at least one message on the selected branch.' }),
    labels: t.stringList({ description: `The labels; at most ${MAX_VALUES}.` }),
    priority: t.field({ type: ConversationPriority, description: 'The priority.' }),
    lastMessageAt: t.field({ type: TimeRangeInput, description: 'The range of `lastMessageAt`.' }),
    metadata: t.field({
      type: [MetadataEntryInput],
      description: `Entries of \`metadata\`; a conversation has all of them. At most ${MAX_METADATA}.`,
    }),
  }),
});

const ConversationOrderField = builder.enumType('ConversationOrderField', {
  description: 'A time by which conversations are ordered.',
  values: {
    LAST_MESSAGE_AT: { description: 'The time of the last message.' },
    CREATED_AT: { description: 'The time of the first message.' },
    WAITING_SINCE: {
      description: 'The time since which the visitor waits for a person. The list contains only those that wait.',
    },
  } satisfies Record<OrderFieldName, object>,
});

const OrderDirection = builder.enumType('OrderDirection', {
  description: 'The direction of an order.',
  values: {
    ASC: { description: 'The earliest first.' },
    DESC: { description: 'The latest first.' },
  } satisfies Record<ConversationOrder['direction'], object>,
});

/** The order of lists of conversations. */
export const ConversationOrderInput = builder.inputType('ConversationOrder', {
  description:
    'An order of conversations. Cursors belong to one order: another order refuses them with `BAD_USER_INPUT`.',
  fields: (t) => ({
    field: t.field({
      type: ConversationOrderField,
      defaultValue: 'LAST_MESSAGE_AT',
      description: 'The time that orders the list.',
    }),
    direction: t.field({
      type: OrderDirection,
      defaultValue: 'DESC',
      description: 'The direction of the order.',
    }),
  }),
});

type FilterInput = InputShapeFromTypeParam<typeof builder.$inferSchemaTypes, typeof ConversationFilterInput, false>;
type OrderInput = InputShapeFromTypeParam<typeof builder.$inferSchemaTypes, typeof ConversationOrderInput, false>;

/** Converts the order that a client has given. */
export function toOrder(input: OrderInput): ConversationOrder {
  return { field: input?.field ?? 'LAST_MESSAGE_AT', direction: input?.direction ?? 'DESC' };
}

/**
 * Converts the filter that a client has given; the result contains only conditions that are not null.
 * @throws BadUserInputError for too many or too long values.
 */
export function toFilter(input: FilterInput): ConversationFilter {
  if (input == null) return {};
  const { chatbotIds, statuses, labels, metadata, assignee, sessionId, lastMessageAt, ...others } = input;
  requireAtMost(MAX_VALUES, { chatbotIds, labels });
  requireAtMost(MAX_METADATA, { metadata });
  requireShort([assignee, sessionId, ...(labels ?? []), ...(metadata ?? []).flatMap(({ key, value }) => [key, value])]);
  const { since, until } = lastMessageAt ?? {};
  return omitNull({
    ...others,
    ...{ assignee, sessionId, labels, metadata },
    // Each chatbot and each status may be a range of an index that is read by itself, so none may occur twice.
    chatbotIds: chatbotIds && [...new Set(chatbotIds.flatMap((id) => parseId('chatbot', id) ?? []))],
    statuses: statuses && [...new Set(statuses)],
    lastMessageAt: since == null && until == null ? null : omitNull({ since, until }),
  });
}

function requireAtMost(max: number, lists: Readonly<Record<string, readonly unknown[] | null | undefined>>): void {
  for (const [name, values] of Object.entries(lists)) {
    if (values != null && values.length > max) {
      throw new BadUserInputError(`\`filter.${name}\` must have at most ${max} items.`);
    }
  }
}

function requireShort(texts: readonly (string | null | undefined)[]): void {
  if (texts.some((text) => text != null && text.length > MAX_CHARS)) {
    throw new BadUserInputError(`A text in \`filter\` must have at most ${MAX_CHARS} characters.`);
  }
}

type WithoutNull<T> = { [K in keyof T]?: NonNullable<T[K]> };

function omitNull<T extends object>(value: T): WithoutNull<T> {
  return Object.fromEntries(Object.entries(value).filter(([, field]) => field != null)) as WithoutNull<T>;
}
