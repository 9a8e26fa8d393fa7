import type { Selectable } from 'kysely';
import type { Timestamp } from '../../domain/time.ts';
import type { WebhookEvent, WebhookEventName } from '../../domain/webhooks.ts';
import { prepareQuery } from '../engines/prepared.ts';
import { padIds } from '../pages.ts';
import type { Queryable } from '../tables.ts';
import type { WebhookEventRow } from './rows.ts';

/**
 * Inserts an event, in the transaction of the change that it reports.
 * @param isTest whether the event only tests an endpoint; `listWebhookEvents` omits test events.
 */
export async function insertWebhookEvent(
  trx: Queryable,
  event: WebhookEvent,
  { isTest }: { isTest: boolean } = { isTest: false },
): Promise<void> {
  await trx
    .insertInto('webhook_events')
    .values({
      id: event.id,
      account_id: event.accountId,
      chatbot_id: event.chatbotId,
      name: event.name,
      conversation_id: event.conversationId,
      message_id: event.messageId,
      lead_id: event.leadId,
      source_id: event.sourceId,
      data: event.data,
      is_test: isTest ? 1 : 0,
      at: event.at,
    })
    .execute();
}

/** Finds an event of the account. */
export async function findWebhookEvent(
  db: Queryable,
  accountId: string,
  id: string,
): Promise<WebhookEvent | undefined> {
  const [row] = await FIND(db, [id, accountId]);
  return row && toEvent(row);
}

const FIND = prepareQuery((db) =>
  db.selectFrom('webhook_events').selectAll().where('id', '=', '').where('account_id', '=', ''),
);

/** Finds several events of the account, in no particular order. */
export async function findWebhookEvents(
  db: Queryable,
  accountId: string,
  ids: readonly string[],
): Promise<WebhookEvent[]> {
  const rows = await db
    .selectFrom('webhook_events')
    .selectAll()
    .where('id', 'in', padIds(ids))
    .where('account_id', '=', accountId)
    .execute();
  return rows.map(toEvent);
}

/**
 * An account's events with one of the names, from `since` on, after the id `after`, oldest first. Uses
 * `webhook_events_by_account`.
 * @param chatbotId selects the events of one chatbot; null selects all.
 */
export async function listWebhookEvents(
  db: Queryable,
  accountId: string,
  {
    chatbotId,
    names,
    since,
    after,
    limit,
  }: {
    chatbotId: string | null;
    names: readonly WebhookEventName[];
    since: Timestamp;
    after: string;
    limit: number;
  },
): Promise<WebhookEvent[]> {
  let query = db
    .selectFrom('webhook_events')
    .selectAll()
    .where('account_id', '=', accountId)
    .where('id', '>', after)
    .where('name', 'in', [...names])
    .where('at', '>=', since)
    .where('is_test', '=', 0);
  if (chatbotId !== null) query = query.where('chatbot_id', '=', chatbotId);
  return (await query.orderBy('id').limit(limit).execute()).map(toEvent);
}

/**
 * Deletes at most `limit` events before a time, oldest first, with their deliveries and attempts. Keeps events with a
 * delivery that has a next attempt. Uses `webhook_events_by_age`.
 * @returns the number of deleted events.
 */
export async function deleteWebhookEventsBefore(trx: Queryable, before: Timestamp, limit: number): Promise<number> {
  const { numDeletedRows } = await trx
    .deleteFrom('webhook_events')
    .where('id', 'in', (eb) =>
      eb
        .selectFrom('webhook_events as old')
        .select('old.id')
        .where('old.at', '<', before)
        .where((old) =>
          old.not(
            old.exists(
              old
                .selectFrom('webhook_deliveries as pending')
                .select('pending.id')
                .whereRef('pending.event_id', '=', 'old.id')
                .where('pending.next_attempt_at', 'is not', null),
            ),
          ),
        )
        .orderBy('old.at')
        .limit(limit),
    )
    .executeTakeFirstOrThrow();
  return Number(numDeletedRows);
}

function toEvent(row: Selectable<WebhookEventRow>): WebhookEvent {
  return {
    id: row.id,
    accountId: row.account_id,
    chatbotId: row.chatbot_id,
    name: row.name,
    conversationId: row.conversation_id,
    messageId: row.message_id,
    leadId: row.lead_id,
    sourceId: row.source_id,
    data: row.data,
    at: row.at,
  };
}
