import type { Selectable } from 'kysely';
import type { Timestamp } from '../../domain/time.ts';
import type { WebhookEvent, WebhookEventName } from '../../domain/webhooks.ts';
import { prepareQuery } from '../engines/prepared.ts';
import { padIds } from '../pages.ts';
import type { Queryable } from '../tables.ts';
import type { WebhookEventRow } from './rows.ts';

/**
 * Inserts an event, in the transaction of the change that it reports.
 * @param isTest whether the event is a test event, which is sent to test an endpoint and never listed.
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
 * An account's events of some types since a moment, oldest first, after the id `after`. Uses
 * `webhook_events_by_account`.
 * @param chatbotId selects the events of one chatbot; null: all.
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
 * Deletes the oldest events before a moment, with their deliveries and attempts; keeps events with a delivery that is
 * still due. Uses `webhook_events_by_age`.
 * @returns how many were deleted: at most `limit`.
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
                .selectFrom('webhook_deliveries as due')
                .select('due.id')
                .whereRef('due.event_id', '=', 'old.id')
                .where('due.next_attempt_at', 'is not', null),
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
