import type { InputShapeFromTypeParam } from '@pothos/core';
import { SOURCE_ORDERS, type SourceFilter, type SourceOrderField } from '../../src/domain/list-filters.ts';
import { countSources, listSources } from '../../src/store/lists/source-list.ts';
import { builder } from '../builder.ts';
import { ChatbotRef } from '../chatbots/chatbot.ts';
import { pageExtensions } from '../connection.ts';
import { checkFilter, distinct, FILTER_RULES, omitNull, TimeRangeInput, toTimeRange } from '../list-inputs.ts';
import { defineOrder, LIST_RULES, paginateOrdered } from '../ordered-list.ts';
import { SourceConnection, SourceRef, SourceStatus, SourceType } from './source.ts';

const SourceFilterInput = builder.inputType('SourceFilter', {
  description: `Conditions on sources. ${FILTER_RULES}`,
  fields: (t) => ({
    types: t.field({ type: [SourceType], description: 'The origins.' }),
    statuses: t.field({ type: [SourceStatus], description: 'The statuses.' }),
    title: t.string({ description: 'A text that the title contains. The case of the letters A to Z is ignored.' }),
    updatedAt: t.field({ type: TimeRangeInput, description: 'The range of `updatedAt`.' }),
  }),
});

const { orderBy, toOrder } = defineOrder<SourceOrderField>(
  'Source',
  {
    CREATED_AT: 'The order of creation. It is independent of the clock, which may have been set back.',
    UPDATED_AT: 'The time of the last change.',
    TITLE: 'The title by the Unicode code points of its characters; the case of the letters A to Z is ignored.',
  },
  { field: 'CREATED_AT', direction: 'DESC' },
);

builder.objectField(ChatbotRef, 'sources', (t) =>
  t.connection(
    {
      type: SourceRef,
      authScopes: { READ: true },
      description: `The sources of the chatbot; without \`orderBy\`, the newest come first. ${LIST_RULES} Needs \`READ\`.`,
      args: {
        filter: t.arg({
          type: SourceFilterInput,
          description: 'The conditions that all returned sources meet; if absent, none.',
        }),
        orderBy: t.arg(orderBy),
      },
      extensions: pageExtensions,
      resolve: ({ id: chatbotId }, { filter: filterInput, orderBy, ...args }, { deps, viewer, loaders }) => {
        const [filter, order] = [toFilter(filterInput), toOrder(orderBy)];
        const selection = { chatbotId, filter, order };
        const isPlain = Object.keys(filter).length === 0;
        return paginateOrdered(
          { orders: SOURCE_ORDERS, order },
          args,
          async (page) =>
            isPlain
              ? { items: await loaders.sourcePages.load({ chatbotId, order, page }) }
              : listSources(deps.db.read, viewer.accountId, selection, page),
          () =>
            isPlain
              ? loaders.rowCount.load({ table: 'sources', values: {}, ownerId: chatbotId })
              : countSources(deps.db.read, viewer.accountId, selection),
        );
      },
    },
    SourceConnection,
  ),
);

type FilterInput = InputShapeFromTypeParam<typeof builder.$inferSchemaTypes, typeof SourceFilterInput, false>;

function toFilter(input: FilterInput): SourceFilter {
  if (input == null) return {};
  const { types, statuses, title, updatedAt } = input;
  checkFilter({ texts: [title] });
  return omitNull({
    ...{ types: distinct(types), statuses: distinct(statuses), title },
    updatedAt: toTimeRange(updatedAt),
  });
}
