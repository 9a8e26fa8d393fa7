import type { Lead, Source, SourceStatus, SourceType } from './entities.ts';
import type { ListOrder, ListOrders, TimeRange } from './ordered-list.ts';
import type { DeliveryStatus, WebhookDelivery, WebhookEventName } from './webhooks.ts';

/** Selects leads of an account: those that meet all given conditions. */
export interface LeadFilter {
  readonly chatbotIds?: readonly string[] | undefined;
  /** The name, the email address or the phone number contains this text. The case of the letters A to Z is ignored. */
  readonly query?: string | undefined;
  /** The whole email address; the case of the letters A to Z is ignored. */
  readonly email?: string | undefined;
  readonly createdAt?: TimeRange | undefined;
  /** The custom data has each of these texts, numbers or booleans. */
  readonly customData?: readonly { readonly key: string; readonly value: string }[] | undefined;
}

/** Selects sources of a chatbot: those that meet all given conditions. */
export interface SourceFilter {
  readonly types?: readonly SourceType[] | undefined;
  readonly statuses?: readonly SourceStatus[] | undefined;
  /** The title contains this text. The case of the letters A to Z is ignored. */
  readonly title?: string | undefined;
  readonly updatedAt?: TimeRange | undefined;
}

/** Selects deliveries of a subscription: those that meet all given conditions. */
export interface DeliveryFilter {
  readonly statuses?: readonly DeliveryStatus[] | undefined;
  readonly events?: readonly WebhookEventName[] | undefined;
  readonly eventId?: string | undefined;
  readonly createdAt?: TimeRange | undefined;
}

/** The order of a list of leads. */
export type LeadOrder = ListOrder<'CREATED_AT'>;

/** The fields that order sources. */
export type SourceOrderField = 'CREATED_AT' | 'UPDATED_AT' | 'TITLE';
/** The order of a list of sources. */
export type SourceOrder = ListOrder<SourceOrderField>;

/** The order of a list of deliveries. */
export type DeliveryOrder = ListOrder<'CREATED_AT'>;

/** The orders of lists of leads. */
export const LEAD_ORDERS: ListOrders<Lead, 'CREATED_AT'> = { kind: 'lead', values: { CREATED_AT: null } };

/** The orders of lists of sources. */
export const SOURCE_ORDERS: ListOrders<Source, SourceOrderField> = {
  kind: 'source',
  values: { CREATED_AT: null, UPDATED_AT: ({ updatedAt }) => updatedAt, TITLE: ({ title }) => foldCase(title) },
};

/** The orders of lists of deliveries. */
export const DELIVERY_ORDERS: ListOrders<WebhookDelivery, 'CREATED_AT'> = {
  kind: 'webhookDelivery',
  values: { CREATED_AT: null },
};

/** Replaces the letters A to Z by small letters, and nothing else, as both databases do. */
export function foldCase(text: string): string {
  return text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}
