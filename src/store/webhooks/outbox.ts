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

/** What is told of an event. */
export interface EventPayload
  extends Partial<Pick<WebhookEvent, 'conversationId' | 'messageId' | 'leadId' | 'sourceId'>> {
  /** The inside of the default body. */
  readonly data: Readonly<Record<string, unknown>>;
  /** The way the conversation came in; absent for what belongs to none. */
  readonly channel?: Channel;
}

/** Something that happens, and how to say what. */
export interface OutboxEvent {
  readonly name: WebhookEventName;
  /** Asked only where somebody wants to be told. */
  buildPayload(): EventPayload | Promise<EventPayload>;
}

/**
 * Writes what happens and to whom it will be told, in the transaction in which it happens: neither is lost, and neither is
 * told of what was rolled back. Where nobody wants to be told it costs one read, and nothing is written.
 * @param chatbotId null for what belongs to no chatbot: it is told to those who listen to all of them.
 */
export async function enqueueEvents(
  trx: Queryable,
  { accountId, chatbotId, at }: { accountId: string; chatbotId: string | null; at: Timestamp },
  happenings: readonly OutboxEvent[],
): Promise<void> {
  const wishes = await listEventFilters(trx, accountId);
  for (const { name, buildPayload } of wishes.length === 0 ? [] : happenings) {
    const interested = wishes.filter(
      (wish) => wish.events.includes(name) && (wish.chatbotId === null || wish.chatbotId === chatbotId),
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

/** Makes the delivery of an event to a subscription, due at once. @param newest what its id is to sort after. */
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
