import { type RawBuilder, sql } from 'kysely';
import { type IdKind, kindOfId } from '../domain/ids.ts';
import { listRestrictedApiKeys } from './api-keys.ts';
import type { Queryable } from './tables.ts';

/**
 * Finds those among a few ids whose objects a credential may see that is restricted to some chatbots of its account. It
 * sees these chatbots and what belongs to them, its account, and API keys that are restricted to no other chatbots.
 * Nothing else: neither what belongs to another chatbot nor, for example, a webhook subscription to the events of all
 * chatbots. An unknown id is never among the results.
 * @param ids in lower case.
 */
export async function findVisibleIds(
  db: Queryable,
  { accountId, chatbotIds }: { readonly accountId: string; readonly chatbotIds: ReadonlySet<string> },
  ids: readonly string[],
): Promise<Set<string>> {
  const visible = new Set<string>();
  for (const [kind, group] of Map.groupBy(new Set(ids), kindOfId)) {
    if (kind === undefined) continue;
    const find = FINDERS[kind];
    for (const id of await find(db, { accountId, chatbotIds, ids: group })) visible.add(id);
  }
  return visible;
}

/** The ids of objects of one kind, and the restriction. */
interface Restricted {
  readonly accountId: string;
  readonly chatbotIds: ReadonlySet<string>;
  readonly ids: readonly string[];
}

type FindVisible = (db: Queryable, restricted: Restricted) => Iterable<string> | Promise<Iterable<string>>;

const BY_CONVERSATION = sql`inner join conversations as owner on owner.id = object.conversation_id`;
const BY_SUBSCRIPTION = sql`inner join webhook_subscriptions as owner on owner.id = object.subscription_id`;

/** The way from the objects of each kind to their chatbots. A new kind of id needs a decision here. */
const FINDERS: Readonly<Record<IdKind, FindVisible>> = {
  account: (_db, { accountId, ids }) => ids.filter((id) => id === accountId),
  apiKey: async (db, { accountId, chatbotIds }) =>
    (await listRestrictedApiKeys(db, accountId, chatbotIds)).map(({ id }) => id),
  chatbot: (_db, { chatbotIds, ids }) => ids.filter((id) => chatbotIds.has(id)),
  source: findBy(sql`sources`),
  passage: findBy(sql`passages`),
  conversation: findBy(sql`conversations`),
  message: findBy(sql`messages`, BY_CONVERSATION),
  lead: findBy(sql`leads`),
  webhookSubscription: findBy(sql`webhook_subscriptions`),
  webhookDelivery: findBy(sql`webhook_deliveries`, BY_SUBSCRIPTION),
  webhookEvent: findBy(sql`webhook_events`),
  // Clients get events from streams, and name none.
  conversationEvent: () => [],
  conversationActivity: findBy(sql`conversation_activities`, BY_CONVERSATION),
  visitor: findBy(sql`visitors`),
  sessionToken: findBy(sql`session_tokens`),
  // Members and manifests belong to the account: other chatbots use them too.
  member: () => [],
  operationManifest: () => [],
  operation: () => [],
};

/** Finds objects by the chatbot in their own row, or in the row of the object that they are joined to. */
function findBy(table: RawBuilder<unknown>, joinOwner?: RawBuilder<unknown>): FindVisible {
  const owner = sql.raw(joinOwner ? 'owner' : 'object');
  return async (db, { accountId, chatbotIds, ids }) => {
    const { rows } = await sql<{ id: string }>`
      select object.id from ${table} as object ${joinOwner ?? sql``}
      where object.id in (${sql.join(ids)}) and object.account_id = ${accountId}
        and ${owner}.chatbot_id in (${sql.join([...chatbotIds])})`.execute(db);
    return rows.map(({ id }) => id);
  };
}
