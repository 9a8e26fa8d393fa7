import type { Viewer } from '../access/viewer.ts';
import { deliveriesTopic } from '../coordination/topics.ts';
import type { Deps } from '../deps.ts';
import { InvalidInputError } from '../domain/errors.ts';
import { toTimestamp } from '../domain/time.ts';
import type { WebhookDelivery, WebhookEventName, WebhookSubscription } from '../domain/webhooks.ts';
import { listChatbots } from '../store/chatbots.ts';
import type { Queryable } from '../store/tables.ts';
import { insertWebhookDeliveries } from '../store/webhooks/deliveries.ts';
import { insertWebhookEvent } from '../store/webhooks/events.ts';
import { createDelivery } from '../store/webhooks/outbox.ts';
import { chatbotIdOfSample, createSample } from './samples.ts';
import { getLockedSubscription } from './subscriptions.ts';

/**
 * Sends a sample event to an endpoint, as an ordinary delivery, whether or not the subscription lists the event. No
 * other endpoint gets it, and it is never replayed.
 * @throws NotFoundError; InvalidInputError when the subscription is switched off.
 */
export async function sendTestWebhook(
  { db, clock, bus }: Pick<Deps, 'db' | 'clock' | 'bus'>,
  { accountId }: Pick<Viewer, 'accountId'>,
  { id, event: name }: { id: string; event: WebhookEventName },
): Promise<WebhookDelivery> {
  const at = toTimestamp(clock.now());
  const delivery = await db.transaction(async (trx) => {
    const { subscription } = await getLockedSubscription(trx, accountId, id);
    requireActive(subscription);
    const chatbotId = subscription.chatbotId ?? (await findAnyChatbot(trx, accountId));
    const event = createSample(name, { accountId, chatbotId: chatbotIdOfSample(name, chatbotId), at });
    await insertWebhookEvent(trx, event, { isTest: true });
    const created = createDelivery(event, subscription.id, at);
    await insertWebhookDeliveries(trx, [created]);
    return created;
  });
  bus.publish(deliveriesTopic(accountId));
  return delivery;
}

/**
 * Checks that a subscription is active.
 * @throws InvalidInputError
 */
export function requireActive({ isActive }: WebhookSubscription): void {
  if (!isActive) {
    throw new InvalidInputError([{ path: [], message: 'The subscription is switched off: nothing is sent to it.' }]);
  }
}

async function findAnyChatbot(trx: Queryable, accountId: string): Promise<string | null> {
  const [chatbot] = await listChatbots(trx, accountId, { limit: 1 });
  return chatbot?.id ?? null;
}
