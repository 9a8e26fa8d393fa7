import type { Selectable } from 'kysely';
import type { Citation, Message, MessageRole } from '../domain/entities.ts';
import type { MessageFailure } from '../domain/failures.ts';
import { fromJson, toJson } from '../domain/json.ts';
import type { Timestamp } from '../domain/time.ts';
import type { Generation, TokenUsage } from '../domain/usage.ts';
import { CONVERSATION_NOT_DELETED } from './deleted-chatbots.ts';
import { prepareQuery } from './engines/prepared.ts';
import { indexMessage } from './inbox/message-index.ts';
import { type Page, padIds, prepareList } from './pages.ts';
import type { MessageRow, Queryable } from './tables.ts';

/**
 * Inserts a new message.
 * @param nodeId the node that generates the message, for a reply that starts immediately.
 */
export async function insertMessage(
  trx: Queryable,
  message: Message,
  {
    nodeId = null,
    budgetIds = [],
  }: { nodeId?: string | null | undefined; budgetIds?: readonly string[] | undefined } = {},
): Promise<void> {
  await trx
    .insertInto('messages')
    .values({
      id: message.id,
      account_id: message.accountId,
      conversation_id: message.conversationId,
      role: message.role,
      status: message.status,
      content: message.content,
      citations: toJson(message.citations),
      finish_reason: message.finishReason,
      ...toUsageColumns(message.usage, message.generation),
      outcome: message.outcome,
      confidence: message.confidence,
      reasoning: message.reasoning,
      follow_ups: message.followUps.length === 0 ? null : toJson(message.followUps),
      api_key_id: message.apiKeyId,
      budget_ids: budgetIds.length === 0 ? null : toJson(budgetIds),
      rating: message.rating,
      rating_comment: message.ratingComment,
      parent_id: message.parentId,
      replaces_id: message.replacesId,
      is_shown: message.isShown ? 1 : 0,
      is_private: message.isPrivate ? 1 : 0,
      author_name: message.authorName,
      author_id: message.authorId,
      node_id: nodeId,
      attempts: nodeId === null ? 0 : 1,
      metadata: message.metadata,
      error: message.error && toJson(message.error),
      created_at: message.createdAt,
      completed_at: message.completedAt,
    })
    .execute();
  if (message.content !== '') await indexMessage(trx, message, message.content);
}

/** Stores changed fields of a message. */
export async function updateMessage(
  trx: Queryable,
  message: Pick<Message, 'id' | 'accountId'>,
  { followUps, ratingComment, ...fields }: Partial<Pick<Message, 'content' | 'rating' | 'ratingComment' | 'followUps'>>,
  at: Timestamp,
): Promise<void> {
  await trx
    .updateTable('messages')
    .set({
      ...fields,
      ...(ratingComment !== undefined && { rating_comment: ratingComment }),
      ...(followUps && { follow_ups: toJson(followUps) }),
      updated_at: at,
    })
    .where('id', '=', message.id)
    .where('account_id', '=', message.accountId)
    .execute();
  if (fields.content !== undefined) await indexMessage(trx, message, fields.content);
}

/** Adds to the usage and the price of a finished reply. If either price is unknown, the total price is unknown. */
export async function addUsage(
  trx: Queryable,
  { id, accountId }: Pick<Message, 'id' | 'accountId'>,
  usage: TokenUsage,
  priceNano: number | null,
): Promise<void> {
  await trx
    .updateTable('messages')
    .set((row) => ({
      input_tokens: row('input_tokens', '+', usage.inputTokens),
      cached_tokens: row('cached_tokens', '+', usage.cachedTokens),
      output_tokens: row('output_tokens', '+', usage.outputTokens),
      reasoning_tokens: row('reasoning_tokens', '+', usage.reasoningTokens),
      price_nano: priceNano === null ? null : row('price_nano', '+', priceNano),
    }))
    .where('id', '=', id)
    .where('account_id', '=', accountId)
    .execute();
}

/**
 * Finds the chatbot's first reply to a message. Another message with the same parent, such as a person's, may be older
 * than the reply. Uses `messages_by_parent`.
 */
export async function findReply(db: Queryable, accountId: string, parentId: string): Promise<Message | undefined> {
  const row = await db
    .selectFrom('messages')
    .selectAll()
    .where('parent_id', '=', parentId)
    .where('account_id', '=', accountId)
    .where('role', '=', 'ASSISTANT')
    .orderBy('id')
    .limit(1)
    .executeTakeFirst();
  return row && toMessage(row);
}

/** Finds a message of the account. */
export async function findMessage(db: Queryable, accountId: string, id: string): Promise<Message | undefined> {
  const [row] = await FIND(db, [id, accountId]);
  return row && toMessage(row);
}

const FIND = prepareQuery((db) =>
  db
    .selectFrom('messages')
    .selectAll()
    .where('id', '=', '')
    .where('account_id', '=', '')
    .where(CONVERSATION_NOT_DELETED),
);

/** Finds several messages of the account, in no particular order. */
export async function findMessages(db: Queryable, accountId: string, ids: readonly string[]): Promise<Message[]> {
  const rows = await db
    .selectFrom('messages')
    .selectAll()
    .where('id', 'in', padIds(ids))
    .where('account_id', '=', accountId)
    .where(CONVERSATION_NOT_DELETED)
    .execute();
  return rows.map(toMessage);
}

/** The id of the newest message of a conversation, on any branch. Uses `messages_shown`. */
export async function findNewestMessageId(
  db: Queryable,
  accountId: string,
  conversationId: string,
): Promise<string | undefined> {
  const rows = await NEWEST_IDS(db, [conversationId, 0, accountId, 1, conversationId, 1, accountId, 1]);
  return rows
    .map(({ id }) => id)
    .sort()
    .at(-1);
}

