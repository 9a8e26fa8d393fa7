import type { InputShapeFromTypeParam } from '@pothos/core';
import { parseId } from '../../src/domain/ids.ts';
import { DELIVERY_ORDERS, type DeliveryFilter } from '../../src/domain/list-filters.ts';
import { countWebhookDeliveries, listWebhookDeliveries } from '../../src/store/lists/delivery-list.ts';
import { builder } from '../builder.ts';
import { pageExtensions } from '../connection.ts';
import { distinct, FILTER_RULES, omitNull, TimeRangeInput, toTimeRange } from '../list-inputs.ts';
import { defineOrder, LIST_RULES, paginateOrdered } from '../ordered-list.ts';
import { DeliveryStatus, WebhookDeliveryConnection, WebhookDeliveryRef } from './delivery.ts';
import { WebhookEventType } from './event.ts';
import { WebhookSubscriptionRef } from './subscription.ts';

const DeliveryFilterInput = builder.inputType('WebhookDeliveryFilter', {
  description: `Conditions on deliveries. ${FILTER_RULES}`,
  fields: (t) => ({
    statuses: t.field({ type: [DeliveryStatus], description: 'The statuses.' }),
    events: t.field({ type: [WebhookEventType], description: 'The types of the events.' }),
    eventId: t.id({
      description:
        'The id of the event, which a receiver finds in the header `webhook-id`. An unknown id selects nothing.',
    }),
    createdAt: t.field({ type: TimeRangeInput, description: 'The range of `createdAt`.' }),
  }),
});

const { orderBy, toOrder } = defineOrder(
  'WebhookDelivery',
  { CREATED_AT: 'The order of creation. It is independent of the clock, which may have been set back.' },
  { field: 'CREATED_AT', direction: 'DESC' },
);

builder.objectField(WebhookSubscriptionRef, 'deliveries', (t) =>
  t.connection(
    {
      type: WebhookDeliveryRef,
      description: `The deliveries of the last \`EVENT_RETENTION_DAYS\` days; without \`orderBy\`, the newest come first. ${LIST_RULES}`,
      args: {
        filter: t.arg({
          type: DeliveryFilterInput,
          description: 'The conditions that all returned deliveries meet; if absent, none.',
        }),
        orderBy: t.arg(orderBy),
      },
      extensions: pageExtensions,
      resolve: (subscription, { filter: filterInput, orderBy, ...args }, { deps, viewer, loaders }) => {
        const [filter, order] = [toFilter(filterInput), toOrder(orderBy)];
        const selection = { subscriptionId: subscription.id, filter, order };
        return paginateOrdered(
          { orders: DELIVERY_ORDERS, order },
          args,
          (page) => listWebhookDeliveries(deps.db.read, viewer.accountId, selection, page),
          () =>
            Object.keys(filter).length === 0
              ? loaders.rowCount.load({ table: 'webhook_deliveries', values: {}, ownerId: subscription.id })
              : countWebhookDeliveries(deps.db.read, viewer.accountId, selection),
        );
      },
    },
    WebhookDeliveryConnection,
  ),
);

type FilterInput = InputShapeFromTypeParam<typeof builder.$inferSchemaTypes, typeof DeliveryFilterInput, false>;

function toFilter(input: FilterInput): DeliveryFilter {
  if (input == null) return {};
  const { statuses, events, eventId, createdAt } = input;
  return omitNull({
    ...{ statuses: distinct(statuses), events: distinct(events), createdAt: toTimeRange(createdAt) },
    // No event has the empty id.
    eventId: eventId == null ? null : (parseId('webhookEvent', eventId) ?? ''),
  });
}
