import type { Channel } from '../../domain/entities.ts';
import { createIdAfter } from '../../domain/ids.ts';
import { toJson } from '../../domain/json.ts';
import type { Timestamp } from '../../domain/time.ts';
import type { WebhookDelivery, WebhookEvent, WebhookEventName } from '../../domain/webhooks.ts';
import { findNewestId } from '../newest-ids.ts';
import type { Queryable } from '../tables.ts';
import { insertWebhookDeliveries } from './deliveries.ts';
import { insertWebhookEvent } from './events.ts';
import { type EventFilter, listEventFilters } from './subscriptions.ts';

/** The content of an outbox event. */
export interface EventPayload
  extends Partial<Pick<WebhookEvent, 'conversationId' | 'messageId' | 'leadId' | 'sourceId'>> {
  /** The `data` member of the default body. */
  readonly data: Readonly<Record<string, unknown>>;
  /** The conversation's channel; absent for an event without a conversation. */
  readonly channel?: Channel;
}

/** An event for webhooks, with a function that reads its content. */
export interface OutboxEvent {
  readonly name: WebhookEventName;
  /** Called only when a subscription's filter matches. */
  buildPayload(): EventPayload | Promise<EventPayload>;
}

/**
 * Writes events and a delivery for each matching subscription, in the transaction of the change: neither is lost, and a
 * rollback removes both. Without a matching subscription it costs one read and writes nothing.
 * @param chatbotId null for an event without a chatbot: only subscriptions to all chatbots receive it.
 */
export async function enqueueEvents(
  trx: Queryable,
  { accountId, chatbotId, at }: { accountId: string; chatbotId: string | null; at: Timestamp },
  events: readonly OutboxEvent[],
): Promise<void> {
  const filters = await listEventFilters(trx, accountId);
  for (const { name, buildPayload } of filters.length === 0 ? [] : events) {
    const interested = filters.filter(
      (filter) => filter.events.includes(name) && (filter.chatbotId === null || filter.chatbotId === chatbotId),
    );
    if (interested.length === 0) continue;
    const { data, channel, ...about } = await buildPayload();
    const wanting = interested.filter(({ channels }) => wants(channels, channel));
    if (wanting.length === 0) continue;
    const event: WebhookEvent = {
      id: createIdAfter('webhookEvent', await findNewestId(trx, 'webhook_events', accountId)),
      ...{ accountId, chatbotId, name },
      ...{ conversationId: null, messageId: null, leadId: null, sourceId: null, ...about },
      data: toJson(data),
      at,
    };
    await insertWebhookEvent(trx, event);
    const newest = await findNewestId(trx, 'webhook_deliveries', accountId);
    await insertWebhookDeliveries(
      trx,
      wanting.map(({ id }) => createDelivery(event, id, at, newest)),
    );
  }
}

function wants(channels: EventFilter['channels'], channel: Channel | undefined): boolean {
  return channels === null || channel === undefined || channels.includes(channel);
}

/**
 * Creates the delivery of an event to a subscription, due at once.
 * @param newest the id that the delivery's id must sort after.
 */
export function createDelivery(
  event: WebhookEvent,
  subscriptionId: string,
  at: Timestamp,
  newest?: string,
): WebhookDelivery {
  return {
    id: createIdAfter('webhookDelivery', newest),
    accountId: event.accountId,
    subscriptionId,
    eventId: event.id,
    name: event.name,
    status: 'PENDING',
    ...{ body: null, bodyProblem: null },
    attemptCount: 0,
    nextAttemptAt: at,
    createdAt: at,
  };
}
