import type { InputShapeFromTypeParam } from '@pothos/core';
import { restrictFilter } from '../../src/access/restriction.ts';
import { parseId } from '../../src/domain/ids.ts';
import { LEAD_ORDERS, type LeadFilter, type LeadOrder } from '../../src/domain/list-filters.ts';
import { countLeads, listLeads } from '../../src/store/lists/lead-list.ts';
import { builder } from '../builder.ts';
import { type PageArgs, pageExtensions } from '../connection.ts';
import type { GraphContext } from '../context.ts';
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
import { ACCOUNT_LIST_RULES, defineOrder, LIST_RULES, paginateOrdered } from '../ordered-list.ts';
import { ChatbotRef } from './chatbot.ts';
import { LeadConnection, LeadRef } from './lead.ts';

const LeadFilterInput = builder.inputType('LeadFilter', {
  description: `Conditions on leads. ${FILTER_RULES}`,
  fields: (t) => ({
    chatbotIds: t.idList({ description: `The chatbots; at most ${MAX_VALUES}. Unknown ids select nothing.` }),
    query: t.string({
      description:
        'A text that the name, the email address or the phone number contains. The case of the letters A to Z is ignored.',
    }),
    email: t.string({ description: 'The whole email address. The case of the letters A to Z is ignored.' }),
    createdAt: t.field({ type: TimeRangeInput, description: 'The range of `createdAt`.' }),
    customData: t.field({
      type: [JSONEntryInput],
      description: `Entries of \`customData\`; a lead has all of them. At most ${MAX_ENTRIES}.`,
    }),
  }),
});

const { orderBy, toOrder } = defineOrder(
  'Lead',
  { CREATED_AT: 'The order of creation. It is independent of the clock, which may have been set back.' },
  { field: 'CREATED_AT', direction: 'DESC' },
);

const filter = {
  type: LeadFilterInput,
  description: 'The conditions that all returned leads meet; if absent, none.',
} as const;

builder.objectField(ChatbotRef, 'leads', (t) =>
  t.connection(
    {
      type: LeadRef,
      authScopes: { READ: true },
      description: `The leads from the conversations of the chatbot; without \`orderBy\`, the newest come first. ${LIST_RULES} Needs \`READ\`.`,
      args: { filter: t.arg(filter), orderBy: t.arg(orderBy) },
      extensions: pageExtensions,
      resolve: ({ id }, { filter, orderBy, ...args }, context) => {
        const { chatbotIds = [id], ...others } = toFilter(filter);
        const ofChatbot = { ...others, chatbotIds: chatbotIds.includes(id) ? [id] : [] };
        const isPlain = Object.keys(others).length === 0 && ofChatbot.chatbotIds.length > 0;
        const countAll = () => context.loaders.rowCount.load({ table: 'leads', values: {}, ownerId: id });
        return paginateLeads(
          context,
          { filter: ofChatbot, order: toOrder(orderBy) },
          args,
          isPlain ? countAll : undefined,
        );
      },
    },
    LeadConnection,
  ),
);

builder.queryField('leads', (t) =>
  t.connection(
    {
      type: LeadRef,
      allowsRestricted: true,
      authScopes: { READ: true },
      description: `The leads from the conversations of all chatbots; without \`orderBy\`, the newest come first. ${ACCOUNT_LIST_RULES} Needs \`READ\`.`,
      args: { filter: t.arg(filter), orderBy: t.arg(orderBy) },
      extensions: pageExtensions,
      resolve: (_root, { filter: filterInput, orderBy, ...args }, context) => {
        const filter = restrictFilter(context.viewer, toFilter(filterInput));
        return paginateLeads(context, { filter, order: toOrder(orderBy) }, args);
      },
    },
    LeadConnection,
  ),
);

function paginateLeads(
  { deps, viewer }: GraphContext,
  selection: { filter: LeadFilter; order: LeadOrder },
  args: PageArgs,
  countTotal = () => countLeads(deps.db.read, viewer.accountId, selection),
) {
  return paginateOrdered(
    { orders: LEAD_ORDERS, order: selection.order },
    args,
    (page) => listLeads(deps.db.read, viewer.accountId, selection, page),
    countTotal,
  );
}

type FilterInput = InputShapeFromTypeParam<typeof builder.$inferSchemaTypes, typeof LeadFilterInput, false>;

function toFilter(input: FilterInput): LeadFilter {
  if (input == null) return {};
  const { chatbotIds, query, email, createdAt, customData } = input;
  checkFilter({ lists: { chatbotIds }, entries: { customData }, texts: [query, email] });
  return omitNull({
    ...{ query, email: email?.trim(), customData },
    chatbotIds: distinct(chatbotIds?.flatMap((id) => parseId('chatbot', id) ?? [])),
    createdAt: toTimeRange(createdAt),
  });
}
