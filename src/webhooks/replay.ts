import { z } from 'zod';
import type { Viewer } from '../access/viewer.ts';
import { deliveriesTopic } from '../coordination/topics.ts';
import type { Deps } from '../deps.ts';
import { InvalidInputError } from '../domain/errors.ts';
import { parseInput } from '../domain/input.ts';
import { type Timestamp, toTimestamp } from '../domain/time.ts';
import type { WebhookEvent, WebhookEventName, WebhookSubscription } from '../domain/webhooks.ts';
import { findConversations } from '../store/conversations.ts';
import type { Queryable } from '../store/tables.ts';
import { insertWebhookDeliveries } from '../store/webhooks/deliveries.ts';
import { listWebhookEvents } from '../store/webhooks/events.ts';
import { createDelivery } from '../store/webhooks/outbox.ts';
import { eventList } from './rules.ts';
import { requireActive } from './send-test.ts';
import { getLockedSubscription } from './subscriptions.ts';

/** The maximum age of an event that can be replayed. */
const MAX_AGE_MS = 30 * 24 * 60 * 60 * 1_000;

/** The maximum number of events that one replay sends. */
export const MAX_REPLAYED_EVENTS = 10_000;

const EVENTS_PER_TRANSACTION = 500;

/** The result of a replay. */
export interface Replay {
  readonly subscription: WebhookSubscription;
  readonly count: number;
  /** The `since` of the next replay; null when all events were sent. */
  readonly nextSince: Timestamp | null;
}

/** The result of one transaction of a replay. */
interface ReplayBatch {
  readonly subscription: WebhookSubscription;
  readonly count: number;
  /** The last event that was read; undefined when there was none. */
  readonly last: WebhookEvent | undefined;
  readonly hasMore: boolean;
}

/**
 * Resends the events since a given time to an endpoint, oldest first and with their original ids, at most 10,000. It
 * sends those that match the subscription as it is now. An event is available only if it matched some subscription when
 * it occurred.
 * @param input `events` absent: all events that the subscription lists.
 * @throws NotFoundError; InvalidInputError for a time more than 30 days ago, for events that the subscription does not
 * list, and when the subscription is switched off.
 */
export async function replayWebhooks(
  { db, clock, bus }: Pick<Deps, 'db' | 'clock' | 'bus'>,
  { accountId }: Pick<Viewer, 'accountId'>,
  { id, since, ...input }: { id: string; since: Timestamp; events?: readonly WebhookEventName[] | null | undefined },
): Promise<Replay> {
  const { events } = parseInput(z.object({ events: eventList.optional() }), input);
  const now = clock.now();
  if (since < toTimestamp(now - MAX_AGE_MS)) {
    throw new InvalidInputError([{ path: ['since'], message: 'Must be at most 30 days ago.' }]);
  }
  let [count, after] = [0, ''];
  while (true) {
    const limit = Math.min(EVENTS_PER_TRANSACTION, MAX_REPLAYED_EVENTS - count);
    const batch = await db.transaction(async (trx): Promise<ReplayBatch> => {
      const { subscription } = await getLockedSubscription(trx, accountId, id);
      requireActive(subscription);
      const { chatbotId } = subscription;
      const names = namesOf(subscription, events);
      const candidates = await listWebhookEvents(trx, accountId, { chatbotId, names, since, after, limit });
      const matching = await filterByChannel(trx, subscription, candidates);
      const at = toTimestamp(now);
      await insertWebhookDeliveries(
        trx,
        matching.map((event) => createDelivery(event, subscription.id, at)),
      );
      return { subscription, count: matching.length, last: candidates.at(-1), hasMore: candidates.length === limit };
    });
    const { subscription, last, hasMore } = batch;
    count += batch.count;
    bus.publish(deliveriesTopic(accountId));
    if (!hasMore || last === undefined) return { subscription, count, nextSince: null };
    if (count === MAX_REPLAYED_EVENTS) return { subscription, count, nextSince: last.at };
    after = last.id;
  }
}

/** @throws InvalidInputError */
function namesOf({ events }: WebhookSubscription, requested: readonly WebhookEventName[] | undefined) {
  const unlisted = requested?.find((name) => !events.includes(name));
  if (unlisted !== undefined) {
    throw new InvalidInputError([{ path: ['events'], message: `The subscription does not list ${unlisted}.` }]);
  }
  return requested ?? events;
}

/** Selects the events of the subscription's channels. Events of deleted conversations are left out. */
async function filterByChannel(
  trx: Queryable,
  { accountId, channels }: WebhookSubscription,
  events: readonly WebhookEvent[],
): Promise<readonly WebhookEvent[]> {
  if (channels === null) return events;
  const ids = [...new Set(events.flatMap(({ conversationId }) => conversationId ?? []))];
  const conversations = ids.length === 0 ? [] : await findConversations(trx, accountId, ids);
  const matchingIds = new Set(conversations.filter(({ channel }) => channels.includes(channel)).map(({ id }) => id));
  return events.filter(({ conversationId }) => conversationId === null || matchingIds.has(conversationId));
}
