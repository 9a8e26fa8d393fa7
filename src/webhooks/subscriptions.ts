import { z } from 'zod';
import type { Viewer } from '../access/viewer.ts';
import type { Deps } from '../deps.ts';
import type { Channel, Scope } from '../domain/entities.ts';
import { InvalidInputError, requireFound } from '../domain/errors.ts';
import { createId, parseId } from '../domain/ids.ts';
import { parseChanges, parseInput } from '../domain/input.ts';
import { type Timestamp, toTimestamp } from '../domain/time.ts';
import {
  ADMINISTRATIVE_EVENTS,
  type WebhookEventName,
  type WebhookSchedule,
  type WebhookSubscription,
} from '../domain/webhooks.ts';
import { createAddressRules } from '../outbound/addresses.ts';
import { lockAccount } from '../store/accounts.ts';
import { findChatbot } from '../store/chatbots.ts';
import type { Queryable } from '../store/tables.ts';
import {
  countWebhookSubscriptions,
  deleteWebhookSubscription as deleteStoredSubscription,
  insertWebhookSubscription,
  lockWebhookSubscription,
  updateWebhookSubscription as updateStoredSubscription,
} from '../store/webhooks/subscriptions.ts';
import { createSubscriptionRules } from './rules.ts';
import { sealHeaders, sealSecret, unsealParts } from './sealed.ts';
import { createSecret } from './secret.ts';

/** The maximum number of subscriptions of an account. */
export const MAX_SUBSCRIPTIONS = 50;

/** How long the previous secret stays valid after a rotation. */
const OLD_SECRET_MS = 24 * 60 * 60 * 1_000;

/**
 * The fields of a subscription that its owner sets. An absent field keeps its value, null resets it to its default; in a
 * new subscription both mean the default.
 */
export interface SubscriptionFields {
  readonly url?: string | null | undefined;
  readonly events?: readonly WebhookEventName[] | null | undefined;
  readonly description?: string | null | undefined;
  /** Null, the default, or an empty list: all channels. */
  readonly channels?: readonly Channel[] | null | undefined;
  readonly schedule?: WebhookSchedule | null | undefined;
  /** The document that selects the bodies' data; null, the default: default bodies are sent. */
  readonly document?: string | null | undefined;
  /** All custom headers, which replace the previous ones; at most 10, none by default. */
  readonly headers?: readonly { readonly name: string; readonly value: string }[] | null | undefined;
}

type ChangeDeps = Pick<Deps, 'config' | 'db' | 'clock' | 'sealer' | 'selections'>;
type Owner = Pick<Viewer, 'accountId'>;
/** A viewer who determines what data is sent where, and therefore needs permission to read the data. */
type Author = Pick<Viewer, 'accountId' | 'scopes' | 'chatbotIds'>;

/**
 * Subscribes an endpoint to events from now on.
 * @param input `chatbotId` absent: the events of all chatbots, and those that belong to no chatbot.
 * @returns the subscription with its secret, which is never shown again.
 * @throws InvalidInputError, also for events whose bodies contain data that the viewer may not read, when a viewer that is
 * restricted to chatbots names none, when the account has 50 subscriptions, and when the gateway has no key to seal
 * with; NotFoundError for the chatbot.
 */
