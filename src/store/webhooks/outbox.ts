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

/** The content of an event for webhooks. */
export interface EventPayload
  extends Partial<Pick<WebhookEvent, 'conversationId' | 'messageId' | 'leadId' | 'sourceId'>> {
  /** The `data` member of the default body. */
  readonly data: Readonly<Record<string, unknown>>;
  /** The conversation's channel; absent for an event without a conversation. */
  readonly channel?: Channel;
}

/** An event for webhooks, with a function that builds its content. */
export interface OutboxEvent {
  readonly name: WebhookEventName;
  /** Called only if a subscription matches the event's name and chatbot; its channels may still exclude the event. */
  buildPayload(): EventPayload | Promise<EventPayload>;
}

/**
 * Writes events, and a delivery for each matching subscription, in the transaction of the change. So no event is lost,
 * and a rollback removes both. Without a matching subscription, costs one read and writes nothing.
 * @param chatbotId null for an event without a chatbot: only subscriptions to all chatbots receive it.
 */
export async function enqueueEvents(
  trx: Queryable,
  { accountId, chatbotId, at }: { accountId: string; chatbotId: string | null; at: Timestamp },
  events: readonly OutboxEvent[],
): Promise<void> {
  const filters = await listEventFilters(trx, accountId);
  for (const { name, buildPayload } of filters.length === 0 ? [] : events) {
    const candidates = filters.filter(
      (filter) => filter.events.includes(name) && (filter.chatbotId === null || filter.chatbotId === chatbotId),
    );
    if (candidates.length === 0) continue;
    const { data, channel, ...subjects } = await buildPayload();
    const matching = candidates.filter(({ channels }) => matchesChannel(channels, channel));
    if (matching.length === 0) continue;
    const event: WebhookEvent = {
      id: createIdAfter('webhookEvent', await findNewestId(trx, 'webhook_events', accountId)),
      ...{ accountId, chatbotId, name },
      ...{ conversationId: null, messageId: null, leadId: null, sourceId: null, ...subjects },
      data: toJson(data),
      at,
    };
    await insertWebhookEvent(trx, event);
    const newestId = await findNewestId(trx, 'webhook_deliveries', accountId);
    await insertWebhookDeliveries(
      trx,
      matching.map(({ id }) => createDelivery(event, id, at, newestId)),
    );
  }
}

function matchesChannel(channels: EventFilter['channels'], channel: Channel | undefined): boolean {
  return channels === null || channel === undefined || channels.includes(channel);
}

/**
 * Creates the delivery of an event to a subscription, due immediately.
 * @param newestId the id that the delivery's id must sort after.
 */
export function createDelivery(
  event: WebhookEvent,
  subscriptionId: string,
  at: Timestamp,
  newestId?: string,
): WebhookDelivery {
  return {
    id: createIdAfter('webhookDelivery', newestId),
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