const NEWEST_IDS = prepareQuery((db) => {
  const newest = (isShown: 0 | 1) =>
    db
      .selectFrom('messages')
      .select('id')
      .where('conversation_id', '=', '')
      .where('is_shown', '=', isShown)
      .where('account_id', '=', '')
      .orderBy('id', 'desc')
      .limit(1);
  const selectNewest = (isShown: 0 | 1) => db.selectFrom(newest(isShown).as('newest')).select('id');
  return selectNewest(0).unionAll(selectNewest(1));
});

/** Selects the messages of which the last is sought. */
export interface LastMessageFilter {
  readonly withNotes: boolean;
  /** Whether a reply that is QUEUED or STREAMING counts. */
  readonly withUnfinished: boolean;
  /** The author of the message; absent: any. */
  readonly role?: MessageRole | undefined;
}

/**
 * The last message of a kind that each of several conversations shows. Uses `messages_shown`, with one lookup per
 * conversation.
 */
export async function findLastMessages(
  db: Queryable,
  accountId: string,
  conversationIds: readonly string[],
  { withNotes, withUnfinished, role }: LastMessageFilter,
): Promise<Message[]> {
  const rows = await db
    .selectFrom('messages')
    .selectAll()
    .where('account_id', '=', accountId)
    .where('id', 'in', (eb) =>
      eb
        .selectFrom('conversations as c')
        .where('c.id', 'in', padIds(conversationIds))
        .select((c) =>
          c
            .selectFrom('messages as m')
            .whereRef('m.conversation_id', '=', 'c.id')
            .where('m.is_shown', '=', 1)
            .where('m.is_private', 'in', withNotes ? [0, 1] : [0])
            .$if(!withUnfinished, (m) => m.where('m.status', 'not in', ['QUEUED', 'STREAMING']))
            .$if(role !== undefined, (m) => m.where('m.role', '=', role as MessageRole))
            .select('m.id')
            .orderBy('m.id', 'desc')
            .limit(1)
            .as('id'),
        ),
    )
    .execute();
  return rows.map(toMessage);
}

/** The messages that a conversation shows, oldest first, with or without private notes. Uses `messages_shown`. */
export async function listMessages(
  db: Queryable,
  accountId: string,
  { conversationId, withNotes }: { conversationId: string; withNotes: boolean },
  page: Page,
): Promise<Message[]> {
  const rows = withNotes
    ? await LIST(db, [conversationId, 1, accountId], page)
    : await LIST_WITHOUT_NOTES(db, [conversationId, 1, accountId, 0], page);
  return rows.map(toMessage);
}

const selectShown = (db: Queryable) =>
  db
    .selectFrom('messages')
    .selectAll()
    .where('conversation_id', '=', '')
    .where('is_shown', '=', 1)
    .where('account_id', '=', '');
const LIST = prepareList('asc', selectShown);
const LIST_WITHOUT_NOTES = prepareList('asc', (db) => selectShown(db).where('is_private', '=', 0));

/** Converts a row to a message. */
export function toMessage(row: Selectable<MessageRow>): Message {
  return {
    id: row.id,
    accountId: row.account_id,
    conversationId: row.conversation_id,
    role: row.role,
    status: row.status,
    content: row.content,
    citations: fromJson<Citation[]>(row.citations),
    finishReason: row.finish_reason,
    usage: toUsage(row),
    generation:
      row.provider === null
        ? null
        : {
            provider: row.provider,
            model: row.model,
            firstTokenMs: row.first_token_ms,
            priceNano: row.price_nano,
            attempts: row.model_attempts,
          },
    outcome: row.outcome,
    confidence: row.confidence,
    reasoning: row.reasoning,
    followUps: row.follow_ups === null ? [] : fromJson<string[]>(row.follow_ups),
    apiKeyId: row.api_key_id,
    rating: row.rating,
    ratingComment: row.rating_comment,
    parentId: row.parent_id,
    replacesId: row.replaces_id,
    isShown: row.is_shown === 1,
    isPrivate: row.is_private === 1,
    authorName: row.author_name,
    authorId: row.author_id,
    metadata: row.metadata,
    error: row.error && fromJson<MessageFailure>(row.error),
    createdAt: row.created_at,
    completedAt: row.completed_at,
    updatedAt: latestOf(row.completed_at ?? row.created_at, row.updated_at),
  };
}

/** Converts the usage and the generation of a reply to columns. */
export function toUsageColumns(usage: TokenUsage | null, generation: Generation | null) {
  return {
    input_tokens: usage?.inputTokens ?? null,
    output_tokens: usage?.outputTokens ?? null,
    cached_tokens: usage?.cachedTokens ?? null,
    reasoning_tokens: usage?.reasoningTokens ?? null,
    is_estimated: usage && (usage.isEstimated ? 1 : 0),
    provider: generation?.provider ?? null,
    model: generation?.model ?? null,
    first_token_ms: generation?.firstTokenMs ?? null,
    price_nano: generation?.priceNano ?? null,
    model_attempts: generation?.attempts ?? null,
  } satisfies Partial<MessageRow>;
}

/** The end of a reply does not write `updated_at`, which may be the time of an earlier change. */
const latestOf = (at: Timestamp, other: Timestamp | null) => (other !== null && other > at ? other : at);

function toUsage(row: Selectable<MessageRow>): TokenUsage | null {
  if (row.input_tokens === null || row.output_tokens === null) return null;
  return {
    inputTokens: row.input_tokens,
    cachedTokens: row.cached_tokens ?? 0,
    outputTokens: row.output_tokens,
    reasoningTokens: row.reasoning_tokens ?? 0,
    isEstimated: row.is_estimated === 1,
  };
}