export async function createWebhookSubscription(
  deps: ChangeDeps,
  { accountId, scopes, chatbotIds }: Author,
  {
    chatbotId,
    ...input
  }: SubscriptionFields & { chatbotId?: string | null | undefined; url: string; events: readonly WebhookEventName[] },
): Promise<{ subscription: WebhookSubscription; secret: string }> {
  const fields = parseInput(createSubscriptionRules(createAddressRules(deps.config.allowedAddresses)), { ...input });
  requireDocument(deps, fields.document);
  requireEvents(scopes, fields.events, 'events');
  if (chatbotIds !== undefined && chatbotId == null) {
    throw new InvalidInputError([
      { path: ['chatbotId'], message: 'This credential is restricted to some chatbots: name one of them.' },
    ]);
  }
  const at = toTimestamp(deps.clock.now());
  const id = createId('webhookSubscription');
  const secret = createSecret();
  const sealed = {
    sealedSecret: sealSecret(deps.sealer, id, 'sealed_secret', secret),
    sealedOldSecret: null,
    oldSecretUntil: null,
    sealedHeaders: sealHeaders(deps.sealer, id, fields.headers ?? {}),
  };
  return deps.db.transaction(async (trx) => {
    const ownChatbotId = chatbotId == null ? null : await requireChatbot(trx, accountId, chatbotId);
    await lockAccount(trx, accountId);
    if ((await countWebhookSubscriptions(trx, accountId)) >= MAX_SUBSCRIPTIONS) {
      throw new InvalidInputError([
        { path: [], message: `The account has ${MAX_SUBSCRIPTIONS} webhook subscriptions already. Delete one first.` },
      ]);
    }
    const subscription: WebhookSubscription = {
      ...{ id, accountId, chatbotId: ownChatbotId },
      url: fields.url,
      description: fields.description ?? '',
      events: fields.events,
      channels: fields.channels ?? null,
      schedule: fields.schedule ?? 'SHORT',
      document: fields.document ?? null,
      ...{ isActive: true, disabledReason: null, failingSince: null, warnedAt: null },
      ...{ createdAt: at, updatedAt: at },
    };
    await insertWebhookSubscription(trx, subscription, sealed);
    return { subscription, secret };
  });
}

/**
 * Changes the given fields of a subscription. Switching it on again clears its failure state.
 * @throws InvalidInputError, also when the URL changes and the viewer may not read the bodies; NotFoundError.
 */
export async function updateWebhookSubscription(
  deps: ChangeDeps,
  { accountId, scopes }: Author,
  { id: givenId, ...input }: SubscriptionFields & { id: string; isActive?: boolean | null | undefined },
): Promise<WebhookSubscription> {
  const rules = createSubscriptionRules(createAddressRules(deps.config.allowedAddresses));
  const fields = parseChanges(rules.partial().extend({ isActive: z.boolean().optional() }), { ...input });
  requireDocument(deps, fields.document);
  return deps.db.transaction(async (trx) => {
    const { subscription, sealed } = await getLockedSubscription(trx, accountId, givenId);
    const isReactivated = fields.isActive === true && !subscription.isActive;
    const changed: WebhookSubscription = {
      ...subscription,
      url: fields.url ?? subscription.url,
      description: fields.description ?? subscription.description,
      events: fields.events ?? subscription.events,
      channels: fields.channels === undefined ? subscription.channels : fields.channels,
      schedule: fields.schedule ?? subscription.schedule,
      document: fields.document === undefined ? subscription.document : fields.document,
      isActive: fields.isActive ?? subscription.isActive,
      ...(isReactivated && { disabledReason: null, failingSince: null }),
      updatedAt: toTimestamp(deps.clock.now()),
    };
    // A viewer without access to data must neither redirect the data nor subscribe to it.
    if (fields.url !== undefined || fields.events !== undefined || fields.document !== undefined) {
      const field = fields.events === undefined ? 'url' : 'events';
      requireReadable(deps, scopes, changed.document, field);
      requireEvents(scopes, changed.events, field);
    }
    const headers = fields.headers && sealHeaders(deps.sealer, subscription.id, fields.headers);
    await updateStoredSubscription(
      trx,
      changed,
      headers === undefined ? sealed : { ...sealed, sealedHeaders: headers },
    );
    return changed;
  });
}

/**
 * Deletes a subscription with its delivery log; deliveries that still have a next attempt are not sent.
 * @throws NotFoundError
 */
