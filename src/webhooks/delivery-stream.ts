import { hash } from 'node:crypto';
import { restrictChatbots } from '../access/restriction.ts';
import type { Viewer } from '../access/viewer.ts';
import { deletionTopic, deliveriesTopic } from '../coordination/topics.ts';
import { requireFound } from '../domain/errors.ts';
import type { Feed } from '../domain/feed.ts';
import { parseId } from '../domain/ids.ts';
import type { WebhookDelivery, WebhookSubscription } from '../domain/webhooks.ts';
import type { Queryable } from '../store/tables.ts';
import {
  type DeliveryScope,
  findWebhookDeliveries,
  listNewestDeliveries,
  listNextDeliveries,
} from '../store/webhooks/deliveries.ts';
import { findWebhookSubscription } from '../store/webhooks/subscriptions.ts';
import { type EventStream, type StreamDeps, subscribe } from '../streams/subscribe.ts';

/** The maximum number of the newest deliveries, and of the deliveries due next, that a stream watches. */
const MAX_WATCHED = 100;

/** The states of the watched deliveries, by id, when they were last read for a subscriber. */
interface DeliverySnapshot {
  readonly states: ReadonlyMap<string, string>;
  /** The ids of the deliveries that have a next attempt. */
  readonly pendingIds: readonly string[];
  /** The hash of the states. */
  readonly checksum: string;
}

/**
 * Streams the deliveries of an account that the viewer may see, or of one of its subscriptions: each when it is created and when it changes.
 * The stream reads the delivery log, so a slow subscriber receives several changes of a delivery as one. Under load a
 * subscriber may miss changes; the log has all of them.
 * @throws NotFoundError before the first event.
 */
export async function subscribeToDeliveries(
  deps: Pick<StreamDeps, 'db' | 'bus'>,
  viewer: Viewer,
  { subscriptionId: givenId }: { subscriptionId?: string | null | undefined },
  signal: AbortSignal,
): Promise<Feed<WebhookDelivery>> {
  const { accountId } = viewer;
  const subscription = givenId == null ? undefined : await requireSubscription(deps.db.read, accountId, givenId);
  const filter = { accountId, subscriptionId: subscription?.id, chatbotIds: restrictChatbots(viewer, undefined) };
  const start = toSnapshot(await readWatchedDeliveries(deps.db.read, filter));
  const stream = createDeliveryStream(deps.db.read, filter);
  const chatbotId = subscription?.chatbotId;
  const deletion = chatbotId == null ? {} : { deletionTopic: deletionTopic(chatbotId) };
  return subscribe(deps.bus, viewer, { ...stream, ...deletion }, start, signal);
}

async function requireSubscription(db: Queryable, accountId: string, givenId: string): Promise<WebhookSubscription> {
  const id = requireFound('Webhook subscription', parseId('webhookSubscription', givenId));
  return requireFound('Webhook subscription', await findWebhookSubscription(db, accountId, id));
}

function createDeliveryStream(db: Queryable, filter: DeliveryScope): EventStream<DeliverySnapshot, WebhookDelivery> {
  const { accountId, subscriptionId, chatbotIds = [] } = filter;
  return {
    name: `deliveries:${accountId}:${subscriptionId ?? ''}:${chatbotIds.toSorted().join()}`,
    topic: deliveriesTopic(accountId),
    encode: ({ checksum }) => checksum,
    async read(before) {
      const isDeleted = subscriptionId !== undefined && !(await findWebhookSubscription(db, accountId, subscriptionId));
      if (isDeleted) return undefined;
      const watched = await readWatchedDeliveries(db, filter);
      const unwatchedIds = before.pendingIds.filter((id) => !watched.has(id));
      // A delivery is no longer watched when it has no next attempt, or when enough others are due before it.
      const changed = unwatchedIds.length === 0 ? [] : await findWebhookDeliveries(db, accountId, unwatchedIds);
      const updated = [...watched.values(), ...changed].filter(
        (delivery) => before.states.get(delivery.id) !== stateOf(delivery),
      );
      const position = toSnapshot(watched);
      const events = updated.toSorted(byId).map((event) => ({ event, position }));
      return { events, endPosition: position, next: 'wait' };
    },
  };
}

async function readWatchedDeliveries(db: Queryable, filter: DeliveryScope): Promise<Map<string, WebhookDelivery>> {
  const deliveries = [
    ...(await listNextDeliveries(db, filter, MAX_WATCHED)),
    ...(await listNewestDeliveries(db, filter, MAX_WATCHED)),
  ];
  return new Map(deliveries.map((delivery) => [delivery.id, delivery]));
}

function toSnapshot(watched: ReadonlyMap<string, WebhookDelivery>): DeliverySnapshot {
  const states = new Map([...watched.values()].toSorted(byId).map((delivery) => [delivery.id, stateOf(delivery)]));
  const pendingIds = [...watched.values()].flatMap(({ id, nextAttemptAt }) => (nextAttemptAt === null ? [] : id));
  return { states, pendingIds, checksum: hash('sha1', JSON.stringify([...states]), 'hex') };
}

const stateOf = ({ status, attemptCount, nextAttemptAt }: WebhookDelivery) =>
  `${status} ${attemptCount} ${nextAttemptAt}`;

const byId = (a: WebhookDelivery, b: WebhookDelivery) => (a.id < b.id ? -1 : 1);
