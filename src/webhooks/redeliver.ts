import type { Viewer } from '../access/viewer.ts';
import { deliveriesTopic } from '../coordination/topics.ts';
import type { Deps } from '../deps.ts';
import { requireFound } from '../domain/errors.ts';
import { parseId } from '../domain/ids.ts';
import { toTimestamp } from '../domain/time.ts';
import type { WebhookDelivery } from '../domain/webhooks.ts';
import { findWebhookDelivery, makeWebhookDeliveryDue } from '../store/webhooks/deliveries.ts';
import { requireActive } from './send-test.ts';
import { getLockedSubscription } from './subscriptions.ts';

/**
 * Makes a delivery due again: the same event with the same id and the same bytes. The attempt count continues.
 * @throws NotFoundError; InvalidInputError when the subscription is switched off.
 */
export async function redeliverWebhook(
  { db, clock, bus }: Pick<Deps, 'db' | 'clock' | 'bus'>,
  { accountId }: Pick<Viewer, 'accountId'>,
  input: { id: string },
): Promise<WebhookDelivery> {
  const id = requireFound('Webhook delivery', parseId('webhookDelivery', input.id));
  const due = await db.transaction(async (trx) => {
    const { subscriptionId } = requireFound('Webhook delivery', await findWebhookDelivery(trx, accountId, id));
    requireActive((await getLockedSubscription(trx, accountId, subscriptionId)).subscription);
    const at = toTimestamp(clock.now());
    return requireFound('Webhook delivery', await makeWebhookDeliveryDue(trx, accountId, id, at));
  });
  bus.publish(deliveriesTopic(accountId));
  return due;
}