export async function deleteWebhookSubscription(
  { db }: Pick<Deps, 'db'>,
  { accountId }: Owner,
  input: { id: string },
): Promise<{ deletedId: string }> {
  return db.transaction(async (trx) => {
    const { subscription } = await getLockedSubscription(trx, accountId, input.id);
    await deleteStoredSubscription(trx, accountId, subscription.id);
    return { deletedId: subscription.id };
  });
}

/**
 * Gives a subscription a new secret. For 24 hours deliveries are signed with the previous secret too; the secret before
 * it becomes invalid immediately. If the previous secret cannot be unsealed, it is removed together with the custom
 * headers.
 * @returns the secret, which is never shown again, and the end of the previous secret's validity; null when it was
 * removed.
 * @throws NotFoundError; InvalidInputError when the gateway has no key to seal with.
 */
export async function rotateWebhookSecret(
  deps: Pick<Deps, 'db' | 'clock' | 'sealer'>,
  { accountId }: Owner,
  input: { id: string },
): Promise<{ subscription: WebhookSubscription; secret: string; oldSecretUntil: Timestamp | null }> {
  const now = deps.clock.now();
  const secret = createSecret();
  return deps.db.transaction(async (trx) => {
    const { subscription, sealed } = await getLockedSubscription(trx, accountId, input.id);
    const { id } = subscription;
    const parts = unsealParts(deps.sealer, id, sealed);
    const oldSecretUntil = parts ? toTimestamp(now + OLD_SECRET_MS) : null;
    const changed = { ...subscription, updatedAt: toTimestamp(now) };
    await updateStoredSubscription(trx, changed, {
      sealedSecret: sealSecret(deps.sealer, id, 'sealed_secret', secret),
      sealedOldSecret: parts ? sealSecret(deps.sealer, id, 'sealed_old_secret', parts.secret) : null,
      oldSecretUntil,
      sealedHeaders: parts ? sealed.sealedHeaders : null,
    });
    return { subscription: changed, secret, oldSecretUntil };
  });
}

/**
 * Finds a subscription by the id that a client gave, and locks it until the transaction ends.
 * @throws NotFoundError
 */
export async function getLockedSubscription(trx: Queryable, accountId: string, givenId: string) {
  const id = requireFound('Webhook subscription', parseId('webhookSubscription', givenId));
  return requireFound('Webhook subscription', await lockWebhookSubscription(trx, accountId, id));
}

/** @throws InvalidInputError */
function requireDocument({ selections }: Pick<Deps, 'selections'>, document: string | null | undefined): void {
  const problem = document == null ? undefined : selections.findProblem(document);
  if (problem !== undefined) throw new InvalidInputError([{ path: ['document'], message: problem }]);
}

/**
 * Checks that an author may read what a stored document selects. The scopes for a given document were checked before.
 * @throws InvalidInputError
 */
function requireReadable(
  { selections }: Pick<Deps, 'selections'>,
  scopes: ReadonlySet<Scope>,
  document: string | null,
  field: string,
): void {
  if (document === null || selections.isReadable(document, scopes)) return;
  const message = 'This credential lacks a scope for what the document of this subscription selects.';
  throw new InvalidInputError([{ path: [field], message }]);
}

/**
 * Checks that an author may read the default bodies of events, which are also sent when a document fails.
 * @throws InvalidInputError
 */
function requireEvents(scopes: ReadonlySet<Scope>, events: readonly WebhookEventName[], field: string): void {
  const unreadable = scopes.has('READ') ? [] : events.filter((name) => !ADMINISTRATIVE_EVENTS.has(name));
  if (unreadable.length === 0) return;
  const message = `This credential lacks READ, so it may not subscribe to ${unreadable.join(', ')}.`;
  throw new InvalidInputError([{ path: [field], message }]);
}

async function requireChatbot(trx: Queryable, accountId: string, givenId: string): Promise<string> {
  const id = requireFound('Chatbot', parseId('chatbot', givenId));
  return requireFound('Chatbot', await findChatbot(trx, accountId, id)).id;
}
