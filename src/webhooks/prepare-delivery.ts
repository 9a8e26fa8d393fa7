import type { Deps } from '../deps.ts';
import { findWebhookEvent } from '../store/webhooks/events.ts';
import { type ClaimedDelivery, type ReadyDelivery, storeBody } from '../store/webhooks/queue.ts';
import { buildBody } from './body.ts';

/**
 * Builds the body of a claimed delivery from its subscription's document and stores it; a stored body never changes.
 * Undefined when there is nothing to send: the delivery was deleted, another process has claimed it, or the database
 * failed. After a database failure the delivery is attempted again when its lease expires.
 */
export async function prepareDelivery(
  { db, logger, selections }: Pick<Deps, 'db' | 'logger' | 'selections'>,
  claimed: ClaimedDelivery,
): Promise<ReadyDelivery | undefined> {
  const { delivery, endpoint, body } = claimed;
  if (body !== null) return { ...claimed, body };
  const { id: subscription, document } = endpoint.subscription;
  const logFields = { account: delivery.accountId, subscription, delivery: delivery.id };
  try {
    const event = await findWebhookEvent(db.read, delivery.accountId, delivery.eventId);
    if (event === undefined || document === null) return undefined;
    const result = await buildBody(selections, document, event);
    const ready = await db.transaction((trx) => storeBody(trx, claimed, result));
    if (ready !== undefined && result.problem !== null) {
      logger.warn({ ...logFields, problem: result.problem }, 'a webhook document failed; the default body is sent');
    }
    return ready;
  } catch (error) {
    logger.error({ ...logFields, err: error }, 'cannot build the body of a webhook delivery; trying again');
    return undefined;
  }
}
