import type { Insertable, Selectable } from 'kysely';
import type { Answering } from '../domain/answering.ts';
import type { Chatbot } from '../domain/entities.ts';
import { fromJson, toJson } from '../domain/json.ts';
import type { LeadForm } from '../domain/lead-form.ts';
import type { Limits } from '../domain/limits.ts';
import { prepareQuery } from './engines/prepared.ts';
import { type Page, padIds, pageOf, prepareList } from './pages.ts';
import type { ChatbotRow, Queryable } from './tables.ts';

/** Inserts a new chatbot. Its slug is unique within the account: see `findChatbotBySlug`. */
export async function insertChatbot(trx: Queryable, chatbot: Chatbot): Promise<void> {
  await trx.insertInto('chatbots').values(toRow(chatbot)).execute();
}

/** Writes all changeable fields of a chatbot. */
export async function updateChatbot(trx: Queryable, chatbot: Chatbot): Promise<void> {
  const { id, account_id, created_at, ...fields } = toRow(chatbot);
  await trx.updateTable('chatbots').set(fields).where('id', '=', id).where('account_id', '=', account_id).execute();
}

/** Finds a chatbot of the account. */
export async function findChatbot(db: Queryable, accountId: string, id: string): Promise<Chatbot | undefined> {
  const [row] = await FIND(db, [id, accountId]);
  return row && toChatbot(row);
}

const selectById = (db: Queryable) =>
  db
    .selectFrom('chatbots')
    .selectAll()
    .where('id', '=', '')
    .where('account_id', '=', '')
    .where('deleted_at', 'is', null);
const FIND = prepareQuery(selectById);
const LOCK = prepareQuery((db) => selectById(db).forUpdate());

/**
 * Finds a chatbot of the account and locks it until the end of the transaction. Waits for transactions that add a row
 * to the chatbot, such as a source.
 */
export async function lockChatbot(trx: Queryable, accountId: string, id: string): Promise<Chatbot | undefined> {
  const [row] = await LOCK(trx, [id, accountId]);
  return row && toChatbot(row);
}

/** Finds a chatbot of the account by its slug. Uses `chatbots_by_slug`. */
export async function findChatbotBySlug(db: Queryable, accountId: string, slug: string): Promise<Chatbot | undefined> {
  const row = await db
    .selectFrom('chatbots')
    .selectAll()
    .where('account_id', '=', accountId)
    .where('slug', '=', slug)
    .where('deleted_at', 'is', null)
    .executeTakeFirst();
  return row && toChatbot(row);
}

/** Finds several chatbots of the account, in no particular order. */
export async function findChatbots(db: Queryable, accountId: string, ids: readonly string[]): Promise<Chatbot[]> {
  const rows = await db
    .selectFrom('chatbots')
    .selectAll()
    .where('id', 'in', padIds(ids))
    .where('account_id', '=', accountId)
    .where('deleted_at', 'is', null)
    .execute();
  return rows.map(toChatbot);
}

/** The account's chatbots, oldest first. Uses `chatbots_by_account`. */
export async function listChatbots(
  db: Queryable,
  accountId: string,
  page: Page,
  ids?: ReadonlySet<string>,
): Promise<Chatbot[]> {
  if (ids !== undefined) return pageOf(await findChatbots(db, accountId, [...ids]), page);
  return (await LIST(db, [accountId], page)).map(toChatbot);
}

const LIST = prepareList('asc', (db) =>
  db.selectFrom('chatbots').selectAll().where('account_id', '=', '').where('deleted_at', 'is', null),
);

/** The number of the account's chatbots, or of those among `ids`. */
export async function countChatbots(db: Queryable, accountId: string, ids?: ReadonlySet<string>): Promise<number> {
  if (ids !== undefined) return (await findChatbots(db, accountId, [...ids])).length;
  const { count } = await db
    .selectFrom('chatbots')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .where('account_id', '=', accountId)
    .where('deleted_at', 'is', null)
    .executeTakeFirstOrThrow();
  return Number(count);
}

/** Sets the limits of the sessions of a chatbot of the account. */
export async function updateChatbotLimits(
  trx: Queryable,
  accountId: string,
  id: string,
  limits: Limits,
): Promise<void> {
  await trx
    .updateTable('chatbots')
    .set({ limits: toLimitsColumn(limits) })
    .where('id', '=', id)
    .where('account_id', '=', accountId)
    .execute();
}

/** The ids of the chatbots of every account. */
export async function listAllChatbotIds(db: Queryable): Promise<string[]> {
  const rows = await db.selectFrom('chatbots').select('id').where('deleted_at', 'is', null).execute();
  return rows.map(({ id }) => id);
}

/** Null for a chatbot without limits, which the index of the limited ones leaves out. */
const toLimitsColumn = (limits: Limits) => (Object.keys(limits).length === 0 ? null : toJson(limits));

function toRow(chatbot: Chatbot): Insertable<ChatbotRow> {
  return {
    id: chatbot.id,
    account_id: chatbot.accountId,
    name: chatbot.name,
    slug: chatbot.slug,
    provider: chatbot.provider,
    model: chatbot.model,
    instructions: chatbot.instructions,
    fallback_message: chatbot.fallbackMessage,
    handoff_message: chatbot.handoffMessage,
    lead_form: toJson(chatbot.leadForm),
    answering: toJson(chatbot.answering),
    is_active: chatbot.isActive ? 1 : 0,
    is_public: chatbot.isPublic ? 1 : 0,
    allowed_origins: toJson(chatbot.allowedOrigins),
    requires_identity: chatbot.identity.isRequired ? 1 : 0,
    jwks_url: chatbot.identity.jwksUrl,
    metadata: chatbot.metadata,
    persisted_only: chatbot.persistedOnly ? 1 : 0,
    session_operations: chatbot.sessionOperations,
    limits: toLimitsColumn(chatbot.limits),
    created_at: chatbot.createdAt,
    updated_at: chatbot.updatedAt,
  };
}

/** Converts the row of a chatbot. */
export function toChatbot(row: Selectable<ChatbotRow>): Chatbot {
  return {
    id: row.id,
    accountId: row.account_id,
    name: row.name,
    slug: row.slug,
    provider: row.provider,
    model: row.model,
    instructions: row.instructions,
    fallbackMessage: row.fallback_message,
    handoffMessage: row.handoff_message,
    leadForm: fromJson<LeadForm>(row.lead_form),
    answering: fromJson<Answering>(row.answering),
    isActive: row.is_active === 1,
    isPublic: row.is_public === 1,
    allowedOrigins: fromJson<string[]>(row.allowed_origins),
    identity: { isRequired: row.requires_identity === 1, jwksUrl: row.jwks_url },
    metadata: row.metadata,
    persistedOnly: row.persisted_only === 1,
    sessionOperations: row.session_operations,
    limits: row.limits === null ? {} : fromJson<Limits>(row.limits),
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}
