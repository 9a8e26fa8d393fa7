import { sql } from 'kysely';
import { DELIVERY_ORDERS, type DeliveryFilter, type DeliveryOrder } from '../../domain/list-filters.ts';
import type { ListPosition } from '../../domain/ordered-list.ts';
import type { WebhookDelivery } from '../../domain/webhooks.ts';
import type { Page } from '../pages.ts';
import type { Queryable } from '../tables.ts';
import { toDelivery } from '../webhooks/deliveries.ts';
import { isIn, listTimeConditions } from './conditions.ts';
import { countFiltered, type FilteredPage, type IndexRange, readFilteredPage } from './filtered-list.ts';

/** Selects deliveries of a subscription, in an order. */
export interface DeliverySelection {
  readonly subscriptionId: string;
  readonly filter: DeliveryFilter;
  readonly order: DeliveryOrder;
}

/**
 * Reads a page of a subscription's deliveries that meet a filter: see `readFilteredPage`. Uses
 * `webhook_deliveries_by_subscription`, `webhook_deliveries_by_status` or `webhook_deliveries_by_event`.
 */
export function listWebhookDeliveries(
  db: Queryable,
  accountId: string,
  selection: DeliverySelection,
  page: Page<ListPosition>,
): Promise<FilteredPage<WebhookDelivery>> {
  return readFilteredPage(db, toFilteredList(accountId, selection), page);
}

/** Counts a subscription's deliveries that meet a filter: see `countFiltered`. */
export function countWebhookDeliveries(
  db: Queryable,
  accountId: string,
  selection: DeliverySelection,
): Promise<number> {
  return countFiltered(db, toFilteredList(accountId, selection));
}

function toFilteredList(accountId: string, selection: DeliverySelection) {
  return {
    table: 'webhook_deliveries',
    orders: DELIVERY_ORDERS,
    order: selection.order,
    column: null,
    ranges: chooseRanges(accountId, selection),
    toItem: toDelivery,
  } as const;
}

function chooseRanges(accountId: string, { subscriptionId, filter }: DeliverySelection): IndexRange[] {
  const { statuses, events, eventId } = filter;
  if (statuses?.length === 0 || events?.length === 0) return [];
  const ofSubscription = sql`subscription_id = ${subscriptionId}`;
  const checks = [
    ...[sql`account_id = ${accountId}`, ofSubscription],
    statuses && isIn('status', statuses),
    events && isIn('name', events),
    ...Object.values(listTimeConditions('created_at', filter.createdAt)),
  ].filter((check) => check !== undefined);
  if (eventId !== undefined) return [{ where: sql`event_id = ${eventId}`, checks }];
  if (statuses === undefined) return [{ where: ofSubscription, checks }];
  return statuses.map((status) => ({ where: sql`${ofSubscription} and status = ${status}`, checks }));
}
